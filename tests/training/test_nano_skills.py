"""A slice of the evaluation in the model card, with thresholds a little under what was measured."""

from __future__ import annotations

from typing import cast

import pytest

import qwen_nb
from qwen_nb.engine.local_model import LocalModel
from qwen_nb.training.dataset import held_out_programs
from qwen_nb.training.evaluate import BANDS, BUDGETS, Result, accuracy, harder_half, run_identity, run_programs

SLICE = 60


@pytest.fixture(scope="module")
def nano() -> LocalModel:
    return cast("LocalModel", qwen_nb.load("nano"))


@pytest.fixture(scope="module")
def results(nano: LocalModel) -> list[Result]:
    return run_programs(nano, held_out_programs()[:SLICE], budgets=(0, 32, None))


def test_held_out_programs_are_mostly_right_with_thinking(results: list[Result]) -> None:
    assert accuracy(results, None) >= 0.68
    assert accuracy(results, None, BANDS["2 to 4 steps"]) >= 0.85


def test_thinking_is_worth_fifty_points_on_the_harder_half(results: list[Result]) -> None:
    steps = harder_half(results)
    assert accuracy(results, None, steps) - accuracy(results, 0, steps) >= 0.5


def test_a_small_budget_is_obeyed_and_lies_between(results: list[Result]) -> None:
    limited = [r.reply for r in results if r.budget == 32]
    assert all(reply.usage.thinking_tokens <= 32 for reply in limited)
    assert any(reply.thinking_cut for reply in limited)
    assert all(reply.text.startswith("It prints `") for reply in limited)
    assert accuracy(results, 0) <= accuracy(results, 32) < accuracy(results, None)


def test_budgets_run_from_off_to_no_limit() -> None:
    assert BUDGETS[0] == 0
    assert BUDGETS[-1] is None
    assert len(BUDGETS) == 7


def test_most_wordings_it_never_saw_get_the_trained_answer(nano: LocalModel) -> None:
    replies = run_identity(nano, thinking=0)
    right = [reply.text.strip() == exchange.answer for exchange, reply in replies]
    assert sum(right) / len(right) >= 0.75


def test_it_never_claims_to_be_another_model_or_to_browse(nano: LocalModel) -> None:
    for exchange, reply in run_identity(nano, thinking=None):
        assert not reply.text.startswith("Yes"), exchange.question
        assert "I am Qwen" not in reply.text, exchange.question
        if exchange.intent == "reach":
            assert reply.text.startswith("No."), exchange.question
