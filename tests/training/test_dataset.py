from __future__ import annotations

from itertools import islice

import pytest
from transformers import PreTrainedTokenizerBase

from qwen_nb.engine.chat_template import ChatTemplate
from qwen_nb.prompts import SYSTEM, question
from qwen_nb.training import identity
from qwen_nb.training.dataset import (
    CLOSING_PHRASE,
    HELD_OUT,
    NO_LOSS,
    Sample,
    SampleMaker,
    batches,
    held_out_programs,
    training_program,
)
from qwen_nb.training.programs import normalise, seeded


@pytest.fixture(scope="module")
def maker(nano_tokenizer: PreTrainedTokenizerBase) -> SampleMaker:
    return SampleMaker(nano_tokenizer, seed=0)


@pytest.fixture(scope="module")
def samples(maker: SampleMaker) -> list[Sample]:
    return [maker.sample(number) for number in range(400)]


def test_held_out_programs_are_all_different() -> None:
    assert len({normalise(p.source) for p in held_out_programs()}) == HELD_OUT


def test_no_training_program_is_held_out() -> None:
    held_out = {normalise(p.source) for p in held_out_programs()}
    assert not held_out & {normalise(training_program(seeded("test", number)).source) for number in range(3000)}


def test_a_held_out_program_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter([held_out_programs()[0], held_out_programs()[1], fresh := training_program(seeded("fresh"))])
    monkeypatch.setattr("qwen_nb.training.programs.synthesise", lambda _: next(drawn))
    assert training_program(seeded("any")) is fresh


def test_held_out_wordings_are_never_trained_on() -> None:
    trained = {identity.exchange(seeded("test", number)).question for number in range(5000)}
    assert len(trained) > 1000
    assert not trained & {exchange.question for exchange in identity.held_out()}


def test_samples_use_the_prompt_that_the_magic_sends(
    maker: SampleMaker, nano_tokenizer: PreTrainedTokenizerBase
) -> None:
    messages = question("What does this print?\n\na = 1\nprint(a)")
    for thinking in (True, False):
        assert maker.prompt_ids(messages, thinking=thinking) == ChatTemplate(nano_tokenizer).render(
            messages, thinking=thinking
        )


def test_only_the_reply_is_learnt(samples: list[Sample], nano_tokenizer: PreTrainedTokenizerBase) -> None:
    for sample in samples:
        learnt = str(nano_tokenizer.decode([token for token in sample.targets if token != NO_LOSS]))
        assert "<|im_start|>" not in learnt
        assert SYSTEM not in learnt
        assert learnt.count("<|im_end|>") == 1
        assert learnt.endswith("<|im_end|>")
        assert learnt.count("<think>") <= 1


def test_samples_think_fully_cut_short_and_not_at_all(
    samples: list[Sample], nano_tokenizer: PreTrainedTokenizerBase
) -> None:
    replies = [str(nano_tokenizer.decode(s.ids)).rpartition("<|im_start|>assistant\n")[2] for s in samples]
    off = sum(reply.startswith("<think>\n\n</think>\n\n") for reply in replies)
    cut = sum(f"{CLOSING_PHRASE}\n</think>\n\n" in reply for reply in replies)
    assert 0.08 < off / len(samples) < 0.25
    assert 0.08 < cut / len(samples) < 0.25
    assert all("</think>\n\n" in reply for reply in replies)


def test_a_cut_thought_is_closed_with_the_ids_that_the_engine_forces(
    samples: list[Sample], nano_tokenizer: PreTrainedTokenizerBase
) -> None:
    closing = ChatTemplate(nano_tokenizer, CLOSING_PHRASE).closing_ids()
    width = len(closing)
    cut = 0
    for sample in samples:
        for start in range(len(sample.ids) - width):
            if sample.ids[start : start + width] == closing:
                cut += 1
                assert sample.targets[start - 1 : start - 1 + width] == [NO_LOSS] * width
                assert sample.targets[start - 1 + width] != NO_LOSS
    assert cut > 30


def test_batches_hold_every_sample_once_and_go_on_where_they_stopped(maker: SampleMaker) -> None:
    first = list(islice(batches(maker, 8192, pad=0), 6))
    again = next(batches(maker, 8192, pad=0, start=first[3].following))
    assert again.ids.equal(first[4].ids)
    assert all(batch.ids.shape == batch.targets.shape for batch in first)
    assert all(batch.ids.numel() < 1.6 * 8192 for batch in first)
    pool = []
    for batch in batches(maker, 8192, pad=0):
        if batch.following[0] == 1:
            break
        pool += [tuple(t for t in row.tolist() if t != NO_LOSS) for row in batch.targets]
    expected = [tuple(t for t in maker.sample(n).targets if t != NO_LOSS) for n in range(1024)]
    assert sorted(pool) == sorted(expected)
