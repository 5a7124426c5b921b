"""A model's Markdown made harmless: no raw HTML, no links that run code, whoever renders it.

JupyterLab and GitHub sanitise what they draw from Markdown; nbconvert's HTML export, in which the same text ends up,
lets raw HTML and `javascript:` links through. What is code and what is HTML is decided by the renderer, and no two
agree at the edges. So nothing here depends on guessing as they do: outside fenced blocks no `<` stays that could open
a tag, and a fence is believed only where no renderer can see anything else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_INLINE = re.compile(
    r"(?<![\\`])(?P<ticks>`+)(?!`)(?P<code>.+?)(?<!`)(?P=ticks)(?!`)"  # a code span that ends on its line
    r"|(?<![\\$])\$(?P<math>[^\s$][^$\n]*)\$"
    rf"|(?P<tag>{_TAG.pattern})"
)
_FENCE = re.compile(r"(?P<indent> {0,3})(?P<marks>`{3,}|~{3,})(?P<info>[^`\n]*)\n?")
_DOUBTFUL = re.compile(r"`{3}|~{3}|\]:|\\\[|\\begin\{")
_IGNORED = re.compile(r"[\x00-\x20\\<]+")
"""What may stand before or inside an address without changing it."""
_LINK = re.compile(r"\](?=[(:])")
_RUNS_CODE = re.compile(r"(javascript|vbscript|attachment):|data:(?!image/(png|gif|jpeg|webp);)", re.IGNORECASE)
_LOOK_AHEAD = 200
"""Characters behind a bracket in which a disguised address is looked for."""


def safe_markdown(text: str) -> str:
    """`text`, meaning the same to a reader and to a browser nothing but formatting."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\N{REPLACEMENT CHARACTER}")
    return "".join(_Scanner().lines(_LINK.sub(_cut_live_link, text)))


def _cut_live_link(bracket: re.Match[str]) -> str:
    """A backslash behind the bracket when what follows is an address that a browser would execute."""
    padding = _IGNORED.match(bracket.string, bracket.end() + 1)
    start = padding.end() if padding else bracket.end() + 1
    address = _IGNORED.sub("", unescape(bracket.string[start : start + _LOOK_AHEAD]))
    return "]\\" if _RUNS_CODE.match(address) else "]"


class _Scanner:
    """Goes through a text line by line and knows whether it is inside a fenced block."""

    def __init__(self) -> None:
        self._fence: re.Match[str] | None = None
        self._in_doubt = False
        """Further up a renderer may have opened a block that we do not see: from here on no fence is believed."""

    def lines(self, text: str) -> Iterator[str]:
        """The lines of `text`, made safe."""
        for line in _LINE.findall(text):
            yield self._inside(line, self._fence) if self._fence else self._outside(line)

    def _outside(self, line: str) -> str:
        fence = _FENCE.fullmatch(line)
        if fence and not self._in_doubt:
            self._fence = fence
            return _TAG.sub("&lt;", line)
        self._in_doubt |= bool(_DOUBTFUL.search(line)) or line.count("$$") % 2 == 1
        return _INLINE.sub(_inline, line)

    def _inside(self, line: str, fence: re.Match[str]) -> str:
        mark = fence["marks"]
        if re.match(rf" {{0,3}}{mark}{mark[0]}*[ \t]*$", line):
            self._fence = None
        elif line.strip() and not line.startswith(fence["indent"]):  # the list item around it ends, and the block too
            self._fence, self._in_doubt = None, True
            return self._outside(line)
        elif fence["info"].strip().startswith("mermaid"):  # nbconvert copies diagrams into the page as they are
            return _TAG.sub("&lt;", line)
        return line


def _inline(found: re.Match[str]) -> str:
    if found["tag"]:
        return "&lt;"
    if not _TAG.search(found[0]):
        return found[0]
    if found["math"]:
        return _TAG.sub("< ", found[0])  # TeX takes no notice of the space
    return f"<code>{_entities(found['code'])}</code>"


def _entities(code: str) -> str:
    """Text that no Markdown grammar finds anything in."""
    return "".join(c if c.isalnum() or c == " " else f"&#{ord(c)};" for c in code)
