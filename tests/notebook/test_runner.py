"""The headless runner, with a real kernel."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, field
from typing import Any

import pytest
from nbformat import v4

from qwen_nb.errors import InvalidInputError
from qwen_nb.notebook.runner import CellFailedError, run_notebook


@dataclass
class Notes:
    """A watcher that writes everything down and can act when some text is printed."""

    events: list[Any] = field(default_factory=list)
    on_text: dict[str, Any] = field(default_factory=dict)
    saved: list[list[int]] = field(default_factory=list)

    def save(self, notebook):
        """Notes how many outputs each cell had."""
        self.saved.append([len(cell.get("outputs", [])) for cell in notebook.cells])

    def cell_starts(self, number, total, source):
        self.events.append(("starts", number, total, source))

    def message(self, message):
        if message["msg_type"] == "stream":
            text = message["content"]["text"]
            self.events.append(text)
            for word in [word for word in self.on_text if word in text]:
                self.on_text.pop(word)()

    def cell_ends(self, seconds):
        self.events.append("ends")


def code(*sources):
    return v4.new_notebook(cells=[v4.new_code_cell(source) for source in sources])


def run(notebook, folder, notes=None, **options):
    notes = notes or Notes()
    run_notebook(notebook, folder=folder, watcher=notes, save=notes.save, **options)


def test_cells_run_in_order_are_told_live_and_saved_one_by_one(tmp_path):
    notes = Notes()
    notebook = code("import os\nprint(os.getcwd())", "", "print('a', flush=True)\nprint('b')\n1 + 1")
    notebook.cells.insert(1, v4.new_markdown_cell("# Words"))
    notebook.cells[-1].outputs = [v4.new_output("stream", name="stdout", text="stale")]
    run(notebook, tmp_path, notes)
    assert notes.events[0] == ("starts", 1, 2, "import os\nprint(os.getcwd())")
    assert notes.events[1].strip() == str(tmp_path)
    assert notes.events.count("ends") == 2
    assert notes.saved == [[1, 0, 0, 0], [1, 0, 0, 2]]
    printed, result = notebook.cells[-1].outputs
    assert printed.text == "a\nb\n"
    assert result.data["text/plain"] == "2"
    assert "execution" not in notebook.cells[-1].metadata


def test_a_progress_bar_leaves_only_what_can_still_be_seen(tmp_path):
    bar = "import sys\nfor at in range(3):\n    print(f'\\rat {at}', end='', file=sys.stderr, flush=True)\n"
    notebook = code(bar, bar + "print('\\r    \\r', end='', file=sys.stderr, flush=True)\nprint('done')")
    run(notebook, tmp_path)
    assert [(output.name, output.text) for output in notebook.cells[0].outputs] == [("stderr", "at 2")]
    assert [(output.name, output.text) for output in notebook.cells[1].outputs] == [("stdout", "done\n")]


def test_a_failing_cell_is_named_and_the_rest_does_not_run(tmp_path):
    notes = Notes()
    notebook = code("x = 1", "print('so far')\nx / 0", "print('never')")
    with pytest.raises(CellFailedError, match=r"Cell 2 of 3 failed with ZeroDivisionError: division by zero"):
        run(notebook, tmp_path, notes)
    assert [output.output_type for output in notebook.cells[1].outputs] == ["stream", "error"]
    assert notebook.cells[2].outputs == []
    assert notes.saved == [[0, 0, 0], [0, 2, 0]]


def test_a_cell_tagged_to_raise_may_raise(tmp_path):
    notebook = code("1 / 0", "print('goes on')")
    notebook.cells[0].metadata.tags = ["raises-exception"]
    run(notebook, tmp_path)
    assert notebook.cells[1].outputs[0].text == "goes on\n"


def test_a_cell_over_its_time_is_named_with_the_limit(tmp_path):
    with pytest.raises(CellFailedError, match=r"Cell 1 of 1 took more than 1 s\. Give it longer with --timeout"):
        run(code("import time\ntime.sleep(60)"), tmp_path, timeout=1)


def test_a_dead_kernel_is_told_from_a_failing_cell(tmp_path):
    with pytest.raises(CellFailedError, match="Cell 1 of 1 took its kernel down"):
        run(code("import os\nos._exit(1)"), tmp_path)


def test_a_kernel_that_is_not_installed_is_named(tmp_path):
    notebook = code("1")
    notebook.metadata.kernelspec = {"name": "no-such-kernel", "display_name": "None"}
    with pytest.raises(InvalidInputError, match="asks for the kernel 'no-such-kernel'"):
        run(notebook, tmp_path)


def ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_interrupts_the_cell_and_keeps_what_it_had_shown(tmp_path):
    notebook = code("import time\nprint('begun', flush=True)\ntime.sleep(60)", "print('never')")
    with pytest.raises(KeyboardInterrupt):
        run(notebook, tmp_path, Notes(on_text={"begun": ctrl_c}))
    first, second = notebook.cells[0].outputs
    assert first.text == "begun\n"
    assert second.ename == "KeyboardInterrupt"
    assert notebook.cells[1].outputs == []


def test_ctrl_c_stops_the_run_though_the_cell_takes_it_calmly(tmp_path):
    calm = (
        "import time\ntry:\n    print('begun', flush=True)\n    time.sleep(60)\n"
        "except KeyboardInterrupt:\n    print('kept')"
    )
    notes = Notes(on_text={"begun": ctrl_c})
    notebook = code(calm, "print('never')")
    with pytest.raises(KeyboardInterrupt):
        run(notebook, tmp_path, notes)
    assert notebook.cells[0].outputs[0].text == "begun\nkept\n"
    assert notes.saved == [[1, 0]]


def test_a_second_ctrl_c_does_not_wait_for_a_cell_that_ignores_the_first(tmp_path):
    deaf = (
        "import time\nprint('begun', flush=True)\n"
        "try:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    print('no', flush=True)\n    time.sleep(60)"
    )
    with pytest.raises(KeyboardInterrupt):
        run(code(deaf), tmp_path, Notes(on_text={"begun": ctrl_c, "no": ctrl_c}))
