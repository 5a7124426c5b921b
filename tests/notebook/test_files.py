"""Notebook files: read with a reason when they cannot be, written whole or not at all."""

from __future__ import annotations

import os

import pytest
from nbformat import v4

from qwen_nb.errors import InvalidInputError
from qwen_nb.notebook.files import read_notebook, write_html, write_notebook, write_whole


def test_what_is_written_is_read_back(tmp_path):
    path = tmp_path / "new" / "folder" / "a.ipynb"
    notebook = v4.new_notebook(cells=[v4.new_code_cell("print('é')")])
    write_notebook(path, notebook)
    assert read_notebook(path) == notebook


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("not json", "is not a notebook that can be read"),
        ('{"nbformat": 4, "nbformat_minor": 5}', "missing an expected key: cells"),
    ],
)
def test_a_file_that_is_no_notebook_is_refused_with_the_reason(tmp_path, text, reason):
    path = tmp_path / "a.ipynb"
    path.write_text(text)
    with pytest.raises(InvalidInputError, match=reason):
        read_notebook(path)


def test_a_missing_notebook_and_a_folder_are_named(tmp_path):
    with pytest.raises(InvalidInputError, match="No notebook at"):
        read_notebook(tmp_path / "a.ipynb")
    with pytest.raises(InvalidInputError, match="cannot be read: Is a directory"):
        read_notebook(tmp_path)


def test_a_crash_while_writing_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def crash(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", crash)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_old_file_s_permissions_and_a_link_to_it_are_kept(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    path.chmod(0o640)
    link = tmp_path / "link.txt"
    link.symlink_to(path)
    write_whole(link, "new")
    assert link.is_symlink()
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_new_file_can_be_read_by_others_as_far_as_the_umask_lets_them(tmp_path):
    before = os.umask(0o022)
    try:
        write_whole(tmp_path / "a.txt", "text")
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o644


def test_html_shows_the_outputs(tmp_path):
    output = v4.new_output("stream", name="stdout", text="forty-two\n")
    write_html(tmp_path / "a.html", v4.new_notebook(cells=[v4.new_code_cell("print(word)", outputs=[output])]))
    page = (tmp_path / "a.html").read_text()
    assert "forty-two" in page
    assert "<title>a</title>" in page
