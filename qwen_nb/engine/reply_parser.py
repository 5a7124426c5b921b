"""From generated ids to the events of a reply: the thought, the answer and the tool calls in it.

Qwen writes its thought between `<think>` and `</think>`, each on a line of its own, then an empty line and the answer.
The markers are found by id; the newlines next to them belong to the markup and are shown nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qwen_nb.engine.chat_template import CLOSE_THINK, OPEN_THINK, ThinkMarkers
from qwen_nb.engine.detokenize import Detokenizer
from qwen_nb.engine.streamed_text import StopStrings, TrimmedNewlines
from qwen_nb.engine.tool_calls import CallEvent, ToolCallParser
from qwen_nb.engine.tool_markup import CLOSE, OPEN
from qwen_nb.messages import Event, Phase, TextDelta, ThinkingDelta, ToolCall

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_MARKUP = {OPEN_THINK, CLOSE_THINK, OPEN, CLOSE}


class ReplyParser:
    """Takes the ids of one reply, one at a time, and tells what they show.

    Attributes:
        phase: what the id just pushed belongs to; markers, closing phrase and the newlines around them are thinking.
        in_thought: the next id belongs to a thought.
        thinking_tokens: ids between the markers, those that were forced not counted.

    Args:
        tokenizer: a byte-level BPE tokenizer.
        markers: ids of the think markers, None for a model without them.
        in_thought: the prompt ends inside an open thought.
        tools: JSON schemas of the functions on offer; without any, tool markup is text.
        stop: strings that end the answer; they count in the answer and its tool calls, not in the thought.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        markers: ThinkMarkers | None,
        *,
        in_thought: bool,
        tools: Sequence[Mapping[str, Any]],
        stop: Sequence[str] = (),
    ) -> None:
        self._markers = markers
        self._detokenizer = Detokenizer(tokenizer, _control_ids(tokenizer))
        self._thought_text = TrimmedNewlines()
        self._stops = StopStrings(stop)
        self._calls = ToolCallParser(tools)
        self._thought: list[str] = []
        self._answer: list[str] = []
        self._tool_calls: list[ToolCall] = []
        self._thought_closed = False
        self._answer_begun = False
        self.in_thought = in_thought
        self.thinking_tokens = 0
        self.phase: Phase = "thinking" if in_thought else "answer"

    @property
    def thinking(self) -> str:
        """The thought so far, without markers."""
        return "".join(self._thought)

    @property
    def text(self) -> str:
        """The answer so far, without tool calls."""
        return "".join(self._answer)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The calls that are complete."""
        return tuple(self._tool_calls)

    @property
    def stopped(self) -> bool:
        """A stop string appeared; nothing after it is shown."""
        return self._stops.found

    @property
    def leaked(self) -> bool:
        """Think markers turned up in the answer, so part of it may be thought."""
        text = self.text
        return self._markers is not None and (OPEN_THINK in text or CLOSE_THINK in text)

    def push(self, token_id: int, *, forced: bool = False) -> list[Event]:
        """Events that this id makes certain; `forced` when the budget chose it rather than the model."""
        if self._opens(token_id):
            self.in_thought = True
            self.phase = "thinking"
            return []
        if self._closes(token_id):
            return self._close_thought()
        text = self._detokenizer.push(token_id)
        if not self.in_thought:
            return self._show_answer(text)
        self.thinking_tokens += not forced
        return self._show_thought(text)

    def finish(self, truncated: bool) -> list[Event]:
        """Events held back, when no more ids come; `truncated` when the reply was cut off."""
        rest = self._detokenizer.flush()
        if self.in_thought:
            return self._show_thought(rest)
        events = self._show_answer(rest)
        events += self._keep(self._calls.feed(self._stops.flush()))
        return events + self._keep(self._calls.finish(truncated or self.stopped))

    def _opens(self, token_id: int) -> bool:
        """`<think>` where a thought may begin: before any answer, or right after the prompt opened one itself."""
        if self._markers is None or token_id != self._markers.open_id:
            return False
        return not self._thought if self.in_thought else not (self._thought_closed or self._answer_begun)

    def _closes(self, token_id: int) -> bool:
        return self.in_thought and self._markers is not None and token_id == self._markers.close_id

    def _close_thought(self) -> list[Event]:
        events = self._show_thought(self._detokenizer.flush())
        self.in_thought = False
        self._thought_closed = True
        return events

    def _show_thought(self, text: str) -> list[Event]:
        self.phase = "thinking"
        shown = self._thought_text.push(text)
        if not shown:
            return []
        self._thought.append(shown)
        return [ThinkingDelta(shown, self.thinking_tokens)]

    def _show_answer(self, text: str) -> list[Event]:
        if not self._answer_begun:
            blank, text = bool(text), text.lstrip("\n")
            self._answer_begun = bool(text)
            if blank and not text:
                self.phase = "thinking" if self._thought_closed else "answer"
                return []
        in_call = self._calls.in_call
        events = self._keep(self._calls.feed(self._stops.push(text)))
        in_call = in_call or self._calls.in_call or any(isinstance(event, ToolCall) for event in events)
        self.phase = "tool_call" if in_call else "answer"
        return events

    def _keep(self, events: list[CallEvent]) -> list[Event]:
        self._answer += [event.text for event in events if isinstance(event, TextDelta)]
        self._tool_calls += [event for event in events if isinstance(event, ToolCall)]
        return list(events)


def _control_ids(tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """Ids that structure a conversation, such as the end of a turn, and are no part of any text."""
    added = tokenizer.added_tokens_decoder
    return {token_id for token_id, token in added.items() if token.special and token.content not in _MARKUP}
