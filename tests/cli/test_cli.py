"""The entry point: which subcommand, which exit code, and nothing imported that is not asked for."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

import qwen_nb
from qwen_nb import cli
from qwen_nb.errors import InvalidInputError, ModelNotFoundError


def test_without_arguments_it_prints_help_with_every_command(capsys):
    assert cli.main([]) == 0
    printed = capsys.readouterr().out
    assert all(f"\n  {name} " in printed for name in cli.COMMANDS)


def test_version_is_the_package_s(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"qwen-nb {qwen_nb.__version__}\n"


def test_an_unknown_command_names_the_nearest_one(capsys):
    assert cli.main(["docter"]) == 2
    assert capsys.readouterr().err == (
        "qwen-nb: No command named 'docter'. Did you mean `doctor`? `qwen-nb --help` lists them.\n"
    )


def test_an_unknown_command_like_no_other_gets_no_guess(capsys):
    assert cli.main(["xyzzy"]) == 2
    assert "Did you mean" not in capsys.readouterr().err


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_explains_itself(name, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([name, "--help"])
    assert stop.value.code == 0
    assert f"usage: qwen-nb {name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (ModelNotFoundError("No model named 'x'."), 1, "qwen-nb: No model named 'x'.\n"),
        (InvalidInputError("No notebook at x."), 2, "qwen-nb: No notebook at x.\n"),
        (KeyboardInterrupt(), 130, "qwen-nb: Interrupted.\n"),
    ],
)
def test_what_a_command_raises_becomes_one_line_and_an_exit_code(raised, code, said, monkeypatch, capsys):
    def command(argv):
        assert argv == ["rest", "--of", "line"]
        raise raised

    monkeypatch.setattr(cli, "import_module", lambda _: SimpleNamespace(main=command))
    assert cli.main(["run", "rest", "--of", "line"]) == code
    assert capsys.readouterr().err == said


def test_help_imports_nothing_heavy():
    heavy = {"torch", "transformers", "nbformat", "nbclient", "IPython", "numpy"}
    code = "import sys; from qwen_nb.cli import main; main([]); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert heavy.isdisjoint(done.stderr.split())
