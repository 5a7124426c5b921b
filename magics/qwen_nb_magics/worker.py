"""Blocking work in a thread of its own, its results taken out on the caller's.

The kernel's main thread stays free meanwhile: widgets answer, and an interrupt arrives.
"""

from __future__ import annotations

import contextvars
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")

TICK = 0.04
"""Seconds between two looks at the results. Also what makes an interrupt prompt: ipykernel's handler only schedules
the cancellation, and a loop that sleeps longer notices it when it wakes."""

GRACE = 10.0
"""Seconds that an interrupted worker has to hand over what it has: a token, or a chunk of a long prompt."""

Work = Callable[[Callable[[T], None], threading.Event], None]
"""Gets a function that hands a result over and an event that asks it to stop."""


class Worker(Generic[T]):
    """Runs `work` in a daemon thread that sees the caller's context variables (ipykernel routes output by them)."""

    def __init__(self, work: Work[T]) -> None:
        self.stop = threading.Event()
        self._results: SimpleQueue[T] = SimpleQueue()
        self._finished = threading.Event()
        self._error: BaseException | None = None
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(self._run, work), name="qwen_nb", daemon=True).start()

    def _run(self, work: Work[T]) -> None:
        try:
            work(self._results.put, self.stop)
        except BaseException as error:  # noqa: BLE001 -- raised again on the caller's thread
            self._error = error
        finally:
            self._finished.set()

    @property
    def running(self) -> bool:
        """There may be more results."""
        return not self._finished.is_set()

    def wait(self, seconds: float) -> None:
        """Return when the work is done, at the latest after `seconds`."""
        self._finished.wait(seconds)

    def results(self) -> Iterator[T]:
        """What has been handed over since the last call; then the work's own error, if it ended with one."""
        finished = self._finished.is_set()  # looked at first: nothing can be put after it
        while True:
            try:
                yield self._results.get_nowait()
            except Empty:
                break
        if finished and self._error is not None:
            error, self._error = self._error, None
            raise error


@contextmanager
def interruptible() -> Iterator[None]:
    """Make an interrupt raise KeyboardInterrupt here, also inside a cell that ipykernel awaits.

    For such a cell its handler cancels at the next `await`, which blocking code never reaches.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    saved = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, saved)
