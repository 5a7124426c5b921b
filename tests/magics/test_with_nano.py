"""The magics on the real nano: whatever it says, budget, limits, cache and memory must be as promised."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow

PROGRAM = "What does this print?\n\n```python\na = 3\nb = a + 4\nprint(b)\n```"


@pytest.fixture
def ask(shell, published):
    shell.run_line_magic("load_ext", "qwen_nb")

    def ask(cell: str):
        shell.run_cell(cell).raise_error()
        return shell.user_ns.get("_qwen")

    return ask


def test_a_cell_is_answered_within_its_budget_and_the_next_one_finds_its_prompt_cached(ask, published):
    reply = ask(f"%%qwen -t 4 --max-tokens 60\n{PROGRAM}")
    assert reply.model == "nano"
    assert 0 < reply.usage.thinking_tokens <= 4
    assert reply.usage.completion_tokens <= 60
    assert published.texts[-1].startswith(f"nano · {reply.usage.completion_tokens} tokens · ")
    assert f"thinking {reply.usage.thinking_tokens} of 4" in published.texts[-1]

    again = ask(f"%%qwen -t off --max-tokens 20\n{PROGRAM}")
    assert again.usage.cached_tokens > 0
    assert again.thinking == ""

    ask("%qwen status")
    for fact in ("nano", "M parameters", "cpu", "4,096 tokens", "thinking"):
        assert fact in published.texts[-1]

    ask("%qwen reset")
    third = ask(f"%%qwen -t off --max-tokens 2\n{PROGRAM}")
    assert third.usage.cached_tokens == 0
    assert third.finish_reason == "length"
    assert published.texts[-1].endswith("· cut at the token limit")


def test_an_unknown_model_is_named_with_the_nearest_one(ask):
    from qwen_nb.errors import ModelNotFoundError

    with pytest.raises(ModelNotFoundError, match="Did you mean 'nano'"):
        ask("%%qwen -m nanno\nhi")
