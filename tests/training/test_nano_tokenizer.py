from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerBase

from qwen_nb.training.tokenizer import CONTROL, MARKERS, VOCABULARY, train_tokenizer


@pytest.fixture(scope="module")
def tokenizer(nano_tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    return nano_tokenizer


@given(text=st.text())
def test_any_text_survives_a_round_trip(tokenizer: PreTrainedTokenizerBase, text: str) -> None:
    ids = tokenizer.encode(text, add_special_tokens=False)
    assert tokenizer.decode(ids) == text


@given(text=st.text(alphabet="0123456789 +-=x\n", max_size=40))
def test_digits_stay_apart(tokenizer: PreTrainedTokenizerBase, text: str) -> None:
    pieces = [str(tokenizer.decode([token])) for token in tokenizer.encode(text, add_special_tokens=False)]
    assert all(sum(character.isdigit() for character in piece) <= 1 for piece in pieces)


def test_no_token_of_the_vocabulary_holds_two_digits(tokenizer: PreTrainedTokenizerBase) -> None:
    pieces = [str(tokenizer.decode([token])) for token in range(len(tokenizer))]
    assert not [piece for piece in pieces if sum(character.isdigit() for character in piece) > 1]


def test_every_marker_is_one_token(tokenizer: PreTrainedTokenizerBase) -> None:
    assert len(tokenizer) == VOCABULARY
    for marker in (*CONTROL, *MARKERS):
        assert len(tokenizer.encode(marker, add_special_tokens=False)) == 1


def test_decoding_drops_control_tokens_and_keeps_markers(tokenizer: PreTrainedTokenizerBase) -> None:
    ids = tokenizer.encode("<|im_start|><think>a</think><|im_end|>", add_special_tokens=False)
    assert tokenizer.decode(ids, skip_special_tokens=True) == "<think>a</think>"


def test_training_gives_the_same_tokenizer_every_time() -> None:
    first, second = train_tokenizer(seed=0, samples=300), train_tokenizer(seed=0, samples=300)
    assert first.get_vocab() == second.get_vocab()


def test_a_trained_tokenizer_is_like_the_shipped_one(tokenizer: PreTrainedTokenizerBase) -> None:
    trained = train_tokenizer(seed=0)
    assert len(trained) == len(tokenizer)
    assert trained.chat_template == tokenizer.chat_template
    for marker in (*CONTROL, *MARKERS):
        assert trained.convert_tokens_to_ids(marker) == tokenizer.convert_tokens_to_ids(marker)
