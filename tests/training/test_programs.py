from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_nb.training.programs import (
    LIMIT,
    MAX_STEPS,
    MIN_STEPS,
    Trace,
    execute,
    explain,
    normalise,
    seeded,
    synthesise,
)
from qwen_nb.training.wordings import answer_for, question_about

seeds = st.integers(0, 10**9)


@given(seeds)
def test_the_thought_ends_in_what_python_really_prints(seed: int) -> None:
    program = synthesise(seeded("test", seed))
    printed = [line for line in program.thought.splitlines() if line.startswith("print(")]
    shown = [line.split(": ", 1)[1].split(" = ")[-1] for line in printed]
    assert "\n".join(shown) == program.output == execute(program.source)


@given(seeds)
def test_every_link_of_a_thought_agrees_with_python(seed: int) -> None:
    values: dict[str, int] = {}
    for line in synthesise(seeded("test", seed)).thought.splitlines():
        if line.startswith("print("):
            continue
        if line.endswith(("True", "False")):
            test, worked, verdict = re.fullmatch(r"(.+): (.+) is (\w+)", line).groups()  # pyright: ignore[reportOptionalMemberAccess]
            assert str(eval(test, {}, values)) == str(eval(worked)) == verdict, line
            continue
        name, *links = line.split(" = ")
        assert {eval(link, {}, values) for link in links} == {int(links[-1])}, line
        values[name] = int(links[-1])


@given(seeds)
def test_steps_and_values_stay_within_their_limits(seed: int) -> None:
    program = synthesise(seeded("test", seed))
    assert MIN_STEPS <= program.steps <= MAX_STEPS
    assert Trace().run(program.source).largest <= LIMIT


def test_the_same_seed_gives_the_same_program() -> None:
    assert synthesise(seeded("a", 1)) == synthesise(seeded("a", 1))
    assert synthesise(seeded("a", 1)) != synthesise(seeded("a", 2))


def test_a_thought_spells_out_loops_branches_and_the_print() -> None:
    source = "a = 5\nfor i in range(2):\n    a += i\nif a > 9:\n    b = a\nelse:\n    b = a * 2\nprint(a, b)"
    assert explain(source).splitlines() == [
        "a = 5",
        "i = 0",
        "a = a + i = 5 + 0 = 5",
        "i = 1",
        "a = a + i = 5 + 1 = 6",
        "a > 9: 6 > 9 is False",
        "b = a * 2 = 6 * 2 = 12",
        "print(a, b): 6 12",
    ]


@pytest.mark.parametrize("source", ["import os", "a = [1]", "while a:\n    pass", "a = 1 / 2", "a = b = 1"])
def test_a_program_outside_the_language_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match="nano's language has no"):
        explain(source)


def test_programs_that_differ_in_names_alone_are_the_same() -> None:
    assert normalise("a = 1\nfor i in range(2):\n    a += i\nprint(a)") == normalise(
        "total = 1\nfor j in range(2):\n    total += j\nprint(total)"
    )
    assert normalise("a = 1\nprint(a)") != normalise("a = 2\nprint(a)")


@given(seeds)
def test_a_question_contains_the_whole_program(seed: int) -> None:
    rng = seeded("test", seed)
    program = synthesise(rng)
    assert program.source in question_about(program.source, rng)


def test_an_answer_has_one_code_span_for_each_line() -> None:
    assert answer_for("12 7") == "It prints `12 7`."
    assert answer_for("12\n7") == "It prints `12`, then `7`."
