"""One answer as far as it has come, put together from the events of its stream."""

from __future__ import annotations

from dataclasses import dataclass

from qwen_nb.config import Thinking
from qwen_nb.messages import Done, Event, Prefill, Reply, TextDelta, ThinkingDelta, Usage


@dataclass(frozen=True, slots=True)
class Note:
    """What goes on before there is a token; joins the events of the stream."""

    text: str
    loading: bool = False
    """The model is being loaded: an interrupt does not wait for it."""


@dataclass(slots=True)
class Transcript:
    """Everything a display needs to know."""

    model: str
    budget: Thinking = "default"
    now: str = ""
    """What is going on right now, for the status line."""
    loading: bool = False
    failed: bool = False
    thinking: str = ""
    thinking_tokens: int = 0
    text: str = ""
    reply: Reply | None = None
    seed_given: bool = False

    def add(self, event: Event | Note) -> None:
        """Take one more event in; kinds that no cell shows are left out."""
        match event:
            case Note(text, loading):
                self.now, self.loading = text, loading
            case Prefill(done, total):
                self.now = f"reading the prompt, {done:,} of {total:,} tokens"
            case ThinkingDelta(text, tokens):
                self.thinking += text
                self.thinking_tokens = tokens
                self.now = "thinking"
            case TextDelta(text):
                self.text += text
                self.now = "answering"
            case Done(reply):
                self.reply = reply
                self.text, self.thinking, self.thinking_tokens = reply.text, reply.thinking, reply.usage.thinking_tokens
            case _:
                pass

    @property
    def started(self) -> bool:
        """The model has said something."""
        return bool(self.thinking or self.text)

    def interrupt(self) -> None:
        """No more events: what there is becomes the reply, unless the model still sent its own."""
        if self.loading:
            self.now, self.loading = "interrupted while it was being loaded", False
        elif self.reply is None:
            usage = Usage(thinking_tokens=self.thinking_tokens)
            self.reply = Reply(self.text, self.thinking, usage=usage, finish_reason="interrupted", model=self.model)


def thought_length(tokens: int, budget: Thinking) -> str:
    """`64 of 256 tokens`, or `64 tokens` where there is no limit to compare with."""
    limit = f" of {budget:,}" if isinstance(budget, int) else ""
    return f"{tokens:,}{limit} {'token' if tokens == 1 and not limit else 'tokens'}"
