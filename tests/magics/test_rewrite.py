from __future__ import annotations

import ast
import asyncio

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from IPython.core.inputtransformer2 import leading_empty_lines

from qwen_nb_magics.rewrite import Rewriter, install, remove


@pytest.fixture
def rewriting(shell):
    install(shell)
    yield shell
    remove(shell)


def transformed(shell, cell: str) -> str:
    """What the kernel, whose loop is running, would execute for `cell`."""

    async def main() -> str:
        return shell.transform_cell(cell)

    return asyncio.run(main())


def asked(line: str) -> tuple[str, str]:
    """Options and prompt in a rewritten cell."""
    (statement,) = ast.parse(line).body
    assert isinstance(statement, ast.Expr)
    call = statement.value.value if isinstance(statement.value, ast.Await) else statement.value
    assert isinstance(call, ast.Call)
    options, prompt = (ast.literal_eval(argument) for argument in call.args)
    return options, prompt


def test_a_question_becomes_one_line_that_awaits_the_answer(rewriting):
    line = transformed(rewriting, "%%qwen -t 64\nWho are you?")
    assert line == "await __import__('qwen_nb_magics').answer('-t 64', 'Who are you?\\n')\n"


@pytest.mark.parametrize("before", ["\n\n", "  \n", "# a comment\n", "\n# one\n\n#two\n"])
def test_blank_lines_and_comments_may_stand_before_the_magic(rewriting, before):
    assert asked(transformed(rewriting, f"{before}%%qwen\nhi")) == ("", "hi\n")


@pytest.mark.parametrize(
    "cell", ["x = 1\n%%qwen\nhi", "%%qwenx\nhi", "%%qwen?", "%qwen status", "%%time\n%%qwen\nhi", "", "# note"]
)
def test_other_cells_are_left_alone(rewriting, cell):
    assert "qwen_nb_magics" not in transformed(rewriting, cell)


def test_without_a_running_loop_nothing_is_awaited(rewriting):
    assert rewriting.transform_cell("%%qwen\nhi").startswith("__import__('qwen_nb_magics').answer_now(")


def test_with_autoawait_off_nothing_is_awaited(rewriting):
    rewriting.autoawait = False
    assert not transformed(rewriting, "%%qwen\nhi").startswith("await")


def test_with_another_loop_than_asyncio_nothing_is_awaited(rewriting):
    rewriting.loop_runner = lambda coroutine: None
    assert not transformed(rewriting, "%%qwen\nhi").startswith("await")


def test_inside_the_code_of_a_cell_nothing_is_awaited(rewriting):
    cell = "inner = get_ipython().transform_cell('%%qwen\\nhi')"

    async def main() -> None:
        outer = rewriting.transform_cell(cell)
        await rewriting.run_cell_async(cell, transformed_cell=outer)

    asyncio.run(main())
    assert rewriting.user_ns["inner"].startswith("__import__")


PROMPTS = [
    "{x} {{}} {'a': 1} {not python",
    'f"{value!r:>{width}}" and $HOME and `!ls`',
    '{"json": [1, {"two": null}]}',
    r"$\frac{\alpha}{\beta}$ and \\begin{matrix}",
    "%timeit x\n!ls\n%%time\nobject?",
    ">>> print(1)\n... 2\nIn [1]: 3",
    "    indented\n\n        more\n   \n",
    "'''\"\"\"\\",
    "tab\there, null\0, line\u2028separator, form\x0cfeed",
]


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_prompt_reaches_the_model_byte_for_byte(rewriting, prompt):
    assert asked(transformed(rewriting, f"%%qwen\n{prompt}\n"))[1] == prompt + "\n"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(st.characters(codec="utf-8")))
@example("\r")
def test_any_prompt_survives(rewriting, prompt):
    if not prompt.endswith("\n"):
        prompt += "\n"
    assert asked(transformed(rewriting, "%%qwen\n" + prompt))[1] == prompt


def test_a_terminal_waits_for_the_prompt_below_the_magic(rewriting):
    assert rewriting.check_complete("%%qwen -t 64")[0] == "incomplete"
    assert rewriting.check_complete("%%qwen -t 64\nhi\n\n")[0] == "complete"


def test_the_transformer_comes_right_after_the_one_for_empty_lines_and_goes_again(shell):
    before = list(shell.input_transformers_cleanup)
    install(shell)
    place = shell.input_transformers_cleanup.index(leading_empty_lines) + 1
    assert isinstance(shell.input_transformers_cleanup[place], Rewriter)
    remove(shell)
    assert shell.input_transformers_cleanup == before
