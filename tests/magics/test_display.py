from __future__ import annotations

import io

import pytest

from qwen_nb.messages import Done, Reply, TextDelta, ThinkingDelta
from qwen_nb_magics.display import INTERVAL, PATIENCE, NotebookScreen, TerminalScreen, screen
from qwen_nb_magics.transcript import Note, Transcript


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def page(shell, published, clock) -> NotebookScreen:
    return NotebookScreen(shell, clock=clock)


def test_the_line_below_moves_down_as_thought_and_answer_take_its_place(page, published):
    transcript = Transcript("nano")
    transcript.add(ThinkingDelta("hm", 1))
    page.show(transcript, final=True)
    assert published.texts == ["Thinking, 1 token: hm", "nano · thinking"]
    transcript.add(TextDelta("yes"))
    page.show(transcript, final=True)
    assert published.texts == ["Thought for 1 token\nhm", "yes", "nano · answering"]
    transcript.add(Done(Reply("yes.", "hm", model="nano")))
    page.show(transcript, final=True)
    assert published.texts[1:] == ["yes.", "nano"]
    assert [d["metadata"]["qwen_nb"]["part"] for d in published.displays] == ["thought", "answer", "footer"]


def test_without_a_thought_there_is_no_display_for_one(page, published):
    transcript = Transcript("nano")
    transcript.add(Done(Reply("yes", model="nano")))
    page.show(transcript, final=True)
    assert published.texts == ["yes", "nano"]


def test_updates_come_at_a_moderate_rate_and_the_first_text_at_once(page, published, clock):
    transcript = Transcript("nano")
    counts = []
    for i in range(100):
        clock.now = i * 0.01
        transcript.add(TextDelta("word "))
        page.show(transcript)
        counts.append(published.displays[0]["data"]["text/plain"].count("word"))
    assert counts[0] == 1
    assert len(set(counts)) <= 1 / INTERVAL + 1


def test_a_long_answer_is_sent_less_often(page, published, clock):
    transcript = Transcript("nano")
    transcript.add(TextDelta("x" * 40_000))
    page.show(transcript)
    before = published.messages
    clock.now += INTERVAL * 2
    transcript.add(TextDelta("y"))
    page.show(transcript)
    assert published.messages == before


def test_what_has_not_changed_is_not_sent_again(page, published, clock):
    transcript = Transcript("nano")
    transcript.add(TextDelta("x"))
    page.show(transcript)
    before = published.messages
    clock.now += 1
    page.show(transcript)
    assert published.messages == before


def test_loading_is_told_only_when_it_takes_a_moment(page, published, clock):
    transcript = Transcript("nano")
    transcript.add(Note("loading nano, 10%", loading=True))
    page.show(transcript)
    assert published.displays == []
    clock.now = PATIENCE
    page.show(transcript)
    assert published.texts == ["loading nano, 10%"]


def test_a_failure_before_anything_was_shown_leaves_nothing(page, published):
    transcript = Transcript("nano", failed=True)
    page.show(transcript, final=True)
    assert published.displays == []


def test_a_failure_afterwards_is_marked_below(page, published):
    transcript = Transcript("nano")
    transcript.add(TextDelta("half"))
    page.show(transcript)
    transcript.failed = True
    page.show(transcript, final=True)
    assert published.texts == ["half", "nano · stopped by the error below"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def told(terminal: TerminalScreen) -> None:
    transcript = Transcript("nano")
    terminal.show(transcript)
    for event in (ThinkingDelta("a = 1\n", 3), ThinkingDelta("b", 4), TextDelta("It "), TextDelta("prints.")):
        transcript.add(event)
        terminal.show(transcript)
    transcript.add(Done(Reply("It prints.", "a = 1\nb", model="nano")))
    terminal.show(transcript, final=True)


def test_a_terminal_gets_the_text_as_it_comes():
    out = io.StringIO()
    told(TerminalScreen(out=out))
    assert out.getvalue() == "Thinking\na = 1\nb\n\nIt prints.\nnano\n"


def test_a_terminal_that_can_dims_what_is_not_the_answer():
    out = Terminal()
    told(TerminalScreen(out=out))
    assert "\x1b[2ma = 1\n\x1b[0m" in out.getvalue()
    assert "\n\nIt prints.\n" in out.getvalue()
    assert out.getvalue().endswith("\x1b[2mnano\x1b[0m\n")


def test_code_is_written_to_a_terminal_when_it_is_complete():
    out = io.StringIO()
    terminal = TerminalScreen("code", out=out)
    transcript = Transcript("nano")
    transcript.add(TextDelta("Sure:\n```python\nx = 1"))
    terminal.show(transcript)
    assert out.getvalue() == ""
    transcript.add(Done(Reply("Sure:\n```python\nx = 1\n```", model="nano")))
    terminal.show(transcript, final=True)
    assert out.getvalue() == "x = 1\nnano\n"


def test_a_kernel_gets_displays_and_any_other_shell_text(shell):
    assert isinstance(screen(shell), TerminalScreen)
    shell.kernel = object()
    assert isinstance(screen(shell), NotebookScreen)
