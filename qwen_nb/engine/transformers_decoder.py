"""The reference decoder: the modules of transformers, called layer by layer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from qwen_nb.engine.decoder import StepOutput
from qwen_nb.engine.kv_cache import KVCache
from qwen_nb.errors import UnsupportedError

if TYPE_CHECKING:
    from transformers import Qwen3MoeForCausalLM

Routed = list[tuple[torch.Tensor, torch.Tensor]]
"""Per routed layer: weights and expert indices, both [B * T, k]."""


class TransformersDecoder:
    """Runs `Qwen3MoeForCausalLM` over a `KVCache` of ours and records what its routers choose.

    The layers are called one by one rather than through the model's own `forward`: the results are the same, and the
    masks and cache objects that `forward` builds for every token are a fifth of the time of a small model's step.
    """

    name = "transformers"

    def __init__(self, model: Qwen3MoeForCausalLM) -> None:
        attention = model.config._attn_implementation
        if attention != "sdpa":
            raise UnsupportedError(
                f"The model was loaded with attention {attention!r}; the engine needs 'sdpa'. "
                'Load it with `attn_implementation="sdpa"`.'
            )
        self.model = model
        blocks: list[Any] = [layer.mlp for layer in model.model.layers]
        self._gates = {index: block.gate for index, block in enumerate(blocks) if hasattr(block, "gate")}

    @property
    def vocab_size(self) -> int:
        """Number of logits."""
        return self.model.lm_head.out_features

    @property
    def routed_layers(self) -> tuple[int, ...]:
        """Indices of the layers that have a router."""
        return tuple(self._gates)

    def new_cache(self) -> KVCache:
        """An empty cache for one sequence."""
        return KVCache(len(self.model.model.layers))

    def prefill(self, ids: torch.Tensor, cache: KVCache) -> StepOutput:
        """Run ids [1, T] after what the cache holds of that one sequence."""
        return self._forward(ids, cache)

    def step(self, ids: torch.Tensor, cache: KVCache) -> StepOutput:
        """Run ids [B], one new token for each of the cache's sequences."""
        return self._forward(ids[:, None], cache)

    @torch.inference_mode()
    def _forward(self, ids: torch.Tensor, cache: KVCache) -> StepOutput:
        with self._recording() as routed:
            logits = self._logits(ids.to(self.model.device), cache)
        experts, weights = self._routing(routed, *ids.shape)
        cache.commit(ids.shape[1])
        return StepOutput(logits.float(), experts, weights)

    def _logits(self, ids: torch.Tensor, cache: KVCache) -> torch.Tensor:
        body = self.model.model
        hidden: torch.Tensor = body.embed_tokens(ids)
        positions = _positions(cache, ids.shape[1], ids.device)
        rotation = body.rotary_emb(hidden, positions)
        mask = _attention_mask(cache, positions, self.model.config.sliding_window)
        for layer in body.layers:
            hidden = layer(
                hidden, attention_mask=mask, past_key_values=cache, use_cache=True, position_embeddings=rotation
            )
        return self.model.lm_head(body.norm(hidden[:, -1:]))[:, 0]

    @contextmanager
    def _recording(self) -> Iterator[Routed]:
        routed: Routed = []

        def keep(
            _module: torch.nn.Module, _inputs: Any, output: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
        ) -> None:
            routed.append(output[1:])

        handles = [gate.register_forward_hook(keep) for gate in self._gates.values()]
        try:
            yield routed
        finally:
            for handle in handles:
                handle.remove()

    def _routing(self, routed: Routed, batch: int, count: int) -> tuple[Any, Any]:
        """Experts and weights of one pass, both [B, T, L, k]."""
        shape = (batch, count, len(routed), self.model.config.num_experts_per_tok)
        if not routed:
            return np.zeros(shape, np.uint16), np.zeros(shape, np.float16)
        home = routed[0][0].device
        weights = torch.stack([w.to(home, torch.float16) for w, _ in routed], dim=1)
        experts = torch.stack([e.to(home) for _, e in routed], dim=1)
        return experts.cpu().numpy().astype(np.uint16).reshape(shape), weights.cpu().numpy().reshape(shape)


def _positions(cache: KVCache, count: int, device: torch.device) -> torch.Tensor:
    """Positions [B, T] of the new tokens."""
    return torch.tensor(cache.lengths, device=device)[:, None] + torch.arange(count, device=device)


def _attention_mask(cache: KVCache, positions: torch.Tensor, window: int | None) -> torch.Tensor | None:
    """True where a new token may look: bool [B, 1, T, slots], or None where attention is right without a mask.

    That is when all sequences are equally long and either a single token looks back at everything, or the whole
    sequence is new and plain causal.
    """
    count = positions.shape[1]
    slots = max(cache.lengths) + count
    if cache.even and count in (1, slots) and (window is None or slots <= window):
        return None
    slot = torch.arange(slots, device=positions.device)
    allowed = slot <= positions[..., None]
    if window is not None:
        allowed &= slot > positions[..., None] - window
    return allowed[:, None]
