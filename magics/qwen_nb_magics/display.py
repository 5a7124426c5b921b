"""Screens: where a transcript is shown while it grows. Displays in a notebook, plain text in a terminal."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

from qwen_nb_magics.parsing import Format
from qwen_nb_magics.render import Block, blocks, footer, formatted, metadata
from qwen_nb_magics.transcript import Transcript

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from IPython.core.interactiveshell import InteractiveShell

INTERVAL = 0.125
"""Seconds between two updates: fast enough to read along, slow enough for a browser that draws everything anew."""
CHARACTERS_PER_SECOND = 40_000
"""Long answers are sent less often, so that repeating all of one never floods the connection."""
PATIENCE = 0.3
"""Seconds before a line says that nothing has come yet; a quick error then stands alone in its cell."""


class Screen(Protocol):
    """Shows a transcript; may be called as often as one likes."""

    def show(self, transcript: Transcript, *, final: bool = False) -> None:
        """Show the transcript as far as it has come; `final` shows all of it at once and for good."""
        ...


class NotebookScreen:
    """Thought, answer and a line below, each a display of its own that is updated in place.

    The last display is always the line that says what is going on: when a thought or an answer begins it takes over
    that display, and the line moves on to a new one below.
    """

    def __init__(
        self, shell: InteractiveShell, form: Format = "markdown", *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._publisher = shell.display_pub
        self._form: Format = form
        self._clock = clock
        self._shown: list[tuple[str, Block]] = []
        self._due = clock() + PATIENCE
        self._has_begun = False

    def show(self, transcript: Transcript, *, final: bool = False) -> None:
        """Publish what has changed, unless the last update was only just sent."""
        begins = transcript.started and not self._has_begun
        if not (final or begins or self._clock() >= self._due):
            return
        if transcript.failed and not (self._shown or transcript.started):  # the error says it all
            return
        self._has_begun = transcript.started
        for place, block in enumerate(blocks(transcript, self._form)):
            self._publish(place, block, transcript)
        length = len(transcript.text) + len(transcript.thinking)
        self._due = self._clock() + max(INTERVAL, length / CHARACTERS_PER_SECOND)

    def _publish(self, place: int, block: Block, transcript: Transcript) -> None:
        facts = metadata(transcript, block.part)
        is_new = place == len(self._shown)
        if not is_new and self._shown[place][1] == block and transcript.reply is None:
            return
        name = uuid4().hex if is_new else self._shown[place][0]
        self._shown[place : place + 1] = [(name, block)]
        self._publisher.publish(dict(block.bundle), facts, transient={"display_id": name}, update=not is_new)


class TerminalScreen:
    """The text as it comes: the thought, dimmed where that can be seen, the answer, the line below."""

    def __init__(self, form: Format = "markdown", out: TextIO | None = None) -> None:
        self._form: Format = form
        self._out = out or sys.stdout
        self._is_terminal = self._out.isatty()
        self._thought = 0
        self._answer = 0

    def show(self, transcript: Transcript, *, final: bool = False) -> None:
        """Write what is new."""
        if not transcript.started and not final and self._is_terminal:
            self._out.write(f"\r{self._dim(footer(transcript, self._form))}\x1b[K")
        self._write_thought(transcript.thinking)
        self._write_answer(transcript, final=final)
        if final and not (transcript.failed and not transcript.started):
            self._out.write("\n" * bool(self._answer) + self._dim(footer(transcript, self._form)) + "\n")
        self._out.flush()

    def _write_thought(self, thinking: str) -> None:
        if new := thinking[self._thought :]:
            self._out.write(("" if self._thought else self._line_start("Thinking\n")) + self._dim(new))
            self._thought = len(thinking)

    def _write_answer(self, transcript: Transcript, *, final: bool) -> None:
        if self._form == "code" and not final:  # what is code shows when the block is complete
            return
        text = formatted(transcript.text, self._form)
        if new := text[self._answer :]:
            first = "\n\n" if self._thought else self._line_start("")
            self._out.write(("" if self._answer else first) + new)
            self._answer = len(text)

    def _line_start(self, text: str) -> str:
        return f"\r\x1b[K{self._dim(text)}" if self._is_terminal else text

    def _dim(self, text: str) -> str:
        return f"\x1b[2m{text}\x1b[0m" if self._is_terminal and text else text


def screen(shell: InteractiveShell, form: Format = "markdown") -> Screen:
    """What suits the front end: a kernel serves notebooks, any other shell is a terminal."""
    return NotebookScreen(shell, form) if hasattr(shell, "kernel") else TerminalScreen(form)
