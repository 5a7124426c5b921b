"""What is kept of earlier conversations, how long, and that it never changes an answer."""

import numpy as np
import torch

from qwen_nb.engine.kv_cache import KVCache
from qwen_nb.engine.prefix_cache import Prefix, PrefixCache
from qwen_nb.engine.transformers_decoder import TransformersDecoder
from tests.helpers.tiny_models import tiny_model

LARGE = 10**9
DECODER = TransformersDecoder(tiny_model())


def run(ids: list[int]) -> Prefix:
    """These ids, run through a model."""
    cache = DECODER.new_cache()
    output = DECODER.prefill(torch.tensor([ids]), cache)
    return Prefix(np.array(ids), cache, output.experts[0], output.weights[0])


def logits_after(prefix: Prefix, token: int) -> torch.Tensor:
    return DECODER.step(torch.tensor([token]), prefix.kv).logits


def filled(*entries: list[int], max_bytes: int = LARGE) -> PrefixCache:
    cache = PrefixCache(max_bytes)
    for ids in entries:
        cache.put(run(ids))
    return cache


def test_the_longest_common_beginning_is_found():
    cache = filled([1, 2, 3, 4, 5], [1, 2, 9, 9], [7, 7])
    found = cache.take([1, 2, 3, 4, 8, 8])
    assert found is not None
    assert found.ids.tolist() == [1, 2, 3, 4]
    assert found.kv.lengths == [4]
    assert len(found.experts) == len(found.weights) == 4


def test_nothing_in_common_gives_nothing():
    assert filled([1, 2, 3]).take([2, 2, 3]) is None
    assert filled().take([1]) is None


def test_the_last_token_of_a_prompt_is_never_taken_from_the_cache():
    for prompt in ([1, 2, 3], [1, 2], [1]):
        found = filled([1, 2, 3, 4]).take(prompt)
        assert (found.ids.tolist() if found else []) == prompt[:-1]


def test_going_on_from_a_prefix_gives_the_same_as_running_everything():
    whole = run([5, 6, 7, 8])
    for stored in ([5, 6, 7, 8, 30, 31], [5, 6, 7, 8, *range(40, 60)]):  # handed over, copied
        found = filled(stored).take([5, 6, 7, 8, 99])
        assert found is not None
        assert np.array_equal(found.experts, whole.experts)
        assert torch.allclose(logits_after(found, 99), logits_after(run([5, 6, 7, 8]), 99), atol=1e-5)


def test_an_entry_of_which_little_is_reused_stays_untouched():
    ids = list(range(1, 21))
    cache = filled(ids)
    found = cache.take([1, 2, 3, 99])
    assert found is not None
    logits_after(found, 99)
    again = cache.take([*ids, 50])
    assert again is not None
    assert again.ids.tolist() == ids
    assert torch.allclose(logits_after(again, 50), logits_after(run(ids), 50), atol=1e-5)


def test_an_answer_put_back_takes_the_place_of_its_beginnings():
    cache = filled([1, 2], [1, 2, 3], [8, 9])
    cache.put(run([1, 2, 3, 4]))
    assert len(cache) == 2
    assert cache.take([8, 9, 1]) is not None


def test_memory_stays_within_the_limit_and_the_oldest_goes_first():
    size = run([1, 2, 3]).nbytes
    cache = filled([1, 1, 1], [2, 2, 2], [3, 3, 3], max_bytes=2 * size)
    assert cache.nbytes <= 2 * size
    assert cache.take([1, 1, 5]) is None
    assert cache.take([2, 2, 5]) is not None


def test_using_an_entry_makes_it_young_again():
    long = list(range(100, 120))
    size = run(long).nbytes
    cache = filled(long, [2] * 20, max_bytes=2 * size)
    assert cache.take([100, 101, 5]) is not None
    cache.put(run([3] * 20))
    assert cache.take([*long, 1]) is not None
    assert cache.take([2, 2, 2]) is None


def test_an_entry_above_the_limit_is_not_kept_and_drives_nothing_out():
    cache = filled([1, 2, 3], max_bytes=run([1, 2, 3]).nbytes)
    cache.put(run(list(range(1, 300))))
    assert len(cache) == 1
    assert cache.take([1, 2, 3, 4]) is not None


def test_clearing_forgets_everything():
    cache = filled([1, 2, 3])
    cache.clear()
    assert cache.nbytes == 0
    assert cache.take([1, 2, 3]) is None


def test_bytes_count_buffers_and_routing():
    entry = run([1, 2, 3])
    assert entry.nbytes == entry.kv.nbytes + entry.ids.nbytes + entry.experts.nbytes + entry.weights.nbytes
    assert entry.kv.nbytes > KVCache(3).nbytes == 0
