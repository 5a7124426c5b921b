"""When a thought is closed for the model."""

from qwen_nb.engine.budget import ThinkingBudget

THINK, CLOSE, ANSWER = 5, 9, 6
CLOSING = [70, 71, CLOSE, 72]


def run(budget: ThinkingBudget, model: list[int], *, in_thought: bool = True) -> tuple[list[int], list[bool]]:
    """Play the model's choices through the budget with the parser's count of unforced ids inside the thought."""
    choices, used, ids, forced = iter(model), 0, [], []
    while True:
        try:
            token, was_forced = budget.next_token(lambda: next(choices), in_thought=in_thought, used=used)
        except StopIteration:
            return ids, forced
        ids.append(token)
        forced.append(was_forced)
        used += in_thought and not was_forced and token != CLOSE
        in_thought = in_thought and token != CLOSE


def test_after_exactly_the_limit_the_closing_ids_are_forced():
    budget = ThinkingBudget(3, close_id=CLOSE, closing=CLOSING)
    ids, forced = run(budget, [THINK] * 4 + [ANSWER] * 2)
    assert ids == [THINK] * 3 + CLOSING + [ANSWER] * 2
    assert forced == [False] * 3 + [True] * 4 + [False] * 2
    assert budget.cut


def test_a_thought_closed_by_the_model_with_its_last_token_of_budget_is_in_time():
    budget = ThinkingBudget(3, close_id=CLOSE, closing=CLOSING)
    ids, forced = run(budget, [THINK] * 3 + [CLOSE, ANSWER])
    assert ids == [THINK] * 3 + [CLOSE, ANSWER]
    assert not any(forced)
    assert not budget.cut


def test_a_limit_of_zero_closes_a_thought_that_the_prompt_opened():
    ids, _ = run(ThinkingBudget(0, close_id=CLOSE, closing=CLOSING), [THINK, ANSWER])
    assert ids == [*CLOSING, ANSWER]


def test_without_a_limit_or_a_thought_the_models_choice_stands():
    assert run(ThinkingBudget(None, close_id=CLOSE, closing=CLOSING), [THINK] * 9)[0] == [THINK] * 9
    budget = ThinkingBudget(0)
    assert run(budget, [ANSWER] * 9, in_thought=False)[0] == [ANSWER] * 9
    assert not budget.cut


def test_the_model_is_not_asked_while_the_thought_is_being_closed():
    budget, asked = ThinkingBudget(0, close_id=CLOSE, closing=CLOSING), []

    def draw():
        asked.append(1)
        return THINK

    for _ in CLOSING:
        budget.next_token(draw, in_thought=True, used=0)
    assert len(asked) == 1
