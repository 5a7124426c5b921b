"""Showing how far a model's loading is, on one line and only when it takes long enough to wonder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

Progress = Callable[[float, str], None]
"""Called with the fraction done, 0 to 1, and what is going on."""

SHOW_AFTER_SECONDS = 2.0


@contextmanager
def loading_bar(name: str) -> Iterator[Progress]:
    """A bar of text that appears after two seconds and leaves nothing behind."""
    with tqdm(
        total=100,
        desc=f"loading {name}",
        delay=SHOW_AFTER_SECONDS,
        leave=False,
        bar_format="{desc} {percentage:3.0f} %|{bar}|",
    ) as bar:

        def report(fraction: float, text: str) -> None:
            bar.set_description_str(text, refresh=False)
            bar.update(100 * fraction - bar.n)

        yield report


@contextmanager
def weights_reported(report: Callable[[float], None]) -> Iterator[None]:
    """Within this, transformers reports the tensors it has loaded to `report` instead of drawing bars of its own.

    Its hook for that is global, so the one that was set before comes back at the end.
    """
    from transformers.utils import logging

    def bar(_factory: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> _Counted:
        return _Counted(arguments[0] if arguments else options.get("iterable", ()), report)

    before = logging.set_tqdm_hook(bar)
    try:
        yield
    finally:
        logging.set_tqdm_hook(before)


class _Counted:
    """As much of a progress bar as transformers uses while loading: something to iterate over."""

    def __init__(self, items: Iterable[Any], report: Callable[[float], None]) -> None:
        self._items = list(items)
        self._report = report

    def __iter__(self) -> Iterator[Any]:
        for done, item in enumerate(self._items, start=1):
            yield item
            self._report(done / len(self._items))
