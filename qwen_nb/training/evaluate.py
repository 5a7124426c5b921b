"""What nano gets right on programs and wordings it has never seen, through the same engine that users have."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase, Qwen3MoeForCausalLM

from qwen_nb.config import Sampling
from qwen_nb.engine.local_model import LocalModel
from qwen_nb.messages import Message, Reply
from qwen_nb.prompts import question
from qwen_nb.training import identity
from qwen_nb.training.dataset import SampleMaker, held_out_programs
from qwen_nb.training.export import NANO
from qwen_nb.training.model import hidden_states
from qwen_nb.training.programs import Program, seeded
from qwen_nb.training.wordings import answer_for, question_about

Budget = int | None
BUDGETS: tuple[Budget, ...] = (0, 16, 32, 64, 96, 128, None)
"""Thinking tokens allowed; None is no limit."""
BANDS = {"2 to 4 steps": (2, 4), "5 to 7 steps": (5, 7), "8 to 10 steps": (8, 10)}
LONGEST = 512
"""Tokens after which an answer counts as wrong; the longest right one has about half as many."""


@dataclass(frozen=True, slots=True)
class Result:
    """One program, how much nano was allowed to think about it, and what came of it."""

    program: Program
    budget: Budget
    reply: Reply

    @property
    def right(self) -> bool:
        """The answer is the trained sentence with exactly what Python prints."""
        return self.reply.text.strip() == answer_for(self.program.output)


def ask(
    model: LocalModel, questions: Sequence[str], thinking: Budget, progress: Callable[[int, int], None] | None = None
) -> list[Reply]:
    """Replies to questions asked as `%%qwen` asks them, with the checkpoint's own (greedy) sampling."""
    conversations: list[list[Message]] = [question(text) for text in questions]
    return model.generate_batch(
        conversations,
        thinking=thinking,
        sampling=Sampling(max_tokens=LONGEST),
        seed=0,
        batch_size=32,
        progress=progress,
    )


def run_programs(model: LocalModel, programs: Sequence[Program], budgets: Sequence[Budget] = BUDGETS) -> list[Result]:
    """Every program at every budget, each program always in the same wording."""
    questions = [question_about(p.source, seeded("wording", number)) for number, p in enumerate(programs)]
    return [
        Result(program, budget, reply)
        for budget in budgets
        for program, reply in zip(programs, ask(model, questions, budget), strict=True)
    ]


def accuracy(results: Sequence[Result], budget: Budget, steps: tuple[int, int] = (0, 99)) -> float:
    """Share of right answers at this budget among programs of `steps` (both ends included); nan when there are none."""
    low, high = steps
    marks = [r.right for r in results if r.budget == budget and low <= r.program.steps <= high]
    return sum(marks) / len(marks) if marks else float("nan")


def harder_half(results: Sequence[Result]) -> tuple[int, int]:
    """The range of steps that holds the longer half of the programs."""
    steps = sorted(r.program.steps for r in results)
    return steps[len(steps) // 2], steps[-1]


def run_identity(model: LocalModel, thinking: Budget) -> list[tuple[identity.Exchange, Reply]]:
    """Held-out questions about nano and about what it cannot do, with the replies."""
    exchanges = identity.held_out()
    return list(zip(exchanges, ask(model, [e.question for e in exchanges], thinking), strict=True))


def expert_load(samples: int = 64) -> torch.Tensor:
    """Share of the tokens each expert of the shipped checkpoint gets [layers, experts]; 1/16 when all are equal."""
    tokenizer = cast("PreTrainedTokenizerBase", AutoTokenizer.from_pretrained(NANO))
    model = cast("Qwen3MoeForCausalLM", AutoModelForCausalLM.from_pretrained(NANO, dtype=torch.float32))
    maker = SampleMaker(tokenizer, seed=1)  # a seed that training did not use
    loads: Any = 0
    for number in range(samples):
        ids = torch.tensor([maker.sample(number).ids])
        with torch.no_grad():
            loads = loads + hidden_states(model, ids)[2]
    return loads / loads.sum(dim=1, keepdim=True)


def report(model: LocalModel, say: Callable[[str], None]) -> None:
    """Print the tables of the model card."""
    started = time.monotonic()
    results = run_programs(model, held_out_programs())
    for line in _program_table(results):
        say(line)
    for thinking in (0, None):
        replies = run_identity(model, thinking)
        right = sum(reply.text.strip() == exchange.answer for exchange, reply in replies)
        say(f"Questions about itself, thinking {_name(thinking)}: {right} of {len(replies)} as trained")
    for line in _load_table(expert_load()):
        say(line)
    say(f"Evaluated in {(time.monotonic() - started) / 60:.1f} minutes.")


def _program_table(results: Sequence[Result]) -> list[str]:
    bands = BANDS | {"harder half": harder_half(results), "all": (0, 99)}
    names = " | ".join(_name(budget) for budget in BUDGETS)
    lines = [f"| programs | number | {names} |", "|---|" + "---|" * (len(BUDGETS) + 1)]
    for band, steps in bands.items():
        count = sum(steps[0] <= r.program.steps <= steps[1] for r in results) // len(BUDGETS)
        cells = " | ".join(f"{accuracy(results, budget, steps):.0%}" for budget in BUDGETS)
        lines.append(f"| {band} | {count} | {cells} |")
    return lines


def _load_table(load: torch.Tensor) -> list[str]:
    lines = [f"| layer | least used of {load.shape[1]} experts | most used | equal share |", "|---|---|---|---|"]
    for number, shares in enumerate(load):
        lines.append(f"| {number} | {shares.min():.1%} | {shares.max():.1%} | {1 / load.shape[1]:.1%} |")
    return lines


def _name(budget: Budget) -> str:
    return "no limit" if budget is None else "off" if budget == 0 else str(budget)
