"""Sampling against the processors of transformers, which are the peer."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.generation.logits_process import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from qwen_nb.config import QWEN3_CODER, Sampling
from qwen_nb.engine.sampling import NEUTRAL, Sampler, candidates, checkpoint_sampling

VOCABULARY = 200


def random_logits(seed: int, spread: float = 3.0) -> torch.Tensor:
    return torch.randn(VOCABULARY, generator=torch.Generator().manual_seed(seed)) * spread


def ids_tensor(*ids: int) -> torch.LongTensor:
    return torch.tensor([ids], dtype=torch.long)  # pyright: ignore[reportReturnType]


def distribution_of_transformers(logits, sampling: Sampling) -> torch.Tensor:
    assert sampling.temperature is not None
    steps = LogitsProcessorList([TemperatureLogitsWarper(float(sampling.temperature))])
    if sampling.top_k:
        steps.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p is not None and sampling.top_p < 1:
        steps.append(TopPLogitsWarper(sampling.top_p))
    if sampling.min_p:
        steps.append(MinPLogitsWarper(sampling.min_p))
    return steps(ids_tensor(), logits[None].clone())[0].softmax(-1)


def our_distribution(logits, sampling: Sampling) -> torch.Tensor:
    ids, probabilities = candidates(logits, sampling)
    return torch.zeros(VOCABULARY).scatter(0, ids, probabilities)


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    temperature=st.floats(0.1, 2),
    top_p=st.floats(0.05, 1),
    top_k=st.integers(0, VOCABULARY + 5),
    min_p=st.floats(0, 0.9),
)
def test_the_distribution_is_that_of_transformers(seed, temperature, top_p, top_k, min_p):
    sampling = Sampling(temperature=temperature, top_p=top_p, top_k=top_k, min_p=min_p)
    logits = random_logits(seed)
    theirs, ours = distribution_of_transformers(logits, sampling), our_distribution(logits, sampling)
    differing = (theirs - ours).abs() > 1e-5
    if differing.any():  # only where a probability lies on the edge of top-p or min-p to the last bit
        assert abs(int((theirs > 0).sum()) - int((ours > 0).sum())) == 1


@pytest.mark.parametrize("sampling", [QWEN3_CODER, Sampling(temperature=0.6, top_p=0.95, top_k=20, min_p=0.0)])
def test_recommended_settings_give_the_distribution_of_transformers(sampling):
    for seed in range(50):
        logits = random_logits(seed)
        plain = Sampling(temperature=sampling.temperature, top_p=sampling.top_p, top_k=sampling.top_k, min_p=0.0)
        theirs = distribution_of_transformers(logits, plain)
        assert torch.allclose(our_distribution(logits, plain), theirs, atol=1e-6)


def test_tokens_that_tie_with_the_kth_stay_in_as_in_transformers():
    logits = torch.zeros(VOCABULARY)
    logits[:3] = 5.0
    logits[3:10] = 4.0
    sampling = Sampling(temperature=1.0, top_k=5, top_p=1.0)
    ours = our_distribution(logits, sampling)
    assert (ours > 0).sum() == 10
    assert torch.allclose(ours, distribution_of_transformers(logits, sampling), atol=1e-6)


def test_repetition_penalty_is_that_of_transformers_and_counts_prompt_and_answer():
    sampling = Sampling(temperature=0, repetition_penalty=1.7)
    for seed in range(50):
        logits = random_logits(seed)
        first, second = logits.topk(2).indices.tolist()
        sampler = Sampler(sampling, seed=0, vocab_size=VOCABULARY, seen=[first, 3])
        sampler.see(second)
        expected = RepetitionPenaltyLogitsProcessor(1.7)(ids_tensor(first, 3, second), logits[None].clone())
        assert sampler(logits) == int(expected.argmax())


def test_ids_of_the_prompt_beyond_the_vocabulary_are_no_error():
    sampler = Sampler(Sampling(temperature=0, repetition_penalty=2.0), seed=0, vocab_size=10, seen=[3, 11])
    assert sampler(torch.arange(10.0)) == 9


def test_temperature_zero_is_greedy():
    logits = random_logits(1)
    sampler = Sampler(Sampling(temperature=0).over(NEUTRAL), seed=0, vocab_size=VOCABULARY, seen=[])
    assert {sampler(logits) for _ in range(5)} == {int(logits.argmax())}


def test_draws_follow_the_distribution():
    sampling = Sampling(temperature=1.0, top_k=4, top_p=1.0).over(NEUTRAL)
    logits = random_logits(2, spread=1.0)
    sampler = Sampler(sampling, seed=0, vocab_size=VOCABULARY, seen=[])
    draws = torch.tensor([sampler(logits) for _ in range(4000)]).bincount(minlength=VOCABULARY) / 4000
    assert torch.allclose(draws, our_distribution(logits, sampling), atol=0.03)
    assert (draws > 0).sum() == 4


def test_the_seed_alone_decides_the_draws():
    def drawn(seed):
        sampler = Sampler(NEUTRAL, seed=seed, vocab_size=VOCABULARY, seen=[])
        return [sampler(random_logits(i)) for i in range(20)]

    state = torch.random.get_rng_state()
    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_checkpoints_recommendation_counts_and_its_gaps_are_neutral():
    assert checkpoint_sampling({"temperature": 0.6, "top_k": 20, "do_sample": True}) == Sampling(
        temperature=0.6, top_k=20, top_p=1.0, min_p=0.0, repetition_penalty=1.0
    )
    assert checkpoint_sampling({"do_sample": False, "repetition_penalty": 1.0}).temperature == 0


def test_a_checkpoint_that_recommends_nothing_is_sampled_like_qwen3_coder():
    assert checkpoint_sampling({"eos_token_id": 3}) == QWEN3_CODER
