"""Drawing the next token from the logits."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from qwen_nb.config import QWEN3_CODER, Sampling

NEUTRAL = Sampling(temperature=1.0, top_p=1.0, top_k=0, min_p=0.0, repetition_penalty=1.0)
"""The model's distribution as it is."""


class Sampler:
    """Draws the tokens of one answer. Its generator is its own, so the user's random state is neither read nor moved.

    Args:
        sampling: with every field but `max_tokens` settled.
        seed: the same seed draws the same tokens from the same logits.
        vocab_size: V.
        seen: ids of the prompt, which the repetition penalty counts as seen.
    """

    def __init__(self, sampling: Sampling, *, seed: int, vocab_size: int, seen: Iterable[int]) -> None:
        self.sampling = sampling
        self._generator = torch.Generator().manual_seed(seed)
        self._seen = torch.zeros(vocab_size, dtype=torch.bool)
        self._seen[torch.tensor([i for i in seen if i < vocab_size], dtype=torch.long)] = True

    def see(self, token: int) -> None:
        """Count a token of the answer as seen, drawn here or forced."""
        self._seen[token] = True

    @torch.inference_mode()
    def __call__(self, logits: torch.Tensor) -> int:
        """The next token after float32 logits [V]."""
        logits = self._penalised(logits)
        if self.sampling.temperature == 0:
            return int(logits.argmax())
        ids, probabilities = candidates(logits, self.sampling)
        return int(ids[torch.multinomial(probabilities.cpu(), 1, generator=self._generator)])

    def _penalised(self, logits: torch.Tensor) -> torch.Tensor:
        penalty = self.sampling.repetition_penalty or 1.0
        if penalty == 1:
            return logits
        penalised = torch.where(logits < 0, logits * penalty, logits / penalty)
        self._seen = self._seen.to(logits.device)
        return torch.where(self._seen, penalised, logits)


def candidates(logits: torch.Tensor, sampling: Sampling) -> tuple[torch.Tensor, torch.Tensor]:
    """The ids that may be drawn and their probabilities, likeliest first; temperature must be above 0.

    In the order of transformers: temperature, top-k, top-p over what is left, min-p. All work on the sorted
    candidates, so a vocabulary of 150,000 is scanned once and sorted never, as long as there is a top-k.
    """
    values, ids = _top_k(logits / (sampling.temperature or 1.0), sampling.top_k or 0)
    probabilities = values.softmax(-1)
    keep = probabilities >= (sampling.min_p or 0) * probabilities[0]
    if (top_p := sampling.top_p or 1.0) < 1:
        keep &= probabilities.cumsum(-1) - probabilities < top_p
    kept = probabilities[keep]
    return ids[keep], kept / kept.sum()


def _top_k(scores: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores and ids, largest first, of the k largest and all that equal the k-th (bfloat16 has many ties)."""
    if not 0 < k < scores.shape[-1]:
        return scores.sort(descending=True)
    ids = (scores >= scores.topk(k).values[-1]).nonzero()[:, 0]
    values, order = scores[ids].sort(descending=True)
    return values, ids[order]


def checkpoint_sampling(generation_config: dict[str, object]) -> Sampling:
    """What a checkpoint's `generation_config.json` recommends; what `QWEN3_CODER` does when it recommends nothing."""
    names = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty")
    said = {name: generation_config[name] for name in names if generation_config.get(name) is not None}
    if generation_config.get("do_sample") is False:
        said["temperature"] = 0
    return Sampling(**said).over(NEUTRAL) if said else QWEN3_CODER  # pyright: ignore[reportArgumentType]
