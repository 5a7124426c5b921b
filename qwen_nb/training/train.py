"""Trains nano: AdamW in fp32 with a warm-up, a long stretch at full rate and a linear decay to zero.

Because the rate is constant until the decay (warm-up, stable, decay: Hu et al. 2024, MiniCPM), a running training can
be stopped and resumed with fewer tokens, and goes into its decay at once.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch
from transformers import PreTrainedTokenizerBase, Qwen3MoeForCausalLM

from qwen_nb.errors import InvalidInputError
from qwen_nb.training.dataset import Batch, SampleMaker, batches
from qwen_nb.training.model import nano_config, new_model, reply_loss

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a training run is made of."""

    tokens: int
    """Tokens to train on altogether, prompts included; decides where the decay begins."""
    batch: int = 2048
    """Tokens of one step."""
    peak: float = 2e-3
    warm_up: int = 400_000
    """Tokens until the rate is at its peak."""
    decay: float = 0.3
    """Last share of the tokens, over which the rate falls to zero."""
    weight_decay: float = 0.05
    clip: float = 1.0
    """Largest norm of a step's gradient."""
    seed: int = 0

    def rate(self, done: int) -> float:
        """Learning rate after `done` tokens."""
        rising, falling = done / self.warm_up, (self.tokens - done) / (self.decay * self.tokens)
        return self.peak * max(0.0, min(1.0, rising, falling))


@dataclass(slots=True)
class Progress:
    """How far a run is; stored with the weights."""

    tokens: int = 0
    seconds: float = 0.0
    place: tuple[int, int] = (0, 0)


class Trainer:
    """One training run, which can be left and resumed from its `state` file."""

    def __init__(self, recipe: Recipe, tokenizer: PreTrainedTokenizerBase, state: Path) -> None:
        self.recipe, self.tokenizer, self.state = recipe, tokenizer, state
        self.model: Qwen3MoeForCausalLM = new_model(nano_config(tokenizer), recipe.seed)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), recipe.peak, (0.9, 0.95), weight_decay=recipe.weight_decay, fused=True
        )
        self.progress = Progress()

    def resume(self) -> None:
        """Go on from the state file."""
        if not self.state.is_file():
            raise InvalidInputError(f"No training to resume at {self.state}. Start one without --resume.")
        stored: dict[str, Any] = torch.load(self.state, weights_only=True)
        self.model.load_state_dict(stored["model"])
        self.optimizer.load_state_dict(stored["optimizer"])
        self.progress = Progress(**stored["progress"])

    def save(self) -> None:
        """Write the state file, whole or not at all."""
        self.state.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.state.with_suffix(".unfinished")
        content = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "progress": asdict(self.progress),
        }
        torch.save(content, unfinished)
        unfinished.replace(self.state)

    def run(self, report: Report, save_every: float) -> None:
        """Train to the recipe's end; save every `save_every` seconds and at the end."""
        maker = SampleMaker(self.tokenizer, self.recipe.seed)
        pad = cast("int", self.tokenizer.pad_token_id)
        log, saved = _Log(report, self.recipe.tokens), time.monotonic()
        for batch in batches(maker, self.recipe.batch, pad, self.progress.place):
            if self.progress.tokens >= self.recipe.tokens:
                break
            self._step(batch, log)
            if time.monotonic() - saved > save_every:
                self.save()
                saved = time.monotonic()
        self.save()

    def _step(self, batch: Batch, log: _Log) -> None:
        started = time.monotonic()
        rate = self.recipe.rate(self.progress.tokens)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss, balance, load = reply_loss(self.model, batch.ids, batch.targets)
        (loss + self.model.config.router_aux_loss_coef * balance).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.progress.tokens += batch.ids.numel()
        self.progress.seconds += time.monotonic() - started
        self.progress.place = batch.following
        log.step(self.progress, loss.item(), load, rate)


class _Log:
    """A line every hundred steps: loss, the least used expert's share, speed and time left."""

    def __init__(self, report: Report, tokens: int) -> None:
        self.report, self.tokens, self.losses = report, tokens, list[float]()
        self.since, self.at = time.monotonic(), -1

    def step(self, progress: Progress, loss: float, load: torch.Tensor, rate: float) -> None:
        if self.at < 0:
            self.at = progress.tokens
        self.losses.append(loss)
        if len(self.losses) < 100:
            return
        speed = (progress.tokens - self.at) / (time.monotonic() - self.since)
        least = (load / load.sum(dim=1, keepdim=True)).min().item()
        left = max(0.0, (self.tokens - progress.tokens) / speed / 60)
        self.report(
            f"{progress.tokens / 1e6:6.2f} M tokens  loss {sum(self.losses) / 100:.4f}  rate {rate:.2e}  "
            f"least expert {least:.2%}  {speed:,.0f} tokens/s  {left:.0f} min left"
        )
        self.losses, self.since, self.at = [], time.monotonic(), progress.tokens


def write_pid(path: Path) -> None:
    """Note this process, so that `kill -STOP` and `-CONT` can pause it while something is measured."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{os.getpid()}\n", encoding="utf-8")
