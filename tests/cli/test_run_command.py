"""`qwen-nb run` as a program: exit codes, files, Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import sys

import nbformat
import pytest
from nbformat import v4


@pytest.fixture
def notebook(tmp_path):
    def make(*sources):
        path = tmp_path / "a.ipynb"
        nbformat.write(v4.new_notebook(cells=[v4.new_code_cell(source) for source in sources]), path)
        return path

    return make


def command(*words):
    return [sys.executable, "-m", "qwen_nb.cli", "run", *map(str, words)]


def qwen_nb_run(*words):
    return subprocess.run(command(*words), capture_output=True, text=True, check=False, timeout=120)


def text_of(path, index=0):
    return nbformat.read(path, as_version=4).cells[index].outputs[0].text


def test_a_good_run_writes_notebook_and_page_and_leaves_the_source_alone(notebook, tmp_path):
    source = notebook("print('forty-two')")
    before = source.read_bytes()
    made, page = tmp_path / "build" / "b.ipynb", tmp_path / "build" / "b.html"
    done = qwen_nb_run(source, "--output", made, "--html", page)
    assert (done.returncode, done.stderr) == (0, "")
    assert "[1/1]\n│ print('forty-two')\nforty-two\n" in done.stdout
    assert done.stdout.endswith(f"Written: {made}, {page}\n")
    assert text_of(made) == "forty-two\n"
    assert "forty-two" in page.read_text()
    assert source.read_bytes() == before


def test_a_failing_cell_gives_1_names_itself_and_keeps_what_was_done(notebook, tmp_path):
    source = notebook("print('one')", "1 / 0", "print('three')")
    done = qwen_nb_run(source, "--in-place")
    assert done.returncode == 1
    assert done.stderr == "qwen-nb: Cell 2 of 3 failed with ZeroDivisionError: division by zero\n"
    assert "ZeroDivisionError" in done.stdout
    assert text_of(source) == "one\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "the following arguments are required: notebook"),
        (["nowhere.ipynb"], "No notebook at nowhere.ipynb."),
        (["a.ipynb", "--in-place", "--output", "b.ipynb"], "not allowed with argument"),
        (["a.ipynb", "--timeout", "0"], "a whole number of seconds above 0 is needed, not '0'"),
    ],
)
def test_a_wrong_call_gives_2_and_says_what_is_wrong(words, said):
    done = qwen_nb_run(*words)
    assert done.returncode == 2
    assert said in done.stderr


def test_nothing_is_written_unless_asked_and_that_is_said(notebook, tmp_path):
    source = notebook("1 + 1")
    done = qwen_nb_run(source)
    assert done.returncode == 0
    assert done.stdout.endswith("Nothing written; --output FILE or --in-place keeps it.\n")
    assert list(tmp_path.iterdir()) == [source]


def test_ctrl_c_gives_130_and_keeps_what_was_shown(notebook):
    source = notebook("import time\nprint('begun', flush=True)\ntime.sleep(60)")
    with subprocess.Popen(
        command(source, "--in-place"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        while "begun" not in (line := run.stdout.readline()) or line.startswith("│"):
            assert line, "the run ended before its cell had begun"
        run.send_signal(signal.SIGINT)
        assert run.wait(timeout=60) == 130
        assert run.stderr.read() == "qwen-nb: Interrupted.\n"
    assert text_of(source) == "begun\n"
