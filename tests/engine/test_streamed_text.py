"""Text in pieces: what is given out does not depend on where it was cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_nb.engine.streamed_text import StopStrings, TrimmedNewlines, undecided_tail


def cut(text, places):
    edges = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    return [text[start:end] for start, end in pairwise(edges)]


cuts = st.lists(st.integers(0, 100))


@pytest.mark.parametrize(
    ("text", "tail"),
    [("", 0), ("ab", 0), ("ab<", 1), ("a</to", 4), ("</tool_call>", 0), ("<<", 1), ("x<tool_call", 10)],
)
def test_undecided_tail_is_the_longest_possible_beginning(text, tail):
    assert undecided_tail(text, ["<tool_call>", "</tool_call>"]) == tail


@given(st.text("ab", max_size=8), st.lists(st.text("ab", min_size=1, max_size=4), max_size=3))
def test_undecided_tail_agrees_with_its_definition(text, needles):
    ends = [text[len(text) - size :] for size in range(len(text) + 1)]
    open_ends = [end for end in ends if any(needle != end and needle.startswith(end) for needle in needles)]
    assert undecided_tail(text, needles) == max(map(len, open_ends), default=0)


@given(st.text("abc\n", max_size=30), st.lists(st.text("abc\n", min_size=1, max_size=4), max_size=3), cuts)
def test_stop_strings_act_the_same_however_the_text_is_cut(text, strings, places):
    stops, whole = StopStrings(strings), StopStrings(strings)
    shown = "".join(stops.push(piece) for piece in cut(text, places)) + stops.flush()
    assert shown == whole.push(text) + whole.flush()
    first_end = min((text.index(stop) + len(stop) for stop in strings if stop in text), default=None)
    assert stops.found == (first_end is not None)
    if first_end is None:
        assert shown == text
    else:
        assert any(shown + stop == text[:first_end] for stop in strings)


def test_what_cannot_become_a_stop_string_is_shown_at_once():
    stops = StopStrings(["END"])
    assert [stops.push(piece) for piece in ["a", "E", "N", "E", "ND", "b"]] == ["a", "", "", "EN", "", ""]
    assert stops.found
    assert stops.flush() == ""


@given(st.text("a \n", max_size=20), cuts)
def test_newlines_at_both_ends_are_trimmed_however_the_text_is_cut(text, places):
    trimmed = TrimmedNewlines()
    assert "".join(trimmed.push(piece) for piece in cut(text, places)) == text.strip("\n")
    assert trimmed.held == (text[len(text.rstrip("\n")) :] if text.strip("\n") else "")
