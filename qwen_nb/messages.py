"""What goes into a model and what comes out: messages, tool calls, replies and the events of a stream."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from qwen_nb.safe_markdown import safe_markdown

if TYPE_CHECKING:
    from qwen_nb.routing.trace import RoutingTrace

Role = Literal["system", "user", "assistant", "tool"]
FinishReason = Literal["stop", "length", "tool_calls", "interrupted"]
Phase = Literal["prompt", "thinking", "answer", "tool_call"]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function the model wants called. Also an event of the stream: the call is complete."""

    id: str
    name: str
    arguments: dict[str, Any] = field(default_factory=dict[str, Any])
    error: str | None = None
    """Why the call cannot be carried out as written (unknown function, wrong type, cut off); None when it can."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool gave back, to be sent to the model as a message of role "tool"."""

    call_id: str
    content: str
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str = ""
    thinking: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer cost."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    """Prompt tokens whose keys and values came from the prefix cache."""
    thinking_tokens: int = 0
    """Ids between the think markers, without the markers and the closing phrase."""
    completion_tokens: int = 0
    """Everything generated, markers and closing phrase included."""
    seconds: float = 0.0
    first_token_seconds: float = 0.0

    @property
    def tokens_per_second(self) -> float:
        """Decode speed after the first token; 0 when there was none to measure."""
        span = self.seconds - self.first_token_seconds
        return (self.completion_tokens - 1) / span if self.completion_tokens > 1 and span > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer, or what there was of it when it was interrupted."""

    text: str
    thinking: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage = field(default_factory=Usage)
    finish_reason: FinishReason = "stop"
    routing: RoutingTrace | None = None
    model: str = ""
    seed: int | None = None
    thinking_budget: int | None = None
    """The budget in force in tokens: 0 is off, None without limit."""
    thinking_cut: bool = False
    """The budget ran out and the thought was closed for the model."""
    thinking_leaked: bool = False
    """Think markers turned up inside the answer, so part of it is thought."""

    def __str__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return safe_markdown(self.text)


@dataclass(frozen=True, slots=True)
class Prefill:
    """Progress through the prompt; sent before the first token and after each chunk of a long prompt."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class ThinkingDelta:
    """More of the thought. `tokens` is how much of the budget is used so far."""

    text: str
    tokens: int


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """More of a tool call's raw text, while it is being written; the `ToolCall` follows when it is complete."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class Routing:
    """Rows of the trace that are new since the last such event (sent only with `trace=True`)."""

    trace: RoutingTrace


@dataclass(frozen=True, slots=True)
class Done:
    """The last event of every stream, interrupted ones included."""

    reply: Reply


Event = Prefill | ThinkingDelta | TextDelta | ToolCallDelta | ToolCall | Routing | Done
