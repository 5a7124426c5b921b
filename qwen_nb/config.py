"""Settings as validated dataclasses. A field that is None means: what the model itself recommends."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from qwen_nb.errors import InvalidInputError

MAX_OUTPUT_TOKENS = 65_536
"""Longest answer Qwen3-Coder's model card plans for."""

Thinking = int | None | Literal["default"]
"""Thinking budget in tokens: 0 is off, N at most N, None without limit, "default" what the model does by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How the next token is drawn. Fields left at None take the checkpoint's value, else `QWEN3_CODER`'s."""

    temperature: float | None = None
    """Logits are divided by it; 0 is greedy. At most 2."""
    top_p: float | None = None
    """Smallest set of tokens whose probability reaches it (nucleus sampling). In (0, 1]."""
    top_k: int | None = None
    """Only the k likeliest tokens; 0 is all."""
    min_p: float | None = None
    """Only tokens with at least this share of the likeliest one's probability. In [0, 1)."""
    repetition_penalty: float | None = None
    """Divides (or multiplies, when negative) logits of tokens already seen (CTRL, Keskar et al. 2019). 1 is none."""
    max_tokens: int | None = None
    """Most tokens to generate, thought and markers included; None is what the context has room for, at most 65,536."""
    stop: tuple[str | int, ...] = ()
    """Strings and token ids that end the answer; they are not part of it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "stop", _stops(self.stop))
        _in_range("temperature", self.temperature, 0, 2)
        _in_range("top_p", self.top_p, 0, 1, low_open=True)
        _in_range("top_k", self.top_k, 0, None, whole=True)
        _in_range("min_p", self.min_p, 0, 1, high_open=True)
        _in_range("repetition_penalty", self.repetition_penalty, 0, None, low_open=True)
        _in_range("max_tokens", self.max_tokens, 1, MAX_OUTPUT_TOKENS, whole=True)

    def over(self, defaults: Sampling) -> Sampling:
        """This sampling with every field left open taken from `defaults`."""
        ours = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(defaults, **{name: value for name, value in ours.items() if value not in (None, ())})


def check_thinking(thinking: Thinking) -> Thinking:
    """The budget, or `InvalidInputError` when it is none."""
    if thinking is None or thinking == "default":
        return thinking
    _in_range("thinking", thinking, 0, None, whole=True)
    return thinking


def _stops(stop: Any) -> tuple[str | int, ...]:
    entries = (stop,) if isinstance(stop, str | int) or not isinstance(stop, Iterable) else tuple(stop)
    for entry in entries:
        if entry == "":
            raise InvalidInputError("A stop string must not be empty: it would end every answer at once.")
        if isinstance(entry, bool) or not isinstance(entry, str | int) or (isinstance(entry, int) and entry < 0):
            raise InvalidInputError(f"stop takes strings and token ids from 0 on, not {entry!r}.")
    return entries


def _in_range(
    name: str,
    value: float | None,
    low: float,
    high: float | None,
    *,
    low_open: bool = False,
    high_open: bool = False,
    whole: bool = False,
) -> None:
    if value is None:
        return
    kind = "a whole number" if whole else "a number"
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        raise InvalidInputError(f"{name} must be {kind}, not {value!r}.")
    too_low = not value >= low or (low_open and value == low)  # written so that nan counts as too low
    too_high = value == math.inf or (high is not None and (value > high or (high_open and value == high)))
    if too_low or too_high:
        limits = f"{'above' if low_open else 'at least'} {low:,}"
        if high is not None:
            limits += f" and {'below' if high_open else 'at most'} {high:,}"
        raise InvalidInputError(f"{name} must be {limits}, not {value!r}.")


QWEN3_CODER = Sampling(temperature=0.7, top_p=0.8, top_k=20, min_p=0.0, repetition_penalty=1.05)
"""What the model card of Qwen3-Coder-30B-A3B-Instruct recommends."""
