"""Keys and values of sequences of different lengths in one buffer."""

import pytest
import torch

from qwen_nb.engine.kv_cache import GROWTH, KVCache


@pytest.fixture(autouse=True)
def _inference_mode():
    """As in the forward pass that writes to a cache."""
    with torch.inference_mode():
        yield


def filled(*lengths: int) -> KVCache:
    """One row per length; token j of row b holds the number 1000 b + j (keys) and its negative (values)."""
    rows = []
    for row, length in enumerate(lengths):
        cache = KVCache(2)
        numbers = (1000 * row + torch.arange(float(length))).expand(3, length)
        for layer in range(2):
            cache.update(numbers[None, :, :, None], -numbers[None, :, :, None], layer)
        cache.commit(length)
        rows.append(cache)
    return KVCache.join(rows)


def row_of(cache: KVCache, row: int) -> list[int]:
    """The numbers that row holds, after checking that both layers, all heads and the values agree."""
    length = cache.lengths[row]
    look = cache.select([row])
    new = torch.zeros(1, 3, 1, 1)
    keys, values = look.update(new, new, 0)
    other, _ = look.update(new, new, 1)
    assert torch.equal(keys, other)
    assert torch.equal(keys, -values)
    assert torch.equal(keys[:, :1].expand_as(keys), keys)
    return keys[0, 0, :length, 0].int().tolist()


def test_new_tokens_are_written_at_each_sequences_own_end():
    cache = filled(3, 5)
    new = torch.tensor([77.0, 88.0]).view(2, 1, 1, 1).expand(2, 3, 1, 1)
    for layer in range(2):
        keys, _ = cache.update(new, -new, layer)
        assert keys.shape == (2, 3, 6, 1)
    cache.commit(1)
    assert row_of(cache, 0) == [0, 1, 2, 77]
    assert row_of(cache, 1) == [1000, 1001, 1002, 1003, 1004, 88]


def test_what_was_not_committed_does_not_count():
    cache = filled(3)
    new = torch.full((1, 3, 1, 1), 77.0)
    cache.update(new, -new, 0)  # an interrupt here leaves layer 1 unwritten
    assert row_of(cache, 0) == [0, 1, 2]


def test_buffers_grow_by_steps_and_keep_what_they_hold():
    cache = filled(3)
    before = cache.nbytes
    for step in range(2 * GROWTH):
        new = torch.full((1, 3, 1, 1), float(step))
        for layer in range(2):
            cache.update(new, -new, layer)
        cache.commit(1)
    assert row_of(cache, 0) == [0, 1, 2, *range(2 * GROWTH)]
    assert before < cache.nbytes < 4 * before


def test_free_slots_hold_no_garbage_that_a_mask_would_turn_into_nan():
    rows = [filled(2), filled(3 * GROWTH)]
    size = 2 * 3 * 4 * GROWTH
    garbage = [torch.full((size,), float("nan")) for _ in range(100)]
    del garbage  # for the allocator to hand out again
    cache = KVCache.join(rows)
    new = torch.ones(2, 3, 1, 1)
    keys, _ = cache.update(new, new, 0)
    assert keys[0, :, 3:].abs().max() == 0


def test_a_row_can_be_cut_copied_and_replaced_without_touching_its_neighbour():
    cache = filled(4, 6)
    copy = cache.select([1], length=2)
    assert copy.lengths == [2]
    assert row_of(copy, 0) == [1000, 1001]
    longer = filled(1, 9).select([1])
    cache.replace(0, longer)
    assert row_of(cache, 0) == list(range(1000, 1009))
    assert row_of(cache, 1) == list(range(1000, 1006))
    cache.crop(5)
    assert cache.lengths == [5, 5]


def test_replacing_makes_room_for_a_longer_row():
    cache = filled(2, 3)
    cache.replace(0, filled(1, 2 * GROWTH + 50).select([1]))
    assert row_of(cache, 0) == list(range(1000, 1000 + 2 * GROWTH + 50))
    assert row_of(cache, 1) == [1000, 1001, 1002]


def test_copies_are_independent():
    cache = filled(3)
    copy = cache.select([0])
    new = torch.full((1, 3, 1, 1), 77.0)
    for layer in range(2):
        copy.update(new, -new, layer)
    copy.commit(1)
    assert row_of(copy, 0) == [0, 1, 2, 77]
    assert row_of(cache, 0) == [0, 1, 2]
