"""Text in pieces: giving out what is certain, holding back what the next piece may still change.

Everything here gives the same text however it is cut into pieces.
"""

from __future__ import annotations

from collections.abc import Iterable


def undecided_tail(text: str, needles: Iterable[str]) -> int:
    """How many of the last characters of `text` may be the beginning of a needle (0 when none)."""
    return max((_overlap(text, needle) for needle in needles), default=0)


def _overlap(text: str, needle: str) -> int:
    at = max(0, len(text) - len(needle) + 1)
    while (at := text.find(needle[0], at)) >= 0:
        if needle.startswith(text[at:]):
            return len(text) - at
        at += 1
    return 0


class StopStrings:
    """Ends a text before the first stop string that is complete in it (the longest, where several end together)."""

    def __init__(self, strings: Iterable[str]) -> None:
        self._strings = tuple(strings)
        self._held = ""
        self.found = False

    def push(self, text: str) -> str:
        """What certainly belongs to the text; nothing after a stop string."""
        if self.found:
            return ""
        text = self._held + text
        hits = [(at + len(stop), at) for stop in self._strings if (at := text.find(stop)) >= 0]
        self.found = bool(hits)
        end = min(hits)[1] if hits else len(text) - undecided_tail(text, self._strings)
        self._held = "" if hits else text[end:]
        return text[:end]

    def flush(self) -> str:
        """What was held back, when no more text comes."""
        held, self._held = self._held, ""
        return held


class TrimmedNewlines:
    """Text without the newlines at its beginning and end."""

    def __init__(self) -> None:
        self.held = ""
        """Newlines at the end so far, shown only when more text follows."""
        self._begun = False

    def push(self, text: str) -> str:
        """What certainly lies between the first and the last other character."""
        text = self.held + text
        if not self._begun:
            text = text.lstrip("\n")
        kept = text.rstrip("\n")
        self.held = text[len(kept) :]
        self._begun = self._begun or bool(kept)
        return kept
