from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
import torch
from transformers import AutoModelForCausalLM, PreTrainedTokenizerBase, Qwen3MoeForCausalLM

from qwen_nb.engine.checkpoint import read_closing_phrase
from qwen_nb.engine.sampling import checkpoint_sampling
from qwen_nb.training.dataset import CLOSING_PHRASE
from qwen_nb.training.evaluate import expert_load
from qwen_nb.training.export import NANO, export
from qwen_nb.training.model import hidden_states, nano_config

LARGEST = 24_000_000


@pytest.fixture(scope="module")
def nano() -> Qwen3MoeForCausalLM:
    return cast("Qwen3MoeForCausalLM", AutoModelForCausalLM.from_pretrained(NANO, dtype=torch.float32))


def test_the_shipped_checkpoint_opens_as_qwen3_moe(nano: Qwen3MoeForCausalLM) -> None:
    assert isinstance(nano, Qwen3MoeForCausalLM)
    assert nano.config.max_position_embeddings >= 4096
    assert nano.lm_head.weight is nano.model.embed_tokens.weight


def test_shipped_weights_are_bfloat16_and_small() -> None:
    assert (NANO / "model.safetensors").stat().st_size <= LARGEST
    stored = AutoModelForCausalLM.from_pretrained(NANO, dtype="auto")
    assert {weight.dtype for weight in stored.parameters()} == {torch.bfloat16}


def test_shipped_shape_is_the_one_that_training_builds(
    nano: Qwen3MoeForCausalLM, nano_tokenizer: PreTrainedTokenizerBase
) -> None:
    built = nano_config(nano_tokenizer).to_dict()
    shipped = nano.config.to_dict()
    same = built.keys() - {"architectures", "dtype", "transformers_version", "_name_or_path"}
    assert {key: shipped[key] for key in same} == {key: built[key] for key in same}


@torch.no_grad()
def test_trained_weights_give_the_logits_of_transformers(nano: Qwen3MoeForCausalLM) -> None:
    ids = torch.randint(0, 1009, (2, 60), generator=torch.Generator().manual_seed(0))
    states, _, _ = hidden_states(nano, ids)
    assert torch.allclose(nano.lm_head(states), nano(ids).logits, atol=1e-3)


def test_the_engine_reads_greedy_sampling_and_the_trained_phrase(nano: Qwen3MoeForCausalLM) -> None:
    assert nano.generation_config is not None
    sampling = checkpoint_sampling(nano.generation_config.to_diff_dict())
    assert (sampling.temperature, sampling.repetition_penalty) == (0, 1)
    assert read_closing_phrase(NANO) == CLOSING_PHRASE


def test_no_expert_is_dead() -> None:
    load = expert_load(samples=32)
    assert load.sum(dim=1).allclose(torch.ones(len(load)))
    assert load.min() > 0.25 / load.shape[1]
    assert load.max() < 4 / load.shape[1]


def test_an_export_can_be_loaded_again(
    nano: Qwen3MoeForCausalLM, nano_tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    folder = tmp_path / "again"
    export(nano, nano_tokenizer, folder)
    assert {file.name for file in folder.iterdir()} == {
        file.name for file in NANO.iterdir() if file.suffix in {".json", ".jinja", ".safetensors"}
    }
    again = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    for ours, theirs in zip(nano.parameters(), again.parameters(), strict=True):
        assert ours.equal(theirs)  # shipped weights are bfloat16 already, so rounding changes nothing
