"""A ChatModel that says what a test tells it to: no weights, but budgets, limits, delays and stopping are real."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from qwen_nb.chat_model import Capabilities
from qwen_nb.config import Sampling, Thinking, check_thinking
from qwen_nb.errors import UnsupportedError
from qwen_nb.messages import (
    Done,
    Event,
    FinishReason,
    Message,
    Prefill,
    Reply,
    TextDelta,
    ThinkingDelta,
    ToolCall,
    Usage,
)


@dataclass(frozen=True, slots=True)
class Script:
    """One answer. A token is a word with the white space before it."""

    text: str = ""
    thinking: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    prompt_tokens: int = 8
    error: Exception | None = None
    """Raised after the text, in place of `Done`."""


@dataclass(frozen=True, slots=True)
class Call:
    """What one question came with, and the thread that answered it."""

    messages: str | Sequence[Message]
    thinking: Thinking
    tools: Sequence[dict[str, Any]]
    sampling: Sampling
    seed: int | None
    trace: bool
    thread: int = field(default_factory=threading.get_ident)


@dataclass(frozen=True, slots=True)
class ScriptedStatus:
    """The same facts that `LocalModel.status()` gives."""

    name: str
    device: str = "cpu"
    dtype: str = "float32"
    parameters: int = 12_000_000
    memory_bytes: int = 48_000_000
    cached_bytes: int = 0
    context_length: int = 4_096
    decoder: str = "scripted"


class ScriptedModel:
    """Plays `scripts` one after the other, the last one again and again; a plain string is an answer's text.

    Args:
        scripts: what to answer.
        delay: seconds before each token; a stop cuts the wait short.
        thinks: False makes a model that refuses a thinking budget.
    """

    def __init__(self, *scripts: Script | str, name: str = "scripted", delay: float = 0.0, thinks: bool = True) -> None:
        self._scripts = [Script(script) if isinstance(script, str) else script for script in scripts or ("Hello!",)]
        self.name = name
        self.delay = delay
        self.capabilities = Capabilities(thinks=thinks, tools=True, fim=False, routing="none", context_length=4_096)
        self.calls: list[Call] = []
        self.is_unloaded = False
        self.resets = 0

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
        """Events of the next script."""
        if isinstance(check_thinking(thinking), int) and thinking and not self.capabilities.thinks:
            raise UnsupportedError(f"{self.name} has no thinking mode.")
        script = self._scripts[min(len(self.calls), len(self._scripts) - 1)]
        self.calls.append(Call(messages, thinking, tools, sampling or Sampling(), seed, trace))
        return _Play(self, script, thinking, sampling or Sampling(), seed, stop or threading.Event()).events()

    def chat(self, messages: str | Sequence[Message], **options: Any) -> Reply:
        """The reply that `stream` ends with."""
        *_, last = self.stream(messages, **options)
        assert isinstance(last, Done)
        return last.reply

    def status(self) -> ScriptedStatus:
        """Facts as a real model gives them."""
        return ScriptedStatus(self.name)

    def reset_cache(self) -> None:
        """Count that it was asked for."""
        self.resets += 1

    def unload(self) -> None:
        """Note that it was asked for."""
        self.is_unloaded = True


class _Play:
    """One script being played."""

    def __init__(
        self,
        model: ScriptedModel,
        script: Script,
        thinking: Thinking,
        sampling: Sampling,
        seed: int | None,
        stop: threading.Event,
    ) -> None:
        self._model, self._script, self._stop = model, script, stop
        self._budget = None if thinking == "default" else thinking
        self._thoughts = _tokens(script.thinking) if model.capabilities.thinks else []
        self._limit = sampling.max_tokens
        self._seed = 1 if seed is None else seed
        self._started = time.monotonic()
        self._said: dict[str, list[str]] = {"thinking": [], "text": []}
        self._finish: FinishReason = "tool_calls" if script.tool_calls else "stop"

    def events(self) -> Iterator[Event]:
        yield Prefill(self._script.prompt_tokens, self._script.prompt_tokens)
        for token in self._each(self._thoughts[: self._budget], "thinking"):
            yield ThinkingDelta(token, len(self._said["thinking"]))
        for token in self._each(_tokens(self._script.text), "text"):
            yield TextDelta(token)
        if self._script.error is not None:
            raise self._script.error
        if self._finish == "tool_calls":
            yield from self._script.tool_calls
        yield Done(self._reply())

    def _each(self, tokens: list[str], kind: str) -> Iterator[str]:
        for token in tokens:
            if self._ends():
                return
            self._said[kind].append(token)
            yield token

    def _ends(self) -> bool:
        if self._finish in ("interrupted", "length"):
            return True
        if self._stop.wait(self._model.delay) if self._model.delay else self._stop.is_set():
            self._finish = "interrupted"
        elif self._limit is not None and sum(map(len, self._said.values())) >= self._limit:
            self._finish = "length"
        return self._finish in ("interrupted", "length")

    def _reply(self) -> Reply:
        thought, said = self._said["thinking"], self._said["text"]
        seconds = time.monotonic() - self._started
        return Reply(
            "".join(said),
            "".join(thought),
            tool_calls=self._script.tool_calls if self._finish == "tool_calls" else (),
            usage=Usage(
                prompt_tokens=self._script.prompt_tokens,
                thinking_tokens=len(thought),
                completion_tokens=len(thought) + len(said),
                seconds=seconds,
            ),
            finish_reason=self._finish,
            model=self._model.name,
            seed=self._seed,
            thinking_budget=self._budget if self._model.capabilities.thinks else 0,
            thinking_cut=self._budget is not None and 0 < self._budget < len(self._thoughts),
        )


def _tokens(text: str) -> list[str]:
    return re.findall(r"\s*\S+|\s+\Z", text)
