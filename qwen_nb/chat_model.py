"""The one interface that the magics, the agent and the command line know: a model one can chat with."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from qwen_nb.config import Sampling, Thinking
from qwen_nb.messages import Event, Message, Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a model can do, said honestly."""

    thinks: bool
    """It has think markers, so a thinking budget can be enforced."""
    tools: bool
    """Its chat template takes tool definitions."""
    fim: bool
    """It has fill-in-the-middle markers."""
    routing: Literal["none", "ids", "full"]
    """What it tells about its experts: nothing, which ones, or which ones and with what weight."""
    context_length: int
    """Tokens of prompt and answer together."""


class ChatModel(Protocol):
    """A model in this kernel or behind a server."""

    @property
    def name(self) -> str:
        """What the user asked for: `nano`, a Hub id, a file's name."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        ...

    def stream(
        self,
        messages: str | Sequence[Message],
        *,
        thinking: Thinking = "default",
        tools: Sequence[dict[str, Any]] = (),
        sampling: Sampling | None = None,
        seed: int | None = None,
        trace: bool = False,
        stop: threading.Event | None = None,
    ) -> Iterator[Event]:
        """Events of one answer; the last one is `Done`.

        Args:
            messages: a question, or a conversation. No system message is added.
            thinking: budget in tokens (see `qwen_nb.config.Thinking`).
            tools: JSON schemas in OpenAI's form, `{"type": "function", "function": {...}}`.
            sampling: what to override of the model's own defaults.
            seed: makes sampling repeatable; None draws one, which the reply names.
            trace: deliver `Routing` events and the reply's `routing`.
            stop: set it from any thread to end the answer after the token being computed.
        """
        ...

    def chat(
        self,
        messages: str | Sequence[Message],
        *,
        thinking: Thinking = "default",
        tools: Sequence[dict[str, Any]] = (),
        sampling: Sampling | None = None,
        seed: int | None = None,
        trace: bool = False,
        stop: threading.Event | None = None,
    ) -> Reply:
        """The reply that `stream` ends with."""
        ...
