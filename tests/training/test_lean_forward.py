from __future__ import annotations

import copy

import pytest
import torch
from transformers import PreTrainedTokenizerBase, Qwen3MoeForCausalLM

from qwen_nb.training.dataset import NO_LOSS
from qwen_nb.training.model import hidden_states, nano_config, new_model, reply_loss


@pytest.fixture(scope="module")
def model(nano_tokenizer: PreTrainedTokenizerBase) -> Qwen3MoeForCausalLM:
    return new_model(nano_config(nano_tokenizer), seed=0)


@pytest.fixture(scope="module")
def ids() -> torch.Tensor:
    return torch.randint(0, 1024, (3, 40), generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def test_logits_equal_those_of_transformers(model: Qwen3MoeForCausalLM, ids: torch.Tensor) -> None:
    states, _, _ = hidden_states(model, ids)
    assert torch.allclose(model.lm_head(states), model(ids).logits, atol=1e-5)


def test_gradients_equal_those_of_transformers(model: Qwen3MoeForCausalLM, ids: torch.Tensor) -> None:
    targets = ids.roll(-1, dims=1)
    targets[:, :10] = NO_LOSS

    def gradients(loss: torch.Tensor) -> dict[str, torch.Tensor]:
        model.zero_grad()
        loss.backward()
        return {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}

    ours = gradients(reply_loss(model, ids, targets)[0])
    logits = model(ids).logits
    theirs = gradients(torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten()))
    assert ours.keys() == theirs.keys()
    for name, gradient in theirs.items():
        assert torch.allclose(ours[name], gradient, atol=1e-5), name


@torch.no_grad()
def test_balance_is_one_a_layer_when_the_load_is_equal(model: Qwen3MoeForCausalLM, ids: torch.Tensor) -> None:
    _, balance, load = hidden_states(model, ids)
    layers, experts = load.shape
    assert load.sum() == ids.numel() * model.config.num_experts_per_tok * layers
    assert experts == model.config.num_experts
    indifferent = copy.deepcopy(model)
    for name, weight in indifferent.named_parameters():
        if name.endswith("mlp.gate.weight"):
            weight.zero_()  # all probabilities equal
    _, even, _ = hidden_states(indifferent, ids)
    assert even.item() == pytest.approx(layers)
    assert balance > even


def test_new_models_leave_the_random_state_alone(nano_tokenizer: PreTrainedTokenizerBase) -> None:
    before = torch.get_rng_state()
    new_model(nano_config(nano_tokenizer), seed=1)
    assert torch.get_rng_state().equal(before)
