"""`%%qwen` and `%qwen` in a shell, with a scripted model."""

from __future__ import annotations

import threading

import pytest

from qwen_nb.errors import InvalidInputError, ModelNotFoundError, UnsupportedError
from qwen_nb.messages import Reply
from qwen_nb.prompts import question
from tests.helpers.scripted_model import Script, ScriptedModel

CODE = "Sure:\n```python\nprint(6)\n```"


def test_a_question_is_answered_in_its_cell(run, published, shell, loads):
    loads["nano"] = ScriptedModel(Script("It prints 6.", "2 * 3 = 6"), name="nano")
    run("%%qwen\nWhat does print(2 * 3) print?")
    assert published.texts[:2] == ["Thought for 5 tokens\n2 * 3 = 6", "It prints 6."]
    assert published.texts[2].startswith("nano · 8 tokens")
    assert isinstance(shell.user_ns["_qwen"], Reply)
    assert shell.user_ns["_qwen"].thinking == "2 * 3 = 6"


def test_the_model_gets_the_prompt_it_was_trained_on_and_works_in_another_thread(run, loads):
    run("%%qwen\n  Who are you? {x}\n")
    (call,) = loads["nano"].calls
    assert call.messages == question("Who are you? {x}")
    assert call.thread != threading.get_ident()


def test_options_reach_the_model(run, loads):
    run("%%qwen -t 5 --seed 3 --temperature 0.5 --max-tokens 9\nhi")
    (call,) = loads["nano"].calls
    assert (call.thinking, call.seed, call.sampling.temperature, call.sampling.max_tokens) == (5, 3, 0.5, 9)


@pytest.mark.parametrize(("option", "value"), [("", "default"), ("-t off", 0), ("-t max", None)])
def test_the_budget_is_the_cells_or_the_models_own(run, loads, option, value):
    run(f"%%qwen {option}\nhi")
    assert loads["nano"].calls[0].thinking == value


def test_the_sessions_budget_holds_for_cells_that_set_none(run, loads):
    run("%qwen think 64")
    run("%%qwen\nhi")
    run("%%qwen -t 3\nhi")
    run("%config QwenMagics.thinking = 'off'")
    run("%qwen reset")
    run("%%qwen\nhi")
    assert [call.thinking for call in loads["nano"].calls] == [64, 3, 0]


@pytest.mark.parametrize(("form", "stored"), [("markdown", CODE), ("text", CODE), ("code", "print(6)")])
def test_the_answer_can_be_stored_in_the_form_it_is_shown(run, shell, loads, published, form, stored):
    loads["nano"] = ScriptedModel(CODE)
    run(f"%%qwen -o got -f {form}\nhi")
    assert shell.user_ns["got"] == stored
    assert shell.user_ns["_qwen"].text == CODE
    assert published.texts[0] == stored


def test_a_model_for_one_question_does_not_change_the_sessions(run, loads):
    loads["big"] = ScriptedModel(name="big")
    run("%%qwen -m big\nhi")
    run("%%qwen\nhi")
    assert [len(loads["big"].calls), len(loads["nano"].calls)] == [1, 1]


@pytest.mark.parametrize("cell", ["%%qwen", "%%qwen -t 5\n\n   \n"])
def test_without_a_prompt_it_says_how_to_ask(run, cell):
    with pytest.raises(InvalidInputError, match="Write the question on the lines below"):
        run(cell)


def test_a_mistake_is_one_red_line_and_asks_nothing(run, loads, published):
    with pytest.raises(InvalidInputError, match="Did you mean --think"):
        run("%%qwen --thnk 5\nhi")
    assert loads["nano"].calls == []
    assert published.displays == []


def test_an_error_of_the_model_leaves_the_text_and_is_raised(run, loads, published, shell):
    loads["nano"] = ScriptedModel(Script("half of", error=ZeroDivisionError("inside")), delay=0.01)
    with pytest.raises(ZeroDivisionError, match="inside"):
        run("%%qwen -o got\nhi")
    assert published.texts[-1] == "nano · stopped by the error below"
    assert "got" not in shell.user_ns


