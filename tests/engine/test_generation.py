"""The decode loop against `generate` of transformers, and many answers at once against each alone."""

import threading
from typing import Any

import pytest
import torch

from qwen_nb.config import Sampling
from qwen_nb.engine.answer import Answer
from qwen_nb.engine.budget import ThinkingBudget
from qwen_nb.engine.generation import PREFILL_CHUNK, generate, generate_all
from qwen_nb.engine.reply_parser import ReplyParser
from qwen_nb.engine.sampling import NEUTRAL
from qwen_nb.engine.transformers_decoder import TransformersDecoder
from qwen_nb.messages import Prefill
from tests.helpers.tiny_models import SHAPES, ObedientDecoder, tiny_model
from tests.helpers.tiny_tokenizer import tiny_tokenizer

TOKENIZER = tiny_tokenizer()
GREEDY = Sampling(temperature=0).over(NEUTRAL)


def prompt(length: int, seed: int = 0) -> list[int]:
    return torch.randint(20, 300, (length,), generator=torch.Generator().manual_seed(seed)).tolist()


def generated(model: Any, prompt_ids: list[int], **options: Any) -> list[int]:
    """What `generate` of transformers adds greedily."""
    ids = model.generate(torch.tensor([prompt_ids]), do_sample=False, pad_token_id=0, **options)
    return ids[0, len(prompt_ids) :].tolist()


def new_answer(
    prompt_ids: list[int],
    sampling: Sampling = GREEDY,
    *,
    max_tokens: int = 20,
    seed: int = 0,
    stop_ids: frozenset[int] = frozenset(),
    budget: ThinkingBudget | None = None,
) -> Answer:
    return Answer(
        prompt_ids,
        sampling=Sampling(max_tokens=max_tokens).over(sampling),
        seed=seed,
        stop_ids=stop_ids,
        budget=budget or ThinkingBudget(0),
        parser=ReplyParser(TOKENIZER, None, in_thought=False, tools=()),
        vocab_size=len(TOKENIZER),
    )


def finished(decoder: TransformersDecoder, answer: Answer) -> Answer:
    for _ in generate(decoder, answer, decoder.new_cache()):
        pass
    return answer


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_greedy_ids_are_those_of_generate(shape):
    model = tiny_model(**shape)
    ids = prompt(30)
    assert finished(TransformersDecoder(model), new_answer(ids)).ids == generated(model, ids, max_new_tokens=20)


def test_greedy_ids_with_a_repetition_penalty_are_those_of_generate():
    model = tiny_model()
    ids = prompt(30)
    sampling = Sampling(repetition_penalty=1.3).over(GREEDY)
    answer = finished(TransformersDecoder(model), new_answer(ids, sampling, max_tokens=40))
    assert answer.ids == generated(model, ids, max_new_tokens=40, repetition_penalty=1.3)


@pytest.mark.parametrize("shape", [SHAPES["grouped heads"], SHAPES["dense layer between"], SHAPES["sliding window"]])
def test_many_answers_at_once_are_each_what_they_are_alone(shape):
    decoder = TransformersDecoder(tiny_model(**shape))

    def answers():
        """Seven that differ in length, limit, seed and sampling, for a batch of three."""
        for i, length in enumerate((3, 25, 60, 8, 1, 40, 12)):
            sampling = GREEDY if i % 3 == 0 else Sampling(temperature=0.5 + i / 10, top_k=10).over(NEUTRAL)
            yield new_answer(prompt(length, i), sampling, max_tokens=(15, 1, 30, 22, 9, 15, 40)[i], seed=i)

    done: list[Answer] = []
    together = list(answers())
    generate_all(decoder, together, batch_size=3, on_done=done.append)
    assert sorted(map(id, done)) == sorted(map(id, together))
    for alone, answer in zip(answers(), together, strict=True):
        finished(decoder, alone)
        assert answer.ids == alone.ids
        assert answer.finish_reason == alone.finish_reason == "length"
        assert answer.rows.count == alone.rows.count == len(answer.prompt_ids) + len(answer.ids) - 1
        (experts, weights), (expected, close) = answer.rows.since(0), alone.rows.since(0)
        assert (experts == expected).mean() > 0.999
        assert abs(weights.astype(float) - close).max() < 1e-2


def test_no_answers_take_no_time():
    generate_all(TransformersDecoder(tiny_model()), [], batch_size=3, on_done=lambda _: pytest.fail("there was none"))


def test_a_long_prompt_runs_in_chunks_with_progress():
    decoder = TransformersDecoder(tiny_model(max_position_embeddings=4096))
    total = 2 * PREFILL_CHUNK + 10
    events = list(generate(decoder, new_answer(prompt(total), max_tokens=1), decoder.new_cache()))
    progress = [event for event in events if isinstance(event, Prefill)]
    assert [event.done for event in progress] == [0, PREFILL_CHUNK, 2 * PREFILL_CHUNK, total]
    assert {event.total for event in progress} == {total}


def test_a_stop_between_two_chunks_ends_the_answer_before_its_first_token():
    decoder, stop = TransformersDecoder(tiny_model(max_position_embeddings=4096)), threading.Event()
    answer, cache = new_answer(prompt(3 * PREFILL_CHUNK)), decoder.new_cache()
    for event in generate(decoder, answer, cache, stop=stop):
        if isinstance(event, Prefill) and event.done == PREFILL_CHUNK:
            stop.set()
    assert answer.finish_reason == "interrupted"
    assert answer.ids == []
    assert cache.lengths == [PREFILL_CHUNK]


def test_a_stop_ends_the_answer_within_one_token():
    decoder, stop = ObedientDecoder(tiny_model(), lambda _: TOKENIZER.encode("a")[0]), threading.Event()
    answer = new_answer(prompt(10), max_tokens=50)
    for _ in generate(decoder, answer, decoder.new_cache(), stop=stop):
        if len(answer.ids) == 5:
            stop.set()
    assert answer.finish_reason == "interrupted"
    assert len(answer.ids) == 5


def test_a_stop_id_ends_the_answer_and_is_counted():
    decoder = TransformersDecoder(tiny_model())
    free = finished(decoder, new_answer(prompt(10), max_tokens=8))
    position = next(i for i, token in enumerate(free.ids) if token not in free.ids[:i] and i > 1)
    answer = finished(decoder, new_answer(prompt(10), max_tokens=8, stop_ids=frozenset({free.ids[position]})))
    assert answer.ids == free.ids[: position + 1]
    assert answer.finish_reason == "stop"
    assert answer.rows.count == 10 + position


def test_every_token_that_ran_has_its_routing_row_and_its_phase():
    decoder = TransformersDecoder(tiny_model())
    answer = finished(decoder, new_answer(prompt(10), max_tokens=6))
    ids, phases = answer.prompt_ids + answer.ids[:-1], ["prompt"] * 10 + ["answer"] * 5
    for start in (0, 4, 10, 12, 15):
        assert answer.fed(start) == (ids[start:], phases[start:])
    experts, weights = answer.rows.since(12)
    assert experts.shape == weights.shape == (3, 3, 2)
    whole, _ = answer.rows.since(0)
    assert (whole[12:] == experts).all()
