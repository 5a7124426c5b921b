from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qwen_nb.config import Sampling
from qwen_nb.errors import InvalidInputError
from qwen_nb_magics.parsing import SUBCOMMANDS, CellOptions, budget, parse_cell, parse_line, show_budget


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("", CellOptions()),
        ("-t 64", CellOptions(think=64)),
        ("--think=off", CellOptions(think=0)),
        ("-t0", CellOptions(think=0)),
        ("-t max", CellOptions(think=None)),
        ("-m nano -o got -f code", CellOptions(model="nano", out="got", format="code")),
        ("-m 'my models/qwen'", CellOptions(model="my models/qwen")),
        (r"-m C:\models\qwen", CellOptions(model=r"C:\models\qwen")),
        ("-m {name}", CellOptions(model="{name}")),
        (
            "--seed 7 --temperature 0 --max-tokens 9",
            CellOptions(seed=7, sampling=Sampling(temperature=0, max_tokens=9)),
        ),
    ],
)
def test_a_line_of_options_becomes_typed_values(line, options):
    assert parse_cell(line) == options


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("--thnk 5", "no option --thnk. Did you mean --think?"),
        ("--max_tokens=5", "no option --max_tokens. Did you mean --max-tokens?"),
        ("--help", "`%qwen help` lists the options"),
        ("-t", "-t/--think: expected one argument"),
        ("-t much", "off, max or a number of tokens from 0 up, not 'much'"),
        ("-t -1", "not '-1'"),
        ("-f markdwn", "Did you mean markdown?"),
        ("-o 1x", "'1x' cannot be a variable's name"),
        ("-o class", "'class' cannot be a variable's name"),
        ("-o a.b", "'a.b' cannot be a variable's name"),
        ("--seed -3", "--seed"),
        ("--seed x", "whole number from 0 up is needed, not 'x'"),
        ("--temperature warm", "a number is needed, not 'warm'"),
        ("--temperature 3", "temperature must be at least 0 and at most 2, not 3.0"),
        ("--temperature nan", "temperature must be"),
        ("--max-tokens 0", "max_tokens must be at least 1"),
        ("--max-tokens 70000", "at most 65,536"),
        ("-m 'nano", "quotation mark is not closed"),
        ("what is this", "'what' is no option. Write the prompt on the lines below"),
    ],
)
def test_a_mistake_in_the_options_is_one_line_that_says_what_to_do(line, says):
    with pytest.raises(InvalidInputError) as caught:
        parse_cell(line)
    assert says.lower() in str(caught.value).lower()
    assert "\n" not in str(caught.value)


def complaint(line: str) -> str:
    """What is wrong with the options, or nothing."""
    try:
        parse_cell(line)
    except InvalidInputError as error:
        return str(error)
    return ""


@given(
    st.text()
    | st.lists(st.sampled_from(["-t", "-m", "--", "=", "'", '"', "-5", "off", " ", "{x}", "--seed"])).map("".join)
)
@example("-- -t 5")
def test_any_line_is_understood_or_refused_in_one_line(line):
    assert len(complaint(line).splitlines()) <= max(1, len(line.splitlines()))


@pytest.mark.parametrize("command", [command.name for command in SUBCOMMANDS])
def test_every_subcommand_is_read(command):
    assert parse_line(f" {command} ") == (command, None)


def test_an_empty_line_asks_for_help_and_an_argument_is_kept():
    assert parse_line("") == ("help", None)
    assert parse_line("model 'my models/qwen'") == ("model", "my models/qwen")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("mdel", "no `%qwen mdel`. Did you mean model?"),
        ("who are you?", "a question goes into a cell that starts with `%%qwen`"),
        ("-t 5", "Options belong to `%%qwen`"),
        ("think 5 6", "Type `%qwen think [N|off|max]`"),
        ("status now", "Type `%qwen status`"),
    ],
)
def test_a_mistaken_subcommand_is_one_line_that_says_what_to_do(line, says):
    with pytest.raises(InvalidInputError) as caught:
        parse_line(line)
    assert says in str(caught.value)


@given(st.none() | st.integers(min_value=0))
def test_a_budget_is_read_back_as_it_is_shown(value):
    assert budget(show_budget(value)) == value
