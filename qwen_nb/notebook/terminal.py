"""A running notebook as text: each cell, what it prints, and the model's answer as it grows."""

from __future__ import annotations

import re
import shutil
from typing import Any, TextIO

DIM, BOLD, RED, PLAIN = "\x1b[2m", "\x1b[1m", "\x1b[31m", "\x1b[0m"
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
_OBJECT = re.compile(r"<[\w.]+ object( at \w+)?>")
"""What stands as text where an object has only a picture or a page to show."""


class Terminal:
    """A `Watcher` (see `qwen_nb.notebook.runner`) that writes to a terminal, a pipe or a file.

    An answer of `%%qwen` is three displays that are updated over and over, each marked by its part. The thought is
    shown whole once it is finished, the answer as it grows, the line below it at the end; until then a terminal
    shows on one line, and wipes it, what is going on.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._live = out.isatty()
        self._shown: dict[str, str] = {}
        self._thought: str | None = ""
        self._at_line_start = True
        self._status = False

    def cell_starts(self, number: int, total: int, source: str) -> None:
        """The cell's source under a heading with its number."""
        self._shown, self._thought = {}, ""
        self._line(f"[{number}/{total}]", BOLD)
        for line in source.splitlines():
            self._line(f"│ {line}", DIM)

    def cell_ends(self, seconds: float) -> None:
        """How long it took."""
        self._line(f"{seconds:.1f} s\n", DIM)

    def message(self, message: dict[str, Any]) -> None:
        """Streams, displays and errors; anything else says nothing to a reader."""
        content = message["content"]
        match message["msg_type"]:
            case "stream":
                self._write(content["text"], DIM if content["name"] == "stderr" else "")
            case "error":
                self._line("\n".join(content["traceback"]), RED)
            case "execute_result" | "display_data" | "update_display_data":
                self._display(content)

    def _display(self, content: dict[str, Any]) -> None:
        marks = content.get("metadata", {}).get("qwen_nb", {})
        text = content["data"].get("text/plain", "")
        match marks.get("part"):
            case "thought":
                if self._thought is not None:
                    self._thought = text
                self._show_status(text.rpartition("\n")[2])
            case "answer":
                self._flush_thought()
                self._grow("answer", text)
            case "footer" if "usage" in marks:  # only the finished one has it
                self._flush_thought()
                self._once("footer", text)
            case "footer":
                self._show_status(text)
            case _:
                self._other(content)

    def _other(self, content: dict[str, Any]) -> None:
        """Displays of others: the richest form that is text."""
        data = content["data"]
        text = data.get("text/markdown") or data.get("text/plain", "")
        if text and not _OBJECT.fullmatch(text):
            name = (content.get("transient") or {}).get("display_id")
            self._grow(name, text) if name else self._line(text)

    def _flush_thought(self) -> None:
        """Without its first line, whose count is not final yet; None says that it has been shown."""
        if self._thought:
            self._line(self._thought.partition("\n")[2], DIM)
            self._thought = None

    def _once(self, name: str, text: str) -> None:
        """A line that may be sent again as it is."""
        if self._shown.get(name) != text:
            self._shown[name] = text
            self._line(text, DIM)

    def _grow(self, name: str, text: str) -> None:
        """What is new in a display that was shown before; all of it when it did not only grow."""
        before = self._shown.get(name)
        self._shown[name] = text
        if before is not None and text.startswith(before):
            self._write(text[len(before) :])
        elif text != before:
            self._fresh_line()
            self._write(text)

    def _show_status(self, text: str) -> None:
        if self._live and self._at_line_start:
            width = shutil.get_terminal_size().columns - 1
            self._out.write(f"\r\x1b[K{DIM}{text[:width]}{PLAIN}")
            self._out.flush()
            self._status = True

    def _line(self, text: str, style: str = "") -> None:
        self._fresh_line()
        self._write(text + "\n", style)

    def _fresh_line(self) -> None:
        if not self._at_line_start:
            self._write("\n")

    def _write(self, text: str, style: str = "") -> None:
        if not text:
            return
        if self._status:
            self._out.write("\r\x1b[K")
            self._status = False
        self._at_line_start = text.endswith("\n")
        if not self._live:
            text, style = _ESCAPES.sub("", text), ""
        self._out.write(f"{style}{text}{PLAIN}" if style else text)
        self._out.flush()
