"""Finding tool calls in an answer while it is written.

Text goes in, in any pieces; the events that come out are the same for every way of cutting it. Newlines that only set
calls off from the text around them belong to the markup.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from qwen_nb.engine.streamed_text import TrimmedNewlines, undecided_tail
from qwen_nb.engine.tool_markup import CLOSE, FUNCTION, OPEN, MalformedCallError, guess_name, read_call
from qwen_nb.engine.tool_schema import check_call, parameter_schemas
from qwen_nb.messages import TextDelta, ToolCall, ToolCallDelta

CallEvent = TextDelta | ToolCallDelta | ToolCall

_MENTION = re.compile(r"[ \t]*[^\s{\[<]")
"""What follows `<tool_call>` in prose about it; a call goes on with JSON, markup or a new line."""


class ToolCallParser:
    """Splits an answer into text and calls.

    A call begins with `<tool_call>`, or with `<function=NAME>` of a known function where the model forgot that tag. It
    ends with `</tool_call>`, or where the next one begins. Whatever cannot be carried out is a `ToolCall` whose `error`
    says why and holds the raw text.

    Args:
        tools: JSON schemas in OpenAI's form; without any, everything is text.
    """

    def __init__(self, tools: Sequence[Mapping[str, Any]]) -> None:
        self._schemas = parameter_schemas(tools)
        self._openers = [OPEN, *(f"{FUNCTION}{name}>" for name in self._schemas)]
        self._tags = re.compile("|".join(map(re.escape, [CLOSE, *self._openers])))
        self._text = TrimmedNewlines()
        self._pending = ""
        self._searched = 0  # within a call, no tag before this place of `_pending` ends it
        self._shown = 0  # within a call, what deltas have given out already
        self._number = 0
        self._text_is_last = True
        self.in_call = False
        """The text so far ends inside a call."""

    def feed(self, text: str) -> list[CallEvent]:
        """What this piece of the answer makes certain."""
        if not self._schemas:
            return [TextDelta(text)] if text else []
        self._pending += text
        events: list[CallEvent] = []
        while self._inside(events) if self.in_call else self._outside(events):
            pass
        return events

    def finish(self, truncated: bool) -> list[CallEvent]:
        """What was held back, when the answer is over; `truncated` when it was cut off rather than ended."""
        events: list[CallEvent] = []
        if self.in_call:
            self._end_call(events, self._last_call(truncated), len(self._pending), len(self._pending))
        else:
            self._show_text(events, self._pending)
            if self._text_is_last and self._text.held:
                events.append(TextDelta(self._text.held))
        return events

    def _outside(self, events: list[CallEvent]) -> bool:
        """Text up to the next call; whether one begins."""
        opener = next((tag for tag in self._tags.finditer(self._pending) if tag[0] != CLOSE), None)
        end = opener.start() if opener else len(self._pending) - undecided_tail(self._pending, self._openers)
        self._show_text(events, self._pending[:end])
        self._pending = self._pending[end:].removeprefix(OPEN) if opener else self._pending[end:]
        self._searched = self._shown = 0
        self.in_call = opener is not None
        return self.in_call

    def _inside(self, events: list[CallEvent]) -> bool:
        """More of a call; whether it ends."""
        if _MENTION.match(self._pending):
            self._show_text(events, OPEN)
            self.in_call = False
            return True
        for tag in self._tags.finditer(self._pending, self._searched):
            self._searched = tag.end()
            if call := self._call_before(tag):
                self._end_call(events, call, tag.start(), tag.end() if tag[0] == CLOSE else tag.start())
                return True
        certain = len(self._pending) - undecided_tail(self._pending, [CLOSE, *self._openers])
        self._searched = max(self._searched, certain)
        self._show_call(events, certain)
        return False

    def _call_before(self, tag: re.Match[str]) -> ToolCall | None:
        body = self._pending[: tag.start()]
        try:
            return check_call(self._id, read_call(body), self._schemas)
        except MalformedCallError as error:
            ended = tag[0] == CLOSE and not error.within_value
            return self._unreadable(body, str(error)) if ended else None

    def _last_call(self, truncated: bool) -> ToolCall:
        if truncated:
            return self._unreadable(self._pending, "it was cut off before it was complete")
        try:
            return check_call(self._id, read_call(self._pending), self._schemas)
        except MalformedCallError as error:
            return self._unreadable(self._pending, f"{error}, and </tool_call> is missing")

    def _unreadable(self, body: str, reason: str) -> ToolCall:
        name = guess_name(body)
        return ToolCall(self._id, name, error=f"The call of {name!r} cannot be read: {reason}. It was:\n{body}")

    @property
    def _id(self) -> str:
        return f"call_{self._number}"

    def _end_call(self, events: list[CallEvent], call: ToolCall, body_end: int, end: int) -> None:
        self._show_call(events, body_end)
        events.append(call)
        self._pending = self._pending[end:]
        self._number += 1
        self._text_is_last = False
        self.in_call = False

    def _show_call(self, events: list[CallEvent], end: int) -> None:
        undecided = not self._pending.strip(" \t")  # may still turn out to be a mention
        if end > self._shown and not undecided:
            events.append(ToolCallDelta(self._number, self._pending[self._shown : end]))
            self._shown = end

    def _show_text(self, events: list[CallEvent], text: str) -> None:
        if shown := self._text.push(text):
            events.append(TextDelta(shown))
            self._text_is_last = True
