"""Settings: limits, defaults, and what their errors say."""

import math
from dataclasses import FrozenInstanceError, fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_nb import QwenNbError, Sampling
from qwen_nb.config import MAX_OUTPUT_TOKENS, QWEN3_CODER, check_thinking
from qwen_nb.errors import InvalidInputError

GOOD = {
    "temperature": [0, 0.0, 0.7, 2],
    "top_p": [1e-9, 0.8, 1],
    "top_k": [0, 20, 10**6],
    "min_p": [0, 0.5, 0.999],
    "repetition_penalty": [1e-9, 1.0, 1.05, 3],
    "max_tokens": [1, 65_536],
}
TOO_LOW = {
    "temperature": [-0.1, -math.inf],
    "top_p": [0, -1],
    "top_k": [-1],
    "min_p": [-0.1],
    "repetition_penalty": [0, -1.05],
    "max_tokens": [0, -1],
}
TOO_HIGH = {
    "temperature": [2.1, math.inf],
    "top_p": [1.01, math.inf],
    "top_k": [],
    "min_p": [1, 2],
    "repetition_penalty": [math.inf],
    "max_tokens": [65_537],
}
LIMITS = {
    "temperature": "at least 0 and at most 2",
    "top_p": "above 0 and at most 1",
    "top_k": "at least 0",
    "min_p": "at least 0 and below 1",
    "repetition_penalty": "above 0",
    "max_tokens": "at least 1 and at most 65,536",
}


def cases(table):
    return [(name, value) for name, values in table.items() for value in values]


def test_every_field_has_its_limits_tested():
    names = {field.name for field in fields(Sampling)} - {"stop"}
    assert names == set(GOOD) == set(TOO_LOW) == set(TOO_HIGH) == set(LIMITS)


@pytest.mark.parametrize(("name", "value"), cases(GOOD))
def test_a_value_within_its_limits_is_kept(name, value):
    assert getattr(Sampling(**{name: value}), name) == value


@pytest.mark.parametrize(("name", "value"), cases(TOO_LOW) + cases(TOO_HIGH))
def test_a_value_beyond_its_limits_is_refused_with_name_limits_and_value(name, value):
    with pytest.raises(InvalidInputError) as refused:
        Sampling(**{name: value})
    assert str(refused.value) == f"{name} must be {LIMITS[name]}, not {value!r}."


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("value", ["1", True, [1], math.nan])
def test_a_value_of_another_kind_is_refused(name, value):
    with pytest.raises(InvalidInputError, match=f"^{name} must be"):
        Sampling(**{name: value})


@pytest.mark.parametrize("name", ["top_k", "max_tokens"])
def test_a_count_is_a_whole_number(name):
    with pytest.raises(InvalidInputError, match=r"a whole number, not 1\.5"):
        Sampling(**{name: 1.5})  # type: ignore[arg-type]


@given(st.sampled_from(list(GOOD)), st.integers(-5, 70_000) | st.floats())
def test_any_number_is_kept_as_it_is_or_refused(name, value):
    kept, said = value, ""
    try:
        kept = getattr(Sampling(**{name: value}), name)
    except InvalidInputError as error:
        said = str(error)
    if said:
        assert said.startswith(f"{name} must be")
        assert said.endswith(f"not {value!r}.")
    else:
        assert kept == value
        assert math.isfinite(kept)


@pytest.mark.parametrize(
    ("given_stop", "kept"),
    [("END", ("END",)), (7, (7,)), (["a", 7], ("a", 7)), ((), ()), (iter(["a", "b"]), ("a", "b"))],
)
def test_stop_takes_one_or_several_strings_and_ids(given_stop, kept):
    assert Sampling(stop=given_stop).stop == kept


@pytest.mark.parametrize(
    ("stop", "said"),
    [
        ("", "must not be empty"),
        (["END", ""], "must not be empty"),
        (None, "not None"),
        (1.5, "not 1.5"),
        ([b"END"], "not b'END'"),
        (True, "not True"),
        ([-1], "not -1"),
    ],
)
def test_a_stop_that_cannot_be_one_is_refused(stop, said):
    with pytest.raises(InvalidInputError, match=said):
        Sampling(stop=stop)


def test_settings_cannot_be_changed_afterwards():
    with pytest.raises(FrozenInstanceError):
        Sampling().temperature = 1.0  # type: ignore[misc]
    with pytest.raises(InvalidInputError):
        replace(Sampling(), top_p=2)


def test_an_unknown_setting_is_refused():
    with pytest.raises(TypeError, match="temprature"):
        Sampling(temprature=1)  # type: ignore[call-arg]


def test_a_zero_is_a_choice_and_not_an_open_field():
    ours = Sampling(temperature=0, top_k=0, min_p=0).over(QWEN3_CODER)
    assert (ours.temperature, ours.top_k, ours.min_p) == (0, 0, 0)
    assert (ours.top_p, ours.repetition_penalty) == (0.8, 1.05)


sampling = st.builds(
    Sampling,
    temperature=st.none() | st.floats(0, 2),
    top_p=st.none() | st.floats(0, 1, exclude_min=True),
    top_k=st.none() | st.integers(0),
    min_p=st.none() | st.floats(0, 1, exclude_max=True),
    repetition_penalty=st.none() | st.floats(0, exclude_min=True, allow_infinity=False),
    max_tokens=st.none() | st.integers(1, MAX_OUTPUT_TOKENS),
    stop=st.lists(st.text(min_size=1) | st.integers(0), max_size=3).map(tuple),
)


@given(sampling, sampling)
def test_over_takes_the_open_fields_alone_from_the_defaults(ours, defaults):
    settled = ours.over(defaults)
    for name in (field.name for field in fields(Sampling)):
        own = getattr(ours, name)
        assert getattr(settled, name) == (getattr(defaults, name) if own is None or own == () else own)


@given(sampling)
def test_over_nothing_changes_nothing(ours):
    assert ours.over(Sampling()) == ours
    assert Sampling().over(ours) == ours
    assert ours.over(ours) == ours


def test_the_settings_of_qwen3_coder_are_its_model_cards():
    assert Sampling(temperature=0.7, top_p=0.8, top_k=20, min_p=0.0, repetition_penalty=1.05) == QWEN3_CODER
    assert MAX_OUTPUT_TOKENS == 65_536


@pytest.mark.parametrize("thinking", [0, 1, 256, 10**6, None, "default"])
def test_a_thinking_budget_is_a_count_or_none_or_the_models_own(thinking):
    assert check_thinking(thinking) == thinking


@pytest.mark.parametrize("thinking", [-1, 1.5, "off", True, math.inf])
def test_anything_else_is_no_thinking_budget(thinking):
    with pytest.raises(InvalidInputError, match=r"^thinking must be"):
        check_thinking(thinking)


def test_a_wrong_setting_is_a_value_error_and_one_of_ours():
    with pytest.raises(ValueError, match="temperature") as refused:
        Sampling(temperature=3)
    assert isinstance(refused.value, QwenNbError)
