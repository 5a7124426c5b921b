from __future__ import annotations

import subprocess
import sys

import qwen_nb
import qwen_nb_magics
from qwen_nb_magics import reference

HEAVY = ("torch", "transformers", "nbformat", "plotly", "anywidget", "numpy", "huggingface_hub")


def traces(shell) -> dict[str, object]:
    """Everything an extension could leave in a shell."""
    manager = shell.magics_manager
    return {
        "magics": {kind: sorted(table) for kind, table in manager.magics.items()},
        "registry": sorted(manager.registry),
        "configurables": list(shell.configurables),
        "transformers": [list(shell.input_transformers_cleanup), list(shell.input_transformers_post)],
        "ast transformers": list(shell.ast_transformers),
        "events": {name: list(callbacks) for name, callbacks in shell.events.callbacks.items()},
        "names": sorted(shell.user_ns),
        "hidden names": sorted(shell.user_ns_hidden),
        "exceptions": (shell.custom_exceptions, sys.excepthook),
        "attributes": sorted(vars(shell)),
    }


def test_unloading_leaves_nothing(shell, loads):
    shell.run_cell("1")  # what IPython itself only makes at first use is no trace of ours
    shell.run_line_magic("unload_ext", "qwen_nb")
    before = traces(shell)
    shell.run_line_magic("load_ext", "qwen_nb")
    assert traces(shell) != before
    shell.run_cell("%%qwen\nhi").raise_error()
    assert "_qwen" in shell.user_ns
    shell.run_line_magic("unload_ext", "qwen_nb")
    assert traces(shell) == before
    assert loads["nano"].is_unloaded


def test_loading_twice_changes_nothing_more(shell):
    qwen_nb_magics.load(shell)
    once = traces(shell)
    qwen_nb_magics.load(shell)
    assert traces(shell) == once
    qwen_nb_magics.unload(shell)
    qwen_nb_magics.unload(shell)


def test_it_can_be_loaded_again_after_unloading(shell, loads, capsys):
    for _ in range(2):
        shell.run_line_magic("load_ext", "qwen_nb")
        shell.run_cell("%%qwen -f text\nhi").raise_error()
        assert "Hello!" in capsys.readouterr().out
        shell.run_line_magic("unload_ext", "qwen_nb")


def test_a_rewritten_cell_after_unloading_says_what_to_load(shell):
    result = shell.run_cell("__import__('qwen_nb_magics').answer_now('', 'hi')")
    assert "Type `%load_ext qwen_nb`" in str(result.error_in_exec)


def test_settings_are_traits_that_config_shows_and_sets(shell, capsys, loads):
    shell.config.QwenMagics.default_model = "big"
    qwen_nb_magics.load(shell)
    shell.run_line_magic("config", "QwenMagics")
    assert "Current: 'big'" in capsys.readouterr().out
    shell.run_line_magic("config", "QwenMagics.default_model = 'nano'")
    shell.run_cell("%%qwen\nhi").raise_error()
    assert len(loads["nano"].calls) == 1
    qwen_nb_magics.unload(shell)


def test_loading_and_listing_models_import_nothing_heavy():
    script = f"""
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "qwen_nb")
assert not [name for name in {HEAVY} if name in sys.modules], "load_ext"
shell.run_cell("%qwen help").raise_error()
shell.run_cell("%qwen status").raise_error()
assert not [name for name in {HEAVY} if name in sys.modules], "help and status"
shell.run_cell("%qwen model").raise_error()
assert not [name for name in {HEAVY[:5]} if name in sys.modules], "model"
"""
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_the_reference_is_current():
    assert reference.main(["--check"]) == 0


def test_an_old_reference_is_noticed_and_rewritten(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(reference, "README", tmp_path / "README.md")
    assert reference.main(["--check"]) == 1
    assert "run python -m qwen_nb_magics.reference" in capsys.readouterr().err
    assert reference.main([]) == 0
    assert reference.main(["--check"]) == 0


def test_every_option_and_subcommand_is_in_the_reference():
    text = reference.reference()
    for usage, what in [*reference.options_table(), *reference.subcommands_table()]:
        assert usage.replace("|", r"\|") in text
        assert what
    assert qwen_nb.__version__ not in text  # so that a release does not make it old
