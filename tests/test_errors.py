"""Errors in a notebook: one line, no traceback, and the cell still counts as failed."""

import inspect

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from qwen_nb import errors
from qwen_nb.errors import ContextOverflowError, InvalidInputError, QwenNbError

ALL = [value for value in vars(errors).values() if inspect.isclass(value) and issubclass(value, QwenNbError)]


@pytest.fixture
def shell():
    """A fresh shell that keeps no history."""
    return InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))


def make(kind):
    return kind(900, 200, 1000) if kind is ContextOverflowError else kind("No model named 'nanno'.")


def test_every_error_is_one_of_ours_and_says_when_it_is_raised():
    assert len(ALL) >= 7
    for kind in ALL:
        assert issubclass(kind, QwenNbError)
        assert inspect.getdoc(kind)


@pytest.mark.parametrize("kind", ALL)
def test_a_cell_shows_one_line_without_a_traceback_and_fails(kind, shell, capsys):
    error = make(kind)
    shell.user_ns["error"] = error
    result = shell.run_cell("def deep():\n    raise error\ndeep()")
    assert result.error_in_exec is error
    assert not result.success
    shown = "".join(capsys.readouterr())
    assert shown == f"{kind.__name__}: {error}\n"


def test_what_a_kernel_sends_as_the_cells_error_is_that_line_too(shell, monkeypatch):
    sent = []
    monkeypatch.setattr(shell, "_showtraceback", lambda kind, value, traceback: sent.extend(traceback))
    shell.user_ns["error"] = make(errors.ModelNotFoundError)
    shell.run_cell("raise error")
    assert sent == ["ModelNotFoundError: No model named 'nanno'."]


def test_other_errors_keep_their_traceback(shell, capsys):
    shell.run_cell("1 / 0")
    assert "Traceback" in "".join(capsys.readouterr())


def test_a_subclass_of_a_user_renders_the_same_way():
    class OwnError(InvalidInputError):
        pass

    assert OwnError("Too short.")._render_traceback_() == ["OwnError: Too short."]


def test_a_context_that_overflows_has_the_numbers():
    error = ContextOverflowError(prompt_tokens=40_000, max_tokens=100, context_length=32_768)
    assert (error.prompt_tokens, error.max_tokens, error.context_length) == (40_000, 100, 32_768)
    assert "40,000 tokens" in str(error)
    assert "32,768" in str(error)
    assert "Shorten the prompt" in str(error)


def test_a_limit_that_does_not_fit_names_the_one_that_does():
    error = ContextOverflowError(prompt_tokens=900, max_tokens=200, context_length=1_000)
    assert "Lower max_tokens to 100" in str(error)
