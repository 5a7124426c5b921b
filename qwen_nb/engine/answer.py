"""One answer in the making: which token comes next, what it means, and when it is over."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from qwen_nb.engine.sampling import Sampler
from qwen_nb.messages import Event, FinishReason, Phase, Reply, Usage

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from qwen_nb.config import Sampling
    from qwen_nb.engine.budget import ThinkingBudget
    from qwen_nb.engine.decoder import StepOutput
    from qwen_nb.engine.reply_parser import ReplyParser
    from qwen_nb.routing.trace import RoutingTrace


@dataclass(slots=True)
class RoutingRows:
    """Experts and weights [rows, L, k] of the tokens that went through the model, in pieces as they came."""

    count: int = 0
    _experts: list[NDArray[np.uint16]] = field(default_factory=list)
    _weights: list[NDArray[np.float16]] = field(default_factory=list)

    def append(self, experts: NDArray[np.uint16], weights: NDArray[np.float16]) -> None:
        """Add the rows of more tokens."""
        self._experts.append(experts)
        self._weights.append(weights)
        self.count += len(experts)

    def since(self, start: int) -> tuple[NDArray[np.uint16], NDArray[np.float16]]:
        """The rows from `start` on, which is where a piece began; looks at those pieces alone."""
        pieces, missing = 0, self.count - start
        while missing > 0:
            pieces += 1
            missing -= len(self._experts[-pieces])
        return np.concatenate(self._experts[-pieces:]), np.concatenate(self._weights[-pieces:])


class Answer:
    """State of one answer, apart from the model's cache.

    Args:
        prompt_ids: at least one.
        sampling: every field settled, `max_tokens` too.
        seed: of the sampler.
        stop_ids: ids that end the answer: end of turn, and what the caller asked for.
        budget: of thinking.
        parser: turns ids into text, thoughts and tool calls.
        vocab_size: number of logits.
    """

    def __init__(
        self,
        prompt_ids: list[int],
        *,
        sampling: Sampling,
        seed: int,
        stop_ids: frozenset[int],
        budget: ThinkingBudget,
        parser: ReplyParser,
        vocab_size: int,
    ) -> None:
        self.prompt_ids = prompt_ids
        self.ids: list[int] = []
        self.phases: list[Phase] = []
        self.seed = seed
        self.budget = budget
        self.parser = parser
        self.rows = RoutingRows()
        self.cached_tokens = 0
        self._started = self._first_token = 0.0
        self.finish_reason: FinishReason | None = None
        self._sampler = Sampler(sampling, seed=seed, vocab_size=vocab_size, seen=prompt_ids)
        self._stop_ids = stop_ids
        self._max_tokens = sampling.max_tokens

    def fed(self, start: int = 0) -> tuple[list[int], list[Phase]]:
        """Ids and phases of the tokens that went through the model from `start` on: one for every routing row."""
        prompt_ids = self.prompt_ids[start : self.rows.count]
        first, end = (max(0, row - len(self.prompt_ids)) for row in (start, self.rows.count))
        prompt: list[Phase] = ["prompt"] * len(prompt_ids)
        return prompt_ids + self.ids[first:end], prompt + self.phases[first:end]

    def start(self) -> None:
        """Begin to count the time."""
        self._started = time.perf_counter()

    def record(self, output: StepOutput, row: int = 0) -> None:
        """Keep the routing of one sequence of a forward pass."""
        self.rows.append(output.experts[row], output.weights[row])

    def advance(self, logits: torch.Tensor) -> list[Event]:
        """Choose the next token by its logits [V] and say what it brings."""
        token, forced = self.budget.next_token(
            lambda: self._sampler(logits), in_thought=self.parser.in_thought, used=self.parser.thinking_tokens
        )
        self._sampler.see(token)
        self.ids.append(token)
        self._first_token = self._first_token or time.perf_counter()
        if token in self._stop_ids and not forced:
            return self._finish("stop")
        events = self.parser.push(token, forced=forced)
        self.phases.append(self.parser.phase)
        if self.parser.stopped:
            return events + self._finish("stop")
        return events + self._finish("length") if len(self.ids) == self._max_tokens else events

    def interrupt(self) -> list[Event]:
        """End here, with what there is so far."""
        return [] if self.finish_reason else self._finish("interrupted")

    def reply(self, model: str, routing: RoutingTrace | None = None) -> Reply:
        """What there is of the answer; complete once there is a `finish_reason`."""
        return Reply(
            text=self.parser.text,
            thinking=self.parser.thinking,
            tool_calls=tuple(self.parser.tool_calls),
            usage=self._usage(),
            finish_reason=self.finish_reason or "interrupted",
            routing=routing,
            model=model,
            seed=self.seed,
            thinking_budget=self.budget.limit,
            thinking_cut=self.budget.cut,
            thinking_leaked=self.parser.leaked,
        )

    def _usage(self) -> Usage:
        return Usage(
            prompt_tokens=len(self.prompt_ids),
            cached_tokens=self.cached_tokens,
            thinking_tokens=self.parser.thinking_tokens,
            completion_tokens=len(self.ids),
            seconds=time.perf_counter() - self._started,
            first_token_seconds=max(0.0, self._first_token - self._started),
        )

    def _finish(self, reason: FinishReason) -> list[Event]:
        events = self.parser.finish(truncated=reason != "stop")
        self.finish_reason = "tool_calls" if reason == "stop" and self.parser.tool_calls else reason
        return events
