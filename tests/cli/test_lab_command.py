"""`qwen-nb lab`: what JupyterLab is started with. tests/ui starts it for real."""

from __future__ import annotations

import os

import pytest

from qwen_nb.commands.lab import lab_arguments
from qwen_nb.errors import InvalidInputError


def as_user(monkeypatch, number):
    monkeypatch.setattr(os, "geteuid", lambda: number, raising=False)


def test_everything_goes_to_jupyterlab_as_it_was_typed(monkeypatch, tmp_path):
    as_user(monkeypatch, 1000)
    notebook = tmp_path / "a.ipynb"
    notebook.touch()
    line = ["--port", "8889", str(notebook), "--no-browser"]
    assert lab_arguments(line) == line


def test_only_root_gets_allow_root_and_gets_it_once(monkeypatch):
    as_user(monkeypatch, 1000)
    assert lab_arguments([]) == []
    as_user(monkeypatch, 0)
    assert lab_arguments([]) == ["--allow-root"]
    assert lab_arguments(["--allow-root"]) == ["--allow-root"]


def test_a_notebook_below_the_folder_one_is_in_keeps_that_folder_in_view(monkeypatch, tmp_path):
    as_user(monkeypatch, 1000)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "a.ipynb").touch()
    assert lab_arguments(["notebooks/a.ipynb"]) == ["notebooks/a.ipynb", f"--ServerApp.root_dir={tmp_path}"]
    chosen = ["notebooks/a.ipynb", "--ServerApp.root_dir=notebooks"]
    assert lab_arguments(chosen) == chosen


def test_a_notebook_that_is_not_there_is_named():
    with pytest.raises(InvalidInputError, match=r"No notebook at nowhere\.ipynb"):
        lab_arguments(["nowhere.ipynb"])
