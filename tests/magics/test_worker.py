from __future__ import annotations

import contextvars
import signal
import threading

import pytest

from qwen_nb_magics.worker import Worker, interruptible

WHERE = contextvars.ContextVar("where", default="nowhere")


def results_of(worker: Worker) -> list:
    worker.wait(5)
    assert not worker.running
    return list(worker.results())


def test_results_come_in_order_from_another_thread():
    threads = []

    def work(emit, stop):
        threads.append(threading.current_thread())
        for number in range(1000):
            emit(number)

    assert results_of(Worker(work)) == list(range(1000))
    assert threads != [threading.current_thread()]
    assert threads[0].daemon


def test_the_thread_sees_the_callers_context_variables():
    token = WHERE.set("cell 7")
    try:
        worker: Worker[str] = Worker(lambda emit, stop: emit(WHERE.get()))
    finally:
        WHERE.reset(token)
    assert results_of(worker) == ["cell 7"]


def test_an_error_is_raised_once_on_the_callers_thread_after_the_results():
    def work(emit, stop):
        emit(1)
        raise ZeroDivisionError("in the worker")

    worker: Worker[int] = Worker(work)
    worker.wait(5)
    results = worker.results()
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError, match="in the worker"):
        next(results)
    assert list(worker.results()) == []


def test_the_stop_event_reaches_the_work():
    def work(emit, stop):
        stop.wait(10)
        emit(stop.is_set())

    worker: Worker[bool] = Worker(work)
    worker.stop.set()
    assert results_of(worker) == [True]


def test_an_interrupt_raises_here_whatever_handler_was_set_and_that_one_comes_back():
    def quiet(*_) -> None: ...

    saved = signal.signal(signal.SIGINT, quiet)
    try:
        with pytest.raises(KeyboardInterrupt), interruptible():
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is quiet
    finally:
        signal.signal(signal.SIGINT, saved)


def test_off_the_main_thread_no_handler_is_touched():
    def work(emit, stop):
        with interruptible():
            emit(signal.getsignal(signal.SIGINT))

    assert results_of(Worker(work)) == [signal.getsignal(signal.SIGINT)]
