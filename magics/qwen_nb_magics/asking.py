"""One turn: work in a thread, its events on the screen, an interrupt that keeps what there is."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from qwen_nb.messages import Event
from qwen_nb_magics.display import Screen
from qwen_nb_magics.transcript import Note, Transcript
from qwen_nb_magics.worker import GRACE, TICK, Worker, interruptible

Emit = Callable[[Event | Note], None]


class Interrupted(KeyboardInterrupt):
    """The user stopped an answer; shown as one line, and what there was of it is on `_qwen`."""

    def _render_traceback_(self) -> list[str]:
        return [f"KeyboardInterrupt: {self}"]


Interrupted.__name__ = "KeyboardInterrupt"  # front ends and runners tell an interrupt by this name


class Turn:
    """Runs `work` and shows what it emits.

    Args:
        work: called in a thread with a function to emit events and a `threading.Event` that asks it to stop.
        transcript: collects the events.
        screen: shows the transcript.
    """

    def __init__(self, work: Callable[[Emit, threading.Event], None], transcript: Transcript, screen: Screen) -> None:
        self._transcript = transcript
        self._screen = screen
        self._worker: Worker[Event | Note] = Worker(work)

    def run(self) -> None:
        """Block until it is done, open to interrupts.

        Raises:
            Interrupted: the user stopped it; the transcript has what there was.
        """
        try:
            with interruptible():
                for _ in self._steps():
                    self._worker.wait(TICK)
        except KeyboardInterrupt:
            with suppress(KeyboardInterrupt):  # a second one: not even the partial reply is waited for
                for _ in self._stopping():
                    self._worker.wait(TICK)
            raise self._interrupted() from None
        finally:
            self._worker.stop.set()

    async def arun(self) -> None:
        """The same on a running event loop, which goes on meanwhile; there an interrupt arrives as a cancellation."""
        try:
            for _ in self._steps():
                await asyncio.sleep(TICK)
        except (asyncio.CancelledError, KeyboardInterrupt):
            with suppress(asyncio.CancelledError, KeyboardInterrupt):
                for _ in self._stopping():
                    await asyncio.sleep(TICK)
            raise self._interrupted() from None
        finally:
            self._worker.stop.set()

    def _steps(self) -> Iterator[None]:
        """Show what comes, and yield where it is time to wait for more."""
        try:
            while self._worker.running:
                self._take()
                yield
            self._take()
        except Exception:
            self._transcript.failed = True
            self._screen.show(self._transcript, final=True)
            raise
        self._screen.show(self._transcript, final=True)

    def _stopping(self) -> Iterator[None]:
        """Wait for the partial reply; loading cannot be stopped and is left to itself."""
        self._worker.stop.set()
        deadline = time.monotonic() + GRACE
        while self._worker.running and not self._transcript.loading and time.monotonic() < deadline:
            yield
            self._take()
        self._take()

    def _take(self) -> None:
        for event in self._worker.results():
            self._transcript.add(event)
        self._screen.show(self._transcript)

    def _interrupted(self) -> Interrupted:
        loading = self._transcript.loading  # cleared by the next line
        self._transcript.interrupt()
        self._screen.show(self._transcript, final=True)
        if loading:
            return Interrupted(f"loading {self._transcript.model} goes on in the background; ask again to use it.")
        return Interrupted("stopped; the partial answer is kept in _qwen.")
