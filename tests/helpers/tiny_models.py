"""Random `qwen3_moe` models of a few thousand weights, in every shape the architecture allows, and one that obeys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase, Qwen3MoeConfig, Qwen3MoeForCausalLM

from qwen_nb.engine.decoder import StepOutput
from qwen_nb.engine.kv_cache import KVCache
from qwen_nb.engine.local_model import LocalModel
from qwen_nb.engine.transformers_decoder import TransformersDecoder
from tests.helpers.tiny_tokenizer import HYBRID, tiny_tokenizer

SHAPES: dict[str, dict[str, Any]] = {
    "grouped heads": {},
    "one head each": {"num_key_value_heads": 4},
    "one key head": {"num_key_value_heads": 1},
    "tied": {"tie_word_embeddings": True},
    "weights not normalised": {"norm_topk_prob": False},
    "dense layer between": {"mlp_only_layers": [1]},
    "every other layer sparse": {"decoder_sparse_step": 2},
    "top-1": {"num_experts_per_tok": 1},
    "attention bias": {"attention_bias": True},
    "sliding window": {"use_sliding_window": True, "sliding_window": 7, "max_window_layers": 0},
    "stretched context": {
        "rope_parameters": {
            "rope_type": "yarn",
            "rope_theta": 10_000.0,
            "factor": 4.0,
            "original_max_position_embeddings": 64,
        }
    },
}
"""What differs from the first one, by name."""


def tiny_config(**changes: Any) -> Qwen3MoeConfig:
    """Three layers of eight experts, top-2; vocabulary of `tiny_tokenizer`."""
    settings: dict[str, Any] = {
        "vocab_size": len(tiny_tokenizer()),
        "hidden_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "num_experts": 8,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 16,
        "intermediate_size": 48,
        "norm_topk_prob": True,
        "max_position_embeddings": 1024,
        "initializer_range": 0.3,
        "eos_token_id": None,
    }
    return Qwen3MoeConfig(**(settings | changes))


def tiny_model(seed: int = 0, dtype: torch.dtype = torch.float32, **changes: Any) -> Qwen3MoeForCausalLM:
    """A random model; the global random state stays as it is."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model: Any = Qwen3MoeForCausalLM(tiny_config(**changes))
    return model.to(dtype).eval()


class ObedientDecoder(TransformersDecoder):
    """A tiny model whose next token a function chooses, given the ids of the answer so far; the rest is real."""

    def __init__(self, model: Qwen3MoeForCausalLM, choose: Callable[[list[int]], int]) -> None:
        super().__init__(model)
        self.choose = choose
        self.said: list[int] = []

    def prefill(self, ids: torch.Tensor, cache: KVCache) -> StepOutput:
        self.said = []
        return self._led(super().prefill(ids, cache))

    def step(self, ids: torch.Tensor, cache: KVCache) -> StepOutput:
        self.said += ids.tolist()
        return self._led(super().step(ids, cache))

    def _led(self, output: StepOutput) -> StepOutput:
        logits = torch.zeros_like(output.logits)
        logits[:, self.choose(self.said)] = 100.0
        return StepOutput(logits, output.experts, output.weights)


def tiny_local_model(template: str = HYBRID, **options: Any) -> LocalModel:
    """A random model one can talk to; `options` of `tiny_config` and `LocalModel` are told apart by name."""
    ours = {name: options.pop(name) for name in ("context_length", "closing_phrase") if name in options}
    return LocalModel(tiny_model(**options), tiny_tokenizer(template), name="tiny", **ours)


def obedient(choose: Callable[[list[int]], int], template: str = HYBRID, **options: Any) -> LocalModel:
    """A model that says what `choose` tells it to."""
    model = tiny_model()
    return LocalModel(model, tiny_tokenizer(template), name="tiny", decoder=ObedientDecoder(model, choose), **options)


def says(text: str, tokenizer: PreTrainedTokenizerBase) -> Callable[[list[int]], int]:
    """Chooses the tokens of a text, one after the other, and ends the turn."""
    script = tokenizer.encode(text, add_special_tokens=False)

    def choose(said: list[int]) -> int:
        end: Any = tokenizer.eos_token_id
        return script[len(said)] if len(said) < len(script) else end

    return choose


def save_checkpoint(folder: Path, template: str = HYBRID, **changes: Any) -> Path:
    """A checkpoint on disk as `qwen_nb.load` reads it."""
    tiny_model(**changes).save_pretrained(folder)
    tiny_tokenizer(template).save_pretrained(folder)
    return folder