def test_a_model_that_cannot_think_refuses_a_budget(run, loads):
    loads["nano"] = ScriptedModel(name="coder", thinks=False)
    with pytest.raises(UnsupportedError, match="no thinking mode"):
        run("%%qwen -t 5\nhi")


def test_magics_run_from_code_or_below_another_magic_answer_too(run, loads, shell):
    run("get_ipython().run_cell_magic('qwen', '-o a', 'hi')")
    run("%%time\n%%qwen -o b\nhi")
    run("%%capture\n%%qwen -o c\nhi")
    assert [shell.user_ns[name] for name in "abc"] == ["Hello!"] * 3


def test_braces_in_a_line_are_left_alone(run, shell):
    shell.user_ns["name"] = "other"
    with pytest.raises(InvalidInputError, match=r"\{name\}"):
        run("%%qwen -t {name}\nhi")


def test_help_is_what_an_empty_line_shows(run, published):
    run("%qwen")
    run("%qwen help")
    first, second = published.texts
    assert first == second
    for word in ("%%qwen", "-t, --think N|off|max", "%qwen model [NAME]", "fresh question"):
        assert word in first


def test_versions_are_listed(run, published):
    run("%qwen version")
    assert "| qwen-nb " in published.texts[0]
    assert "| transformers " in published.texts[0]


def test_status_tells_what_is_in_memory(run, published):
    run("%qwen status")
    run("%%qwen\nhi")
    run("%qwen status")
    assert "nano, loaded with the first question" in published.texts[0]
    for fact in ("12.0 M parameters, 48.0 MB", "cpu, float32", "4,096 tokens", "0 kB of earlier prompts", "scripted"):
        assert fact in published.texts[-1]


def test_models_are_listed_and_the_sessions_is_marked(run, published):
    run("%qwen model")
    assert "nano" in published.texts[0]
    assert "comes with the package, this session's model" in published.texts[0]
    assert "Qwen/Qwen3-Coder-30B-A3B-Instruct | on the Hub" in published.texts[0].replace("  ", "")


def test_switching_loads_at_once_and_tells(run, loads, published):
    loads["big"] = ScriptedModel(name="big")
    run("%%qwen\nhi")
    run("%qwen model big")
    assert published.texts[-1] == "big · ready, cpu, 4,096 tokens of context"
    assert loads["nano"].is_unloaded
    run("%%qwen\nhi")
    assert len(loads["big"].calls) == 1


def test_a_switch_that_fails_leaves_the_old_model(run, loads):
    loads["bad"] = ModelNotFoundError("No model named 'bad'.")
    run("%%qwen\nhi")
    with pytest.raises(ModelNotFoundError):
        run("%qwen model bad")
    run("%%qwen\nhi")
    assert len(loads["nano"].calls) == 2


def test_the_budget_is_shown_set_and_refused(run, published):
    run("%qwen think")
    run("%qwen think off")
    run("%qwen think 256")
    run("%qwen think max")
    with pytest.raises(InvalidInputError, match="not 'much'"):
        run("%qwen think much")
    ends = ["what the model does by itself.", "off.", "at most 256 tokens.", "without limit."]
    assert published.texts == [f"Thinking budget of this session: {end}" for end in ends]


def test_a_budget_for_a_model_that_cannot_think_says_so(run, loads, published):
    loads["nano"] = ScriptedModel(name="coder", thinks=False)
    run("%%qwen\nhi")
    run("%qwen think 256")
    assert "coder has no thinking mode" in published.texts[-1]


def test_reset_forgets_what_the_session_has_set(run, loads, shell):
    loads["big"] = ScriptedModel(name="big")
    run("%qwen model big")
    run("%%qwen\nhi")
    run("%qwen reset")
    assert "_qwen" not in shell.user_ns
    assert loads["big"].resets == 1
    run("%%qwen\nhi")
    assert len(loads["nano"].calls) == 1
