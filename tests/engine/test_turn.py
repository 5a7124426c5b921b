"""One generation at a time."""

import threading
import time

import pytest

from qwen_nb.engine.turn import Turn
from qwen_nb.errors import BusyError


def held_elsewhere(turn: Turn, until: threading.Event) -> threading.Thread:
    """Another thread that has the turn until told otherwise."""
    has_it = threading.Event()

    def hold():
        with turn.held():
            has_it.set()
            until.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    assert has_it.wait(10)
    return thread


def test_who_comes_second_waits_and_then_gets_it():
    turn, release = Turn("tiny"), threading.Event()
    thread = held_elsewhere(turn, release)
    threading.Timer(0.2, release.set).start()
    with turn.held() as ours:
        assert ours
        assert release.is_set()
    thread.join()


def test_who_does_not_want_to_wait_is_told():
    turn, release = Turn("tiny"), threading.Event()
    thread = held_elsewhere(turn, release)
    with pytest.raises(BusyError, match="tiny is answering something else"), turn.held(wait=False):
        pass
    release.set()
    thread.join()


def test_a_stop_event_ends_the_waiting():
    turn, release, stop = Turn("tiny"), threading.Event(), threading.Event()
    thread = held_elsewhere(turn, release)
    threading.Timer(0.1, stop.set).start()
    with turn.held(stop=stop) as ours:
        assert not ours
    release.set()
    thread.join()


def test_the_same_thread_is_refused_instead_of_waiting_for_itself():
    turn = Turn("tiny")
    start = time.monotonic()
    with turn.held(), pytest.raises(BusyError, match=r"stream\.close\(\)"), turn.held():
        pass
    assert time.monotonic() - start < 5
    with turn.held() as ours:
        assert ours


def test_an_error_inside_gives_the_turn_back():
    turn = Turn("tiny")
    with pytest.raises(KeyboardInterrupt), turn.held():
        raise KeyboardInterrupt
    with turn.held(wait=False) as ours:
        assert ours
