"""Our stream beside `generate` of transformers: the same question, the same weights, greedy, one after the other.

Ours carries all that a user gets, events, parsing and the routing of every token included; `generate` gives ids alone.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import torch
import transformers

from qwen_nb.config import Sampling
from qwen_nb.engine.loader import load
from qwen_nb.engine.local_model import LocalModel
from qwen_nb.messages import Done, Reply
from qwen_nb.prompts import question

QUESTION = "What does this print?\n\n```python\ntotal = 3\nfor i in range(4):\n    total = total + i\nprint(total)\n```"


@dataclass(frozen=True, slots=True)
class Round:
    """Seconds of both, measured back to back."""

    ours: float
    generate: float


@dataclass(frozen=True, slots=True)
class DecodeResult:
    """Figures of one run."""

    model: str
    device: str
    dtype: str
    threads: int
    torch: str
    transformers: str
    prompt_tokens: int
    tokens: int
    """Generated in each round, by both."""
    same_ids: bool
    """Both generated the same ids, so the work was the same."""
    rounds: tuple[Round, ...]

    @property
    def ratios(self) -> list[float]:
        """How many times faster ours was, by round, smallest first."""
        return sorted(r.generate / r.ours for r in self.rounds)


def run(*, model: str, repeats: int, json: bool, max_tokens: int) -> None:
    """Measure and print."""
    result = measure(load(model), repeats=repeats, max_tokens=max_tokens)
    print(as_json(result) if json else as_text(result))  # noqa: T201


def measure(model: LocalModel, *, repeats: int, max_tokens: int) -> DecodeResult:
    """Time both `repeats` times, taking turns at going first, after a round that warms up."""
    sampling = Sampling(temperature=0, repetition_penalty=1.0, max_tokens=max_tokens)
    reply = _ours(model, sampling)
    assert reply.routing is not None, "asked for with trace=True"  # noqa: S101
    prompt_tokens, ids = reply.usage.prompt_tokens, reply.routing.token_ids.tolist()
    prompt = torch.tensor([ids[:prompt_tokens]], device=model.hf_model.device)
    theirs = _generate(model, prompt, max_tokens)
    status = model.status()
    return DecodeResult(
        model=model.name,
        device=status.device,
        dtype=status.dtype,
        threads=torch.get_num_threads(),
        torch=torch.__version__,
        transformers=transformers.__version__,
        prompt_tokens=prompt_tokens,
        tokens=reply.usage.completion_tokens,
        same_ids=theirs[:-1] == ids[prompt_tokens:],
        rounds=tuple(_round(model, sampling, prompt, max_tokens, number) for number in range(repeats)),
    )


def _round(model: LocalModel, sampling: Sampling, prompt: torch.Tensor, max_tokens: int, number: int) -> Round:
    """Who goes first changes from round to round, so that a machine that slows down favours neither."""
    tasks = {"ours": lambda: _ours(model, sampling), "generate": lambda: _generate(model, prompt, max_tokens)}
    seconds = {}
    for name in sorted(tasks, reverse=number % 2 == 0):
        start = time.perf_counter()
        tasks[name]()
        seconds[name] = time.perf_counter() - start
    return Round(**seconds)


def _ours(model: LocalModel, sampling: Sampling) -> Reply:
    """One answer, streamed; nothing of the rounds before is reused."""
    model.reset_cache()
    for event in model.stream(question(QUESTION), sampling=sampling, trace=True):
        if isinstance(event, Done):
            return event.reply
    raise AssertionError("every stream ends with Done")


def _generate(model: LocalModel, prompt: torch.Tensor, max_tokens: int) -> list[int]:
    peer: Any = model.hf_model
    greedy = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None, "repetition_penalty": 1.0}
    ids = peer.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=max_tokens, **greedy)
    return ids[0, prompt.shape[1] :].tolist()


def as_json(result: DecodeResult) -> str:
    """All figures."""
    return json.dumps(asdict(result) | {"ratios": result.ratios}, indent=2)


def as_text(result: DecodeResult) -> str:
    """The figures for a reader."""
    ours, theirs = (result.tokens / median(getattr(r, name) for r in result.rounds) for name in ("ours", "generate"))
    same = "the same ids" if result.same_ids else "NOT the same ids"
    ratios = result.ratios
    spread = f"({ratios[0]:.2f} to {ratios[-1]:.2f} in {len(ratios)} rounds)"
    return "\n".join(
        (
            f"{result.model}, {result.dtype} on {result.device}, {result.threads} threads, "
            f"torch {result.torch}, transformers {result.transformers}",
            f"prompt {result.prompt_tokens:,} tokens, answer {result.tokens:,} tokens, {same} from both",
            f"{'qwen_nb stream, with routing':<30}{ours:8.1f} tokens/s",
            f"{'transformers generate':<30}{theirs:8.1f} tokens/s",
            f"{'ratio, median':<30}{median(ratios):8.2f}   {spread}",
        )
    )
