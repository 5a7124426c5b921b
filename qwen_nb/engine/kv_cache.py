"""Keys and values of a batch of sequences, in buffers that grow by steps instead of at every token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

GROWTH = 256
"""Slots are added by this many at least, so that most tokens cost no copy."""


class KVCache:
    """One buffer pair [B, heads, slots, head size] per layer.

    Slot j of row b belongs to token j of sequence b, however long its neighbours are: a row can be cut, copied, joined
    or taken out without touching the others, and a token's slot is its position. Only `commit` makes new slots count.
    """

    def __init__(self, num_layers: int, lengths: Sequence[int] = (0,)) -> None:
        self.lengths = list(lengths)
        self._keys: list[torch.Tensor | None] = [None] * num_layers
        self._values: list[torch.Tensor | None] = [None] * num_layers

    @property
    def even(self) -> bool:
        """All sequences have the same length, so plain slices do."""
        return len(set(self.lengths)) == 1

    @property
    def nbytes(self) -> int:
        """Memory of the buffers."""
        return sum(t.nbytes for t in (*self._keys, *self._values) if t is not None)

    def update(self, keys: torch.Tensor, values: torch.Tensor, layer_idx: int, *_: Any, **__: Any) -> Any:
        """Write the new tokens' keys and values [B, heads, T, head size]; give back those of all tokens so far.

        The name and the arguments are those that the attention modules of transformers call, within inference mode.
        """
        end = max(self.lengths) + keys.shape[2]
        all_keys = self._keys[layer_idx] = self._written(self._keys[layer_idx], keys)
        all_values = self._values[layer_idx] = self._written(self._values[layer_idx], values)
        return all_keys[:, :, :end], all_values[:, :, :end]

    def _written(self, buffer: torch.Tensor | None, new: torch.Tensor) -> torch.Tensor:
        start, count = max(self.lengths), new.shape[2]
        buffer = _with_room(buffer, new, start + count)
        if self.even:
            buffer[:, :, start : start + count] = new
        else:
            rows = torch.arange(len(self.lengths), device=new.device)
            buffer[rows, :, torch.tensor(self.lengths, device=new.device)] = new[:, :, 0]
        return buffer

    def commit(self, count: int) -> None:
        """Let the `count` tokens just written to every row count."""
        self.lengths = [length + count for length in self.lengths]

    def crop(self, length: int) -> None:
        """Forget what lies beyond the first `length` tokens of each row; the buffers stay."""
        self.lengths = [min(length, n) for n in self.lengths]

    def select(self, rows: Sequence[int], length: int | None = None) -> KVCache:
        """A copy of these rows, or of their first `length` tokens."""
        picked = KVCache(len(self._keys), [self.lengths[row] for row in rows])
        picked.crop(max(self.lengths) if length is None else length)
        slots = max(picked.lengths) + GROWTH
        picked._keys = [t if t is None else _stacked([t[r : r + 1] for r in rows], slots) for t in self._keys]
        picked._values = [t if t is None else _stacked([t[r : r + 1] for r in rows], slots) for t in self._values]
        return picked

    def replace(self, row: int, other: KVCache) -> None:
        """Put the one sequence of `other` in the place of sequence `row`."""
        for ours, theirs in ((self._keys, other._keys), (self._values, other._values)):
            for layer, new in enumerate(theirs):
                if new is not None:
                    ours[layer] = _replaced(ours[layer], row, new, other.lengths[0])
        self.lengths[row] = other.lengths[0]

    @staticmethod
    def join(caches: Sequence[KVCache]) -> KVCache:
        """One cache with the rows of all of these, each of which has been written to."""
        joined = KVCache(len(caches[0]._keys), [n for cache in caches for n in cache.lengths])
        slots = max(joined.lengths) + GROWTH
        joined._keys = [_stacked(buffers, slots) for buffers in zip(*(c._keys for c in caches), strict=True)]
        joined._values = [_stacked(buffers, slots) for buffers in zip(*(c._values for c in caches), strict=True)]
        return joined


def _with_room(buffer: torch.Tensor | None, new: torch.Tensor, slots: int) -> torch.Tensor:
    """`buffer`, or a larger copy of it, with at least that many slots; `new` says shape, type and device."""
    if buffer is None:
        batch, heads, _, head_size = new.shape
        return new.new_zeros(batch, heads, slots + GROWTH, head_size)
    if buffer.shape[2] >= slots:
        return buffer
    return _stacked([buffer], max(slots + GROWTH, buffer.shape[2] * 3 // 2))


@torch.inference_mode()
def _stacked(buffers: Sequence[torch.Tensor | None], slots: int) -> torch.Tensor:
    """The rows of all `buffers` in a new one with that many slots.

    Free slots are zeros, because attention multiplies what its mask hides by zero, and zero times garbage may be nan.
    """
    parts = [buffer[:, :, :slots] for buffer in buffers if buffer is not None]
    _, heads, _, head_size = parts[0].shape
    out = parts[0].new_zeros(sum(len(part) for part in parts), heads, slots, head_size)
    row = 0
    for part in parts:
        out[row : row + len(part), :, : part.shape[2]] = part
        row += len(part)
    return out


@torch.inference_mode()
def _replaced(buffer: torch.Tensor | None, row: int, new: torch.Tensor, length: int) -> torch.Tensor:
    buffer = _with_room(buffer, new, length)
    buffer[row, :, :length] = new[0, :, :length]
    return buffer
