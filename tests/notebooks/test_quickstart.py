"""The quickstart, run afresh: nano's answers are asserted, not only that nothing fails."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from qwen_nb.notebook.files import read_notebook
from qwen_nb.notebook.runner import run_notebook

QUICKSTART = Path(__file__).parents[2] / "notebooks" / "00-quickstart.ipynb"

pytestmark = pytest.mark.slow


class Silent:
    """A watcher that does not look."""

    def cell_starts(self, number, total, source): ...
    def message(self, message): ...
    def cell_ends(self, seconds): ...


@pytest.fixture(scope="module")
def cells():
    notebook = read_notebook(QUICKSTART)
    run_notebook(notebook, folder=QUICKSTART.parent, watcher=Silent(), save=lambda _: None)
    return notebook.cells


def find(cells, start):
    """The outputs of the one cell that starts so."""
    (cell,) = [cell for cell in cells if cell.cell_type == "code" and cell.source.startswith(start)]
    return cell.outputs


def parts(outputs):
    """The displays of an answer, by part."""
    return {output.metadata["qwen_nb"]["part"]: output for output in outputs}


def test_it_is_short():
    assert len(read_notebook(QUICKSTART).cells) <= 10


def test_nano_says_who_it_is(cells):
    answer = parts(find(cells, "%%qwen\nAre"))["answer"].data["text/markdown"]
    assert "nano" in answer
    assert "Qwen" in answer


def test_thinking_finds_what_python_prints(cells):
    (printed,) = find(cells, "price =")
    shown = parts(find(cells, "%%qwen\nWhat"))
    assert shown["answer"].data["text/plain"] == f"It prints `{printed.text.strip()}`."
    usage = shown["footer"].metadata["qwen_nb"]["usage"]
    assert usage["thinking_tokens"] > 20
    (kept,) = find(cells, "_qwen.usage")
    assert f"thinking_tokens={usage['thinking_tokens']}" in kept.data["text/plain"]


def test_with_thinking_off_it_answers_at_once(cells):
    shown = parts(find(cells, "%%qwen -t off"))
    assert "thought" not in shown
    assert shown["footer"].metadata["qwen_nb"]["usage"]["thinking_tokens"] == 0
    assert re.fullmatch(r"It prints `-?\d+`\.", shown["answer"].data["text/plain"])


def test_the_routing_of_an_answer_is_a_table(cells):
    (table,) = find(cells, "import qwen_nb")
    assert "top-4 of 16 experts in 6 layers of nano" in table.data["text/markdown"]
    assert table.data["text/html"].count("<tr>") == 8


def test_the_readme_shows_the_same_question_and_answer():
    kept = read_notebook(QUICKSTART).cells
    (cell,) = [cell for cell in kept if cell.source.startswith("%%qwen\nWhat")]
    shown = parts(cell.outputs)
    readme = (QUICKSTART.parents[1] / "README.md").read_text(encoding="utf-8")
    assert cell.source in readme
    assert f"> ▸ {shown['thought'].data['text/plain'].splitlines()[0]}\n" in readme
    assert f"> {shown['answer'].data['text/plain']}\n" in readme


def test_what_is_kept_in_the_repository_is_from_a_run_of_these_cells():
    kept = [cell for cell in read_notebook(QUICKSTART).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in kept] == list(range(1, len(kept) + 1))
    assert all(cell.outputs for cell in kept[1:])
