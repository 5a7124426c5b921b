"""What a headless run shows: plain text in a pipe, live lines on a terminal."""

from __future__ import annotations

import io

import pytest

from qwen_nb.notebook.terminal import Terminal


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def stream(text, name="stdout"):
    return {"msg_type": "stream", "content": {"name": name, "text": text}}


def display(data, display_id=None, update=False, **marks):
    content = {"data": data, "metadata": {"qwen_nb": marks} if marks else {}, "transient": {"display_id": display_id}}
    return {"msg_type": "update_display_data" if update else "display_data", "content": content}


def part(name, text, **marks):
    return display({"text/plain": text, "text/html": "<b>"}, "d-" + name, update=True, part=name, **marks)


ANSWER = [
    part("footer", "nano · loading"),
    part("thought", "Thinking, 3 of 9 tokens: x = 1"),
    part("thought", "Thinking, 6 of 9 tokens: x = 2"),
    part("thought", "Thought for 9 tokens\nx = 1\nx = 2"),
    part("answer", "It is"),
    part("answer", "It is **two**"),
    part("answer", "It is **two**."),
    part("thought", "Thought for 10 tokens\nx = 1\nx = 2"),
    part("footer", "nano · 12 tokens", usage={"completion_tokens": 12}),
    part("footer", "nano · 12 tokens", usage={"completion_tokens": 12}),
]


@pytest.fixture
def pipe():
    return io.StringIO()


def show(out, *messages):
    terminal = Terminal(out)
    terminal.cell_starts(2, 3, "%%qwen\nWhat is x?")
    for message in messages:
        terminal.message(message)
    terminal.cell_ends(1.25)
    return out.getvalue()


def test_a_pipe_gets_the_session_as_plain_text(pipe):
    assert show(pipe, *ANSWER) == (
        "[2/3]\n│ %%qwen\n│ What is x?\nx = 1\nx = 2\nIt is **two**.\nnano · 12 tokens\n1.2 s\n\n"
    )


def test_the_answer_is_there_as_far_as_it_has_come(pipe):
    assert show(pipe, *ANSWER[:6]).endswith("It is **two**\n1.2 s\n\n")


def test_a_terminal_shows_what_goes_on_and_wipes_it():
    shown = show(Screen(), *ANSWER)
    assert "\r\x1b[K\x1b[2mThinking, 6 of 9 tokens: x = 2\x1b[0m\r\x1b[K" in shown
    assert "\x1b[2mx = 1\nx = 2\n\x1b[0mIt is **two**." in shown


def test_a_thought_without_an_answer_is_shown_when_the_line_below_is_final(pipe):
    assert "x = 2\nnano · 12 tokens\n" in show(pipe, ANSWER[3], ANSWER[-1])


def test_two_answers_in_one_notebook_do_not_mix(pipe):
    terminal = Terminal(pipe)
    for number in (1, 2):
        terminal.cell_starts(number, 2, "%%qwen")
        for message in ANSWER:
            terminal.message(message)
        terminal.cell_ends(0)
    assert pipe.getvalue().count("It is **two**.\n") == 2


def test_an_answer_that_is_written_anew_is_shown_anew(pipe):
    assert "first\nother\n" in show(pipe, part("answer", "first"), part("answer", "other"))


def test_prints_stay_on_their_line_and_displays_start_one(pipe):
    shown = show(pipe, stream("1,"), stream(" 2"), display({"text/plain": "'result'"}), stream("3\n"))
    assert "1, 2\n'result'\n3\n1.2 s" in shown


def test_markdown_wins_and_objects_without_text_stay_silent(pipe):
    rich = {"text/markdown": "**x**", "text/plain": "<IPython.core.display.Markdown object>"}
    page = {"text/html": "<b>x</b>", "text/plain": "<IPython.core.display.HTML object>"}
    shown = show(pipe, display(rich), display(page), display({"image/png": "…"}))
    assert shown.endswith("│ What is x?\n**x**\n1.2 s\n\n")


def test_an_error_keeps_its_colours_on_a_terminal_alone(pipe):
    error = {"msg_type": "error", "content": {"ename": "E", "evalue": "x", "traceback": ["\x1b[31mE\x1b[39m", "x"]}}
    assert "\nE\nx\n" in show(pipe, error)
    assert "\x1b[31mE\x1b[39m" in show(Screen(), error)


def test_other_messages_say_nothing(pipe):
    quiet = [{"msg_type": name, "content": {}} for name in ("status", "execute_input", "comm_open", "clear_output")]
    assert show(pipe, *quiet) == "[2/3]\n│ %%qwen\n│ What is x?\n1.2 s\n\n"
