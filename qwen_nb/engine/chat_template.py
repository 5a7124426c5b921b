"""From a conversation to prompt ids, with the chat template that comes with the checkpoint.

What a template can do is found out by rendering a probe with it, not by the model's name: Qwen3-Coder has think markers
in its vocabulary but no thinking mode, Qwen3-Thinking-2507 opens the thought itself and cannot be switched off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qwen_nb.errors import InvalidInputError, ModelLoadError, UnsupportedError
from qwen_nb.messages import Message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

CLOSING_PHRASE = (
    "\n\nConsidering the limited time by the user, I have to give the solution based on the thinking directly now."
)
"""What closes a thought whose budget is used up (Qwen3 technical report, section 4.3)."""
OPEN_THINK, CLOSE_THINK = "<think>", "</think>"

_FIM = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")
_QUESTION = [{"role": "user", "content": "question"}]
_TOOL = {"type": "function", "function": {"name": "probe_tool", "description": "", "parameters": {"type": "object"}}}


@dataclass(frozen=True, slots=True)
class ThinkMarkers:
    """Ids of `<think>` and `</think>`; they differ between generations of Qwen."""

    open_id: int
    close_id: int


class ChatTemplate:
    """A checkpoint's chat template and what it can do.

    Attributes:
        markers: ids of the think markers, None when the vocabulary has none.
        thinks: the template has a thinking mode, so a thinking budget means something.
        can_switch_off: thinking can be switched off in the prompt.
        tools: the template takes tool definitions.
        fim: the vocabulary has fill-in-the-middle markers.

    Args:
        tokenizer: the checkpoint's.
        closing_phrase: what to write before closing a thought that used up its budget; `CLOSING_PHRASE` by default.

    Raises:
        ModelLoadError: there is no chat template, or it cannot render a plain question.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, closing_phrase: str | None = None) -> None:
        self._tokenizer = tokenizer
        self._closing_phrase = CLOSING_PHRASE if closing_phrase is None else closing_phrase
        self.markers = _think_markers(tokenizer)
        self.fim = all(_single_id(tokenizer, token) is not None for token in _FIM)
        plain, on, off = self._probe(), self._try(enable_thinking=True), self._try(enable_thinking=False)
        self.thinks = self.markers is not None and (self.opens_thought(plain) or on != off)
        self.can_switch_off = self.thinks and off not in (None, on) and not self.opens_thought(off)
        with_tool = self._try(tools=[_TOOL])
        self.tools = with_tool is not None and _TOOL["function"]["name"] in self._decode(with_tool)

    def render(
        self,
        messages: str | Sequence[Message],
        *,
        tools: Sequence[Mapping[str, Any]] = (),
        thinking: bool | None = None,
    ) -> list[int]:
        """Prompt ids that end where the assistant's turn begins.

        Text of the conversation that looks like a control token (`<|im_end|>`, `<think>`) is encoded as plain text, so
        that nothing quoted in a notebook can end a turn or forge one.

        Args:
            messages: a question, or a conversation.
            tools: JSON schemas in OpenAI's form.
            thinking: False writes an empty thought; True asks for one; None leaves it to the template.

        Raises:
            InvalidInputError: there is no message.
            UnsupportedError: the template refuses the conversation, or takes no tools.
        """
        if tools and not self.tools:
            raise UnsupportedError(
                "This model's chat template takes no tools. Ask without tools, or load another model."
            )
        conversation = [Message("user", messages)] if isinstance(messages, str) else messages
        turns = [_turn(message) for message in conversation]
        if not turns:
            raise InvalidInputError("There is no message to answer.")
        options = {} if thinking is None else {"enable_thinking": thinking}
        try:
            return self._apply(turns, tools=list(tools) or None, **options)
        except Exception as error:  # the template is the checkpoint's code: anything can come out of it
            raise UnsupportedError(f"The model's chat template refuses this conversation: {error}") from error

    def opens_thought(self, ids: Sequence[int]) -> bool:
        """Whether this prompt ends inside a thought, with nothing but white space in it."""
        if self.markers is None or self.markers.open_id not in ids:
            return False
        after = len(ids) - list(reversed(ids)).index(self.markers.open_id)
        return not self._decode(ids[after:]).strip()

    def closing_ids(self, phrase: str | None = None) -> list[int]:
        """Ids that close a thought for the model: phrase and newline, `</think>`, two newlines.

        Raises:
            UnsupportedError: the model has no think markers.
        """
        if self.markers is None:
            raise UnsupportedError("This model has no think markers, so there is no thought to close.")
        return [
            *self._encode(f"{self._closing_phrase if phrase is None else phrase}\n"),
            self.markers.close_id,
            *self._encode("\n\n"),
        ]

    def _encode(self, text: str) -> list[int]:
        return self._tokenizer.encode(text, add_special_tokens=False)

    def _decode(self, ids: Sequence[int]) -> str:
        return self._tokenizer.decode(list(ids))  # type: ignore[return-value]

    def _apply(self, turns: list[dict[str, Any]], **options: Any) -> list[int]:
        return self._tokenizer.apply_chat_template(  # type: ignore[return-value]
            turns, add_generation_prompt=True, return_dict=False, sanitize_control_tokens=True, **options
        )

    def _probe(self, **options: Any) -> list[int]:
        if not self._tokenizer.chat_template:
            raise ModelLoadError(
                "The checkpoint has no chat template, so it cannot be asked questions. "
                "Load an instruction-tuned model, or add chat_template.jinja to its folder."
            )
        try:
            return self._apply(_QUESTION, **options)
        except Exception as error:  # as in `render`
            raise ModelLoadError(f"The checkpoint's chat template cannot be used: {error}") from error

    def _try(self, **options: Any) -> list[int] | None:
        """What a template that works makes of an option; None when it refuses it."""
        try:
            return self._probe(**options)
        except ModelLoadError:
            return None


def _turn(message: Message) -> dict[str, Any]:
    """The form in which templates of transformers take a message."""
    turn: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.thinking:
        turn["reasoning_content"] = message.thinking
    if message.tool_call_id is not None:
        turn["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        turn["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    return turn


def _think_markers(tokenizer: PreTrainedTokenizerBase) -> ThinkMarkers | None:
    open_id, close_id = _single_id(tokenizer, OPEN_THINK), _single_id(tokenizer, CLOSE_THINK)
    return None if open_id is None or close_id is None else ThinkMarkers(open_id, close_id)


def _single_id(tokenizer: PreTrainedTokenizerBase, token: str) -> int | None:
    """Its id when the tokenizer reads this text as one token."""
    ids = tokenizer.encode(token, add_special_tokens=False)
    return ids[0] if len(ids) == 1 else None
