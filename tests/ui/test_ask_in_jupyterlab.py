"""`%%qwen` in a real JupyterLab: real kernel, real nano, real browser. Pictures are kept in build/ui."""

from __future__ import annotations

from itertools import pairwise

import pytest

pytestmark = [pytest.mark.ui, pytest.mark.slow, pytest.mark.timeout(900)]

LOAD = "%load_ext qwen_nb"
WHO = "%%qwen --seed 1\nWho are you?"
PROGRAM = """%%qwen -t max --temperature 0
What does this program print?
```python
x = 3
for i in range(4):
    x = x + 5
print(x)
```"""
ANSWER = ".jp-RenderedMarkdown"


def marks(notebook, index):
    """Our metadata of each of the cell's outputs, by part."""
    ours = [output["metadata"]["qwen_nb"] for output in notebook.outputs(index) if "metadata" in output]
    return {mark["part"]: mark for mark in ours}


def test_an_answer_grows_while_one_watches_and_stays_readable_in_both_themes(open_notebook, picture):
    notebook = open_notebook(LOAD, WHO, PROGRAM)
    notebook.run(0)
    assert notebook.outputs(0) == []

    moments = notebook.watch(1, ANSWER)
    notebook.run(1)
    growing = moments()
    assert len(growing) >= 2
    assert all(len(earlier) <= len(later) for earlier, later in pairwise(growing))
    assert "nano" in growing[-1]

    thinking = notebook.watch(2, ".jp-RenderedHTMLCommon")
    notebook.run(2)
    assert len({text for text in thinking() if text.startswith("Thinking, ")}) >= 2
    assert list(marks(notebook, 2)) == ["thought", "answer", "footer"]
    usage = marks(notebook, 2)["footer"]["usage"]
    assert f"Thought for {usage['thinking_tokens']} tokens" in notebook.text(2)
    assert f"{usage['completion_tokens']} tokens" in notebook.text(2)

    picture(notebook, "light")
    assert "x = 3" not in notebook.text(2)
    notebook.show_thought(2)
    assert "x = 3" in notebook.text(2)
    picture(notebook, "thought-opened")
    notebook.theme("JupyterLab Dark")
    picture(notebook, "dark")


def test_interrupt_keeps_the_part_that_was_there_and_the_kernel_goes_on(open_notebook, picture):
    notebook = open_notebook(
        LOAD, "%qwen model nano", PROGRAM, "print(_qwen.finish_reason, len(_qwen.thinking) > 0)", WHO
    )
    notebook.run(0)
    notebook.run(1)

    notebook.run(2, wait=False)
    notebook.page.wait_for_selector("text=/Thinking, \\d+ tokens/")
    notebook.press("notebook:interrupt-kernel")
    notebook.wait(2)
    picture(notebook, "interrupted")
    assert marks(notebook, 2)["footer"]["finish_reason"] == "interrupted"
    assert "interrupted" in notebook.text(2)
    assert notebook.outputs(2)[-1]["ename"] == "KeyboardInterrupt"

    notebook.run(3)
    assert notebook.outputs(3)[0]["text"] == "interrupted True\n"
    notebook.run(4)
    assert "nano" in notebook.text(4)
    assert marks(notebook, 4)["footer"]["finish_reason"] == "stop"
    picture(notebook, "asked-again")
