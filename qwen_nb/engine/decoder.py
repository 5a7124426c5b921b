"""What the engine asks of anything that can run the model: a forward pass that also tells the routing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from qwen_nb.engine.kv_cache import KVCache


@dataclass(frozen=True, slots=True)
class StepOutput:
    """One forward pass over T new tokens of B sequences, in a model of L routed layers with top-k experts."""

    logits: torch.Tensor
    """float32 [B, V]: of the token after the last one of each sequence, on the model's device."""
    experts: NDArray[np.uint16]
    """[B, T, L, k]: the experts each input token went to, likeliest first."""
    weights: NDArray[np.float16]
    """[B, T, L, k]: the weight each of them got, as the router gave it."""


class Decoder(Protocol):
    """A way to run the model. The loop around it samples, budgets and stops; it does not care how this is done.

    Both methods take the inference mode for their own time alone, and neither counts a token into `cache` unless the
    whole pass went through, so an interrupt leaves the cache as it was.
    """

    @property
    def name(self) -> str:
        """What `status` calls it."""
        ...

    @property
    def vocab_size(self) -> int:
        """V, the number of logits."""
        ...

    @property
    def routed_layers(self) -> tuple[int, ...]:
        """Indices of the L layers that have a router; the others are dense."""
        ...

    def new_cache(self) -> KVCache:
        """An empty cache for one sequence."""
        ...

    def prefill(self, ids: torch.Tensor, cache: KVCache) -> StepOutput:
        """Run ids [1, T] after what the cache holds of that one sequence."""
        ...

    def step(self, ids: torch.Tensor, cache: KVCache) -> StepOutput:
        """Run ids [B], one new token for each of the cache's sequences, whatever their lengths."""
        ...
