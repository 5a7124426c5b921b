"""Keeps what the model computed for the last conversations, so that only what is new in a prompt has to run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from qwen_nb.engine.kv_cache import KVCache


@dataclass(frozen=True, slots=True)
class Prefix:
    """N tokens that went through the model: their keys and values, and where they were routed."""

    ids: NDArray[np.int64]
    """[N]"""
    kv: KVCache
    """One sequence of N tokens."""
    experts: NDArray[np.uint16]
    """[N, L, k]"""
    weights: NDArray[np.float16]
    """[N, L, k]"""

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def nbytes(self) -> int:
        """Memory of all of it."""
        return self.ids.nbytes + self.kv.nbytes + self.experts.nbytes + self.weights.nbytes

    def shared(self, ids: NDArray[np.int64]) -> int:
        """How many tokens from the start are the same in `ids`."""
        length = min(len(self.ids), len(ids))
        differs = self.ids[:length] != ids[:length]
        return int(differs.argmax()) if differs.any() else length

    def cut(self, length: int, kv: KVCache) -> Prefix:
        """The first `length` tokens, with their keys and values in `kv`."""
        return Prefix(self.ids[:length], kv, self.experts[:length], self.weights[:length])


class PrefixCache:
    """The last prefixes within a limit of memory, the one used longest ago first: it is the first to go.

    Args:
        max_bytes: limit for all entries together; a single entry above it is not kept.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._entries: list[Prefix] = []

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def nbytes(self) -> int:
        """Memory of all entries."""
        return sum(entry.nbytes for entry in self._entries)

    def take(self, prompt_ids: list[int]) -> Prefix | None:
        """The longest beginning of the prompt that is here, for the caller to go on from; None when there is none.

        The prompt's last token is never part of it: its logits are needed. When most of an entry is reused it is
        handed over without a copy and leaves the cache until the answer is put back; otherwise the entry stays and
        its beginning is copied.
        """
        ids = np.array(prompt_ids[:-1], np.int64)
        entry = max(self._entries, key=lambda e: e.shared(ids), default=None)
        if entry is None or (length := entry.shared(ids)) == 0:
            return None
        self._drop([entry])
        if 2 * length < len(entry):
            self._entries.append(entry)
            return entry.cut(length, entry.kv.select([0], length))
        entry.kv.crop(length)
        return entry.cut(length, entry.kv)

    def put(self, prefix: Prefix) -> None:
        """Keep a prefix, in place of those it begins with, and drop the oldest ones until all fit."""
        if prefix.nbytes > self.max_bytes:
            return
        self._drop([entry for entry in self._entries if entry.shared(prefix.ids) == len(entry)])
        self._entries.append(prefix)
        while self.nbytes > self.max_bytes:
            self._entries.pop(0)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()

    def _drop(self, entries: list[Prefix]) -> None:
        self._entries = [entry for entry in self._entries if not any(entry is other for other in entries)]
