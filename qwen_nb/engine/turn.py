"""One generation at a time: who asks while another answer is being made waits for its turn, or is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from qwen_nb.errors import BusyError

POLL_SECONDS = 0.05
"""How often a waiting thread looks whether it was told to stop."""


class Turn:
    """A lock that can be waited for with an eye on a stop event, and that refuses its own thread instead of hanging."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._owner: int | None = None

    @contextmanager
    def held(self, *, wait: bool = True, stop: threading.Event | None = None) -> Iterator[bool]:
        """Hold the turn; gives False, without holding it, when `stop` was set first.

        Raises:
            BusyError: this thread has it already, or another has it and `wait` is False.
        """
        ours = self._acquire(wait, stop)
        if ours:
            self._owner = threading.get_ident()
        try:
            yield ours
        finally:
            if ours:
                self._owner = None
                self._lock.release()

    def _acquire(self, wait: bool, stop: threading.Event | None) -> bool:
        while not self._lock.acquire(timeout=POLL_SECONDS if wait else 0):
            if self._owner == threading.get_ident():
                raise BusyError(
                    f"{self._name} is in the middle of an answer that this thread has not read to its end. "
                    "Read on, or end it with `stream.close()`, before asking again."
                )
            if not wait:
                raise BusyError(f"{self._name} is answering something else. Interrupt that, or ask with wait=True.")
            if stop is not None and stop.is_set():
                return False
        return True
