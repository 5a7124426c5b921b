from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_nb.messages import Done, Prefill, Reply, TextDelta, ThinkingDelta, ToolCallDelta, Usage
from qwen_nb_magics.render import Code, answer, blocks, first_code, footer, formatted, metadata, thought
from qwen_nb_magics.transcript import Note, Transcript

USAGE = Usage(prompt_tokens=50, thinking_tokens=64, completion_tokens=214, seconds=3.0, first_token_seconds=1.0)


def after(*events, **options) -> Transcript:
    transcript = Transcript("nano", **options)
    for event in events:
        transcript.add(event)
    return transcript


def done(text="It prints `6`.", **reply) -> Transcript:
    return after(Done(Reply(text, model="nano", **reply)))


@pytest.mark.parametrize(
    ("transcript", "line"),
    [
        (after(), "nano"),
        (after(Note("loading nano, 50%", loading=True)), "loading nano, 50%"),
        (after(Prefill(512, 2048)), "nano · reading the prompt, 512 of 2,048 tokens"),
        (after(ThinkingDelta("a", 12)), "nano · thinking"),
        (after(TextDelta("a")), "nano · answering"),
        (done(), "nano"),
        (done(usage=USAGE, thinking_budget=256), "nano · 214 tokens · 106 tokens/s · thinking 64 of 256"),
        (done(usage=USAGE), "nano · 214 tokens · 106 tokens/s · thinking 64"),
        (done(usage=Usage(completion_tokens=1), thinking_budget=0), "nano · 1 token"),
        (done(thinking_cut=True), "nano · thought cut"),
        (done(thinking_leaked=True), "nano · part of the thought is in the answer"),
        (done(finish_reason="length"), "nano · cut at the token limit"),
        (done(finish_reason="interrupted"), "nano · interrupted"),
    ],
)
def test_the_line_below_says_what_goes_on_and_in_the_end_what_it_took(transcript, line):
    assert footer(transcript, "markdown") == line


def test_a_seed_is_named_when_it_was_asked_for():
    transcript = Transcript("nano", seed_given=True)
    transcript.add(Done(Reply("x", model="nano", seed=7)))
    assert footer(transcript, "markdown") == "nano · seed 7"


def test_an_answer_without_code_says_so_when_code_was_asked_for():
    assert footer(done("No."), "code") == "nano · no code block in it, all of it shown"


def test_the_thought_is_one_line_while_it_grows_and_folded_when_it_is_over():
    growing = thought(after(ThinkingDelta("a = 1\nb = <2>", 8), budget=16))
    assert "<details" not in growing["text/html"]
    assert growing["text/plain"] == "Thinking, 8 of 16 tokens: b = <2>"
    assert thought(after(ThinkingDelta("a", 1)))["text/plain"] == "Thinking, 1 token: a"
    over = thought(after(ThinkingDelta("a = 1\nb = <2>", 8), TextDelta("2"), budget=16))
    assert "<summary>Thought for 8 of 16 tokens</summary>" in over["text/html"]
    assert over["text/plain"] == "Thought for 8 of 16 tokens\na = 1\nb = <2>"


@given(st.text())
def test_no_thought_is_taken_for_html(text):
    for transcript in (after(ThinkingDelta(text, 1)), after(ThinkingDelta(text, 1), TextDelta("x"))):
        html = thought(transcript)["text/html"]
        assert html.count("<") == html.count(">") <= 6  # our own tags alone


def test_a_thought_that_the_budget_cut_says_so():
    cut = done(thinking="a", usage=USAGE, thinking_budget=64, thinking_cut=True)
    assert "Thought for 64 of 64 tokens, then cut by the budget" in thought(cut)["text/html"]


def test_blocks_come_as_thought_answer_and_line_below_and_only_when_there_is_something():
    def parts(transcript):
        return [block.part for block in blocks(transcript, "markdown")]

    assert parts(after()) == ["footer"]
    assert parts(after(ThinkingDelta("a", 1))) == ["thought", "footer"]
    assert parts(after(TextDelta("a"))) == ["answer", "footer"]
    assert parts(after(ThinkingDelta("a", 1), TextDelta("a"))) == ["thought", "answer", "footer"]
    assert parts(done("")) == ["footer"]


def test_kinds_of_events_that_no_cell_shows_change_nothing():
    assert after(ToolCallDelta(0, "<tool")) == after()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Before\n```python\nx = 1\n\ny = 2\n```\nafter\n```\nz\n```", Code("python", "x = 1\n\ny = 2")),
        ("```\nx", Code("", "x")),
        ("````md\n```\nx\n```\n````", Code("md", "```\nx\n```")),
        ("~~~ js \nx\n~~~~", Code("js", "x")),
        ("- a\n  - b\n\n    ```\n    if x:\n        y\n    ```", Code("", "if x:\n    y")),
        ("no `code` here", None),
        ("```python", None),
    ],
)
def test_the_first_code_block_is_found_also_while_it_is_being_written(text, code):
    assert first_code(text) == code


def test_code_is_shown_alone_and_not_before_it_has_begun():
    assert answer(after(TextDelta("Sure:")), "code") is None
    shown = answer(after(TextDelta("Sure:\n```python\nprint('```')\n```\nDone.")), "code")
    assert shown == {"text/markdown": "````python\nprint('```')\n````", "text/plain": "print('```')"}
    assert answer(done("No."), "code") == {"text/markdown": "No.", "text/plain": "No."}


def test_text_is_plain_and_markdown_is_safe():
    assert answer(done("<b>*x*"), "text") == {"text/plain": "<b>*x*"}
    assert answer(done("<b>*x*"), "markdown") == {"text/markdown": "&lt;b>*x*", "text/plain": "<b>*x*"}


def test_what_is_stored_is_the_answer_or_its_code():
    assert formatted("a\n```\nb\n```", "markdown") == "a\n```\nb\n```"
    assert formatted("a\n```\nb\n```", "code") == "b"
    assert formatted("a", "code") == "a"


def test_metadata_tells_where_an_answer_came_from():
    facts = metadata(done(usage=USAGE, seed=3, thinking_budget=256), "answer")["qwen_nb"]
    assert facts["part"] == "answer"
    assert (facts["model"], facts["seed"], facts["budget"], facts["finish_reason"]) == ("nano", 3, 256, "stop")
    assert facts["usage"]["completion_tokens"] == 214
    assert metadata(after(), "footer") == {"qwen_nb": {"part": "footer"}}


def test_an_interrupted_transcript_keeps_what_came_and_prefers_the_models_own_reply():
    transcript = after(ThinkingDelta("a", 3), TextDelta("b"))
    transcript.interrupt()
    assert transcript.reply is not None
    assert (transcript.reply.text, transcript.reply.finish_reason) == ("b", "interrupted")
    assert transcript.reply.usage.thinking_tokens == 3
    own = done("own", finish_reason="interrupted")
    own.interrupt()
    assert own.reply is not None
    assert own.reply.text == "own"
