from __future__ import annotations

import threading

import pytest

import qwen_nb
from qwen_nb.errors import ModelNotFoundError, NotEnoughMemoryError
from qwen_nb_magics.session import Session
from tests.helpers.scripted_model import ScriptedModel


@pytest.fixture
def session() -> Session:
    return Session(lambda: ("nano", "default"))


def quiet(_: str) -> None: ...


def test_a_model_is_loaded_once_and_progress_is_reported(session, loads):
    said: list[str] = []
    first = session.resident("nano", said.append)
    assert session.resident("nano", said.append) is first is loads["nano"]
    assert said == ["loading nano", "loading nano, 50%"]


def test_another_model_takes_the_place_of_the_one_in_memory(session, loads):
    loads["big"] = ScriptedModel(name="big")
    session.resident("nano", quiet)
    assert session.resident("big", quiet) is loads["big"]
    assert loads["nano"].is_unloaded
    assert session.is_loaded("big")
    assert session.name == "nano"


def test_a_model_that_cannot_be_loaded_leaves_the_other_in_memory(session, loads):
    loads["bad"] = ModelNotFoundError("No model named 'bad'.")
    session.resident("nano", quiet)
    with pytest.raises(ModelNotFoundError):
        session.resident("bad", quiet)
    assert session.model is loads["nano"]
    assert not loads["nano"].is_unloaded


def test_a_model_for_which_there_is_no_room_gets_the_room_of_the_other(session, loads, monkeypatch):
    session.resident("nano", quiet)
    big = ScriptedModel(name="big")

    def load(name, *, progress):
        if not loads["nano"].is_unloaded:
            raise NotEnoughMemoryError("needs 60 GB, has 40 GB")
        return big

    monkeypatch.setitem(vars(qwen_nb), "load", load)
    assert session.resident("big", quiet) is big


def test_with_nothing_to_make_room_the_lack_of_memory_is_told(session, loads):
    loads["big"] = NotEnoughMemoryError("needs 60 GB, has 40 GB")
    with pytest.raises(NotEnoughMemoryError, match="60 GB"):
        session.resident("big", quiet)


def test_two_questions_at_once_load_the_model_once(session, monkeypatch):
    loaded, begun, go = [], threading.Event(), threading.Event()

    def load(name, *, progress):
        begun.set()
        go.wait(5)
        loaded.append(name)
        return ScriptedModel()

    monkeypatch.setitem(vars(qwen_nb), "load", load)
    threads = [threading.Thread(target=session.resident, args=("nano", quiet)) for _ in range(2)]
    for thread in threads:
        thread.start()
    begun.wait(5)
    go.set()
    for thread in threads:
        thread.join(5)
    assert loaded == ["nano"]


def test_a_model_that_arrives_after_the_end_is_dropped(session, loads):
    session.close()
    model = session.resident("nano", quiet)
    assert model is loads["nano"]
    assert loads["nano"].is_unloaded
    assert session.model is None


def test_reset_goes_back_to_the_defaults_and_empties_the_cache(session, loads):
    session.resident("nano", quiet)
    session.choose("big")
    session.thinking = None
    session.reset()
    assert (session.name, session.thinking) == ("nano", "default")
    assert loads["nano"].resets == 1
