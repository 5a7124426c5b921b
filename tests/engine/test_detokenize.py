"""Streaming text out of ids."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from qwen_nb.engine.detokenize import Detokenizer
from qwen_nb.errors import UnsupportedError
from tests.helpers.tiny_tokenizer import tiny_tokenizer

TOKENIZER = tiny_tokenizer()
SIZE = len(TOKENIZER)


def pieces(ids, skip=()):
    detokenizer = Detokenizer(TOKENIZER, skip)
    return [*[detokenizer.push(token_id) for token_id in ids], detokenizer.flush()]


@given(st.text())
def test_pieces_together_are_the_text(text):
    ids = TOKENIZER.encode(text)
    assert "".join(pieces(ids)) == TOKENIZER.decode(ids) == text


@given(st.lists(st.integers(0, SIZE + 5)))
def test_any_ids_give_what_decode_gives_broken_utf8_included(ids):
    known = [token_id for token_id in ids if token_id < SIZE]
    assert "".join(pieces(ids)) == TOKENIZER.decode(known)


@given(st.text(min_size=1))
def test_no_piece_shows_part_of_a_character(text):
    if "\ufffd" not in text:
        assert not any("\ufffd" in piece for piece in pieces(TOKENIZER.encode(text)))


def test_a_character_of_several_tokens_appears_with_its_last_one():
    detokenizer = Detokenizer(TOKENIZER)
    ids = TOKENIZER.encode("𝄞")
    assert len(ids) == 4
    assert [detokenizer.push(token_id) for token_id in ids] == ["", "", "", "𝄞"]


def test_an_unfinished_character_is_shown_as_replacement_at_the_end():
    assert pieces(TOKENIZER.encode("a𝄞")[:-1])[-1] == "\ufffd"


def test_skipped_ids_show_nothing():
    end = TOKENIZER.encode("<|im_end|>")[0]
    assert "".join(pieces([*TOKENIZER.encode("yes"), end], skip={end})) == "yes"
    assert "".join(pieces([*TOKENIZER.encode("yes"), end])) == "yes<|im_end|>"


def test_a_tokenizer_of_another_kind_is_refused():
    words = Tokenizer(models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    with pytest.raises(UnsupportedError, match="byte-level"):
        Detokenizer(PreTrainedTokenizerFast(tokenizer_object=words))
