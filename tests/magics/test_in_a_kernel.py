"""The magic in a real kernel: awaited cells, interrupts, what a notebook would save."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator

import nbformat
import pytest
from nbconvert import HTMLExporter

from tests.helpers.live_kernel import LiveKernel, Outcome

SET_UP = """
import qwen_nb, threading, time
from tests.helpers.scripted_model import Script, ScriptedModel
%load_ext qwen_nb
hostile = "It prints **6**.\\n\\n<script>alert(1)</script>\\n\\n```html\\n<b>x</b>\\n```\\n[x](javascript:alert(1))"
quick = ScriptedModel(Script(hostile, "2 * 3 = 6 </pre><script>alert(2)</script>"), name="quick")
endless = ScriptedModel(Script("word " * 5_000, "let me see"), name="endless", delay=0.02)
models = {"quick": quick, "endless": endless}
def load(name, *, progress):
    if name == "slow":
        progress(0.5, "loading slow")
        time.sleep(2)
        return ScriptedModel("Here I am.", name="slow")
    return models[name]
qwen_nb.load = load
%config QwenMagics.default_model = "quick"
"""


@pytest.fixture(scope="module")
def kernel() -> Iterator[LiveKernel]:
    with LiveKernel() as kernel:
        kernel.check(SET_UP)
        yield kernel


def shows(text: str) -> Callable[[Outcome], bool]:
    return lambda outcome: text in outcome.text


def test_an_answer_is_saved_as_three_displays_with_their_metadata(kernel):
    outcome = kernel.check("%%qwen -t 5 --seed 7\nWhat does it print?")
    thought, answer, footer = outcome.outputs
    assert "<summary>Thought for 5 of 5 tokens, then cut by the budget</summary>" in thought["data"]["text/html"]
    assert answer["data"]["text/markdown"].startswith("It prints **6**.")
    assert re.match(r"quick · \d+ tokens · .* · thinking 5 of 5 · thought cut · seed 7", footer["data"]["text/plain"])
    for output, part in ((thought, "thought"), (answer, "answer"), (footer, "footer")):
        facts = output["metadata"]["qwen_nb"]
        assert (facts["part"], facts["model"], facts["seed"], facts["budget"]) == (part, "quick", 7, 5)
        assert facts["usage"]["thinking_tokens"] == 5


def test_an_exported_page_shows_the_answer_and_runs_nothing(kernel):
    outputs = [
        nbformat.v4.new_output("display_data", data=output["data"], metadata=output["metadata"])
        for output in kernel.check("%%qwen\nhi").outputs
    ]
    cell = nbformat.v4.new_code_cell("%%qwen\nhi", outputs=outputs)
    notebook = nbformat.v4.new_notebook(cells=[cell])
    nbformat.validate(notebook)
    page, _ = HTMLExporter(template_name="basic").from_notebook_node(notebook)
    assert "<strong>6</strong>" in page
    assert "alert(1)" in html.unescape(page)
    assert "alert(2)" in html.unescape(page)
    assert not re.search(r"<script>alert|href=.javascript:", page)
    assert '<span class="p">&lt;</span><span class="nt">b</span>' in page  # the code block is still highlighted


def test_the_cell_is_awaited_and_the_kernel_answers_meanwhile(kernel):
    kernel.check(
        "heard = []\n"
        "def opened(comm, message):\n"
        "    comm.on_msg(lambda message: heard.append('_qwen' in globals()))\n"
        "get_ipython().kernel.comm_manager.register_target('test', opened)\n"
        "globals().pop('_qwen', None)\n"
        "from ipykernel.comm import Comm"
    )
    kernel.send("comm_open", {"comm_id": "c1", "target_name": "test", "data": {}})
    sent = []

    def send_once(outcome: Outcome) -> bool:
        if "word" in outcome.text and not sent:
            kernel.send("comm_msg", {"comm_id": "c1", "data": {}})
            sent.append(True)
        return "word " * 50 in outcome.text

    kernel.run("%%qwen -m endless\nhi", interrupt_when=send_once)
    assert kernel.check("print(heard)").text == "[False]\n"  # before there was a reply


CELLS = {
    "on its own": "%%qwen -m endless -o got\nhi",
    "below %%time": "%%time\n%%qwen -m endless -o got\nhi",
    "called in an awaiting cell": (
        "import asyncio\nawait asyncio.sleep(0)\nget_ipython().run_cell_magic('qwen', '-m endless -o got', 'hi')"
    ),
}


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS.keys())
def test_an_interrupt_stops_at_once_and_keeps_what_there_is(kernel, cell):
    outcome = kernel.run(cell, interrupt_when=shows("word word"))
    assert outcome.reply["ename"] == "KeyboardInterrupt"
    assert outcome.reply["traceback"] == ["KeyboardInterrupt: stopped; the partial answer is kept in _qwen."]
    assert outcome.part("footer")["data"]["text/plain"].endswith("· interrupted")
    assert outcome.part("answer")["data"]["text/plain"].startswith("word word")
    assert outcome.seconds_after_interrupt < 5
    said = kernel.check("print(_qwen.finish_reason, _qwen.text[:9], 'got' in globals())").text
    assert said == "interrupted word word False\n"
    running = "any(t.name == 'qwen_nb' for t in threading.enumerate())"
    assert kernel.check(f"time.sleep(0.2)\nprint({running})").text == "False\n"


def test_after_an_interrupt_the_next_question_is_answered(kernel):
    kernel.run("%%qwen -m endless\nhi", interrupt_when=shows("word"))
    assert kernel.check("%%qwen\nhi").part("answer")["data"]["text/plain"].startswith("It prints")


def test_loading_shows_progress_and_goes_on_in_the_background_when_interrupted(kernel):
    outcome = kernel.run("%%qwen -m slow\nhi", interrupt_when=shows("loading slow, 50%"))
    assert outcome.reply["traceback"] == [
        "KeyboardInterrupt: loading slow goes on in the background; ask again to use it."
    ]
    assert outcome.text.startswith("slow · interrupted while it was being loaded")
    assert kernel.check("%%qwen -m slow\nhi").part("answer")["data"]["text/plain"] == "Here I am."


@pytest.mark.parametrize(
    "cell",
    [
        "%%time\n%%qwen -o got\nhi",
        "get_ipython().run_cell_magic('qwen', '-o got', 'hi')",
        "import asyncio\nawait asyncio.sleep(0)\nget_ipython().run_cell_magic('qwen', '-o got', 'hi')",
        "\n\n# with a comment\n%%qwen -o got\nhi",
    ],
)
def test_the_magic_answers_wherever_it_stands(kernel, cell):
    kernel.check("got = None")
    kernel.check(cell)
    assert kernel.check("print(got)").text.startswith("It prints **6**.")


def test_with_autoawait_off_the_cell_blocks_and_answers(kernel):
    kernel.check("%autoawait False")
    try:
        outcome = kernel.check("%%qwen\nhi")
    finally:
        kernel.check("%autoawait True")
    assert outcome.part("answer")["data"]["text/plain"].startswith("It prints")


def test_a_mistake_is_one_red_line(kernel):
    outcome = kernel.run("%%qwen --thnk 5\nhi")
    (error,) = outcome.outputs
    assert outcome.status == "error"
    assert error["traceback"] == [
        "InvalidInputError: %%qwen: there is no option --thnk. Did you mean --think? `%qwen help` lists the options."
    ]


def test_an_unexpected_error_keeps_its_traceback(kernel):
    outcome = kernel.run("%%qwen -m nowhere\nhi")  # our scripted `load` raises a KeyError for it
    assert outcome.reply["ename"] == "KeyError"
    assert any("def load" in line or "models[name]" in line for line in outcome.reply["traceback"])


def test_unloading_takes_the_magics_and_the_rewrite_away(kernel):
    kernel.check("%unload_ext qwen_nb")
    try:
        outcome = kernel.run("%%qwen\nhi")
        assert outcome.status == "error"
        assert "Cell magic `%%qwen` not found" in outcome.text
        assert kernel.check("print('_qwen' in globals(), quick.is_unloaded)").text == "False True\n"
    finally:
        kernel.check("%load_ext qwen_nb\n%config QwenMagics.default_model = 'quick'")
