from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import PreTrainedTokenizerBase

from qwen_nb.errors import InvalidInputError
from qwen_nb.training.train import Recipe, Trainer


def test_the_rate_rises_stays_and_falls_to_zero() -> None:
    recipe = Recipe(tokens=10_000_000, peak=1e-3, warm_up=1_000_000, decay=0.2)
    rates = [recipe.rate(millions * 1_000_000) for millions in range(11)]
    assert rates[0] == 0
    assert rates[1:9] == [pytest.approx(1e-3)] * 8
    assert rates[9] == pytest.approx(5e-4)
    assert rates[10] == 0
    assert recipe.rate(11_000_000) == 0


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(
    nano_tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    def train(tokens: int, state: Path, *, resume: bool = False) -> Trainer:
        recipe = Recipe(tokens=tokens, batch=300, warm_up=600, decay=1e-9)
        trainer = Trainer(recipe, nano_tokenizer, state)
        if resume:
            trainer.resume()
        trainer.run(lambda _: None, save_every=1e9)
        return trainer

    whole = train(1200, tmp_path / "whole.pt")
    train(500, tmp_path / "parts.pt")
    parts = train(1200, tmp_path / "parts.pt", resume=True)
    assert parts.progress.tokens == whole.progress.tokens
    assert parts.progress.place == whole.progress.place
    for ours, theirs in zip(parts.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)


def test_resuming_without_a_state_says_what_to_do(nano_tokenizer: PreTrainedTokenizerBase, tmp_path: Path) -> None:
    trainer = Trainer(Recipe(tokens=1), nano_tokenizer, tmp_path / "none.pt")
    with pytest.raises(InvalidInputError, match="without --resume"):
        trainer.resume()
