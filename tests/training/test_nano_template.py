from __future__ import annotations

from typing import Any

import jinja2
import pytest
from transformers import PreTrainedTokenizerBase

USER = {"role": "user", "content": "Q"}
ASKING = "<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n"
TOOLS = [{"type": "function", "function": {"name": "run", "parameters": {"type": "object"}}}]
CALLS = [
    {"type": "function", "function": {"name": "run", "arguments": {"code": "a\nb", "times": 3}}},
    {"type": "function", "function": {"name": "run", "arguments": {"code": "c"}}},
]


@pytest.fixture
def render(nano_tokenizer: PreTrainedTokenizerBase) -> Any:
    def rendered(messages: list[dict[str, Any]], **options: Any) -> str:
        return str(nano_tokenizer.apply_chat_template(messages, tokenize=False, **options))

    return rendered


def test_a_question_is_chatml(render: Any) -> None:
    assert render([USER]) == "<|im_start|>user\nQ<|im_end|>\n"
    assert render([{"role": "system", "content": "S"}, USER], add_generation_prompt=True) == (
        f"<|im_start|>system\nS<|im_end|>\n{ASKING}"
    )


def test_thinking_off_writes_the_empty_thought(render: Any) -> None:
    off = render([USER], add_generation_prompt=True, enable_thinking=False)
    assert off == f"{ASKING}<think>\n\n</think>\n\n"
    assert render([USER], add_generation_prompt=True, enable_thinking=True) == ASKING


@pytest.mark.parametrize(
    "answer",
    [
        {"role": "assistant", "content": "A", "reasoning_content": "T"},
        {"role": "assistant", "content": "<think>\nT\n</think>\n\nA"},
    ],
)
def test_thoughts_before_the_last_question_are_dropped(render: Any, answer: dict[str, Any]) -> None:
    assert "<|im_start|>assistant\n<think>\nT\n</think>\n\nA<|im_end|>" in render([USER, answer])
    assert "<|im_start|>assistant\nA<|im_end|>" in render([USER, answer, USER])


def test_thoughts_are_kept_while_tools_are_at_work(render: Any) -> None:
    turns = [
        USER,
        {"role": "assistant", "content": "", "reasoning_content": "T", "tool_calls": CALLS[1:]},
        {"role": "tool", "content": "R"},
    ]
    assert "<think>\nT\n</think>" in render(turns, tools=TOOLS)


def test_tools_follow_the_system_message(render: Any) -> None:
    text = render([{"role": "system", "content": "S"}, USER], tools=TOOLS)
    assert text.startswith("<|im_start|>system\nS\n\nYou may call")
    assert '<tools>\n{"name": "run", "parameters": {"type": "object"}}\n</tools>' in text
    assert text.count("<|im_start|>system") == 1


def test_calls_are_json_by_default(render: Any) -> None:
    text = render([USER, {"role": "assistant", "content": "Now.", "tool_calls": CALLS}])
    assert text.endswith(
        "assistant\nNow.\n"
        '<tool_call>\n{"name": "run", "arguments": {"code": "a\\nb", "times": 3}}\n</tool_call>\n'
        '<tool_call>\n{"name": "run", "arguments": {"code": "c"}}\n</tool_call><|im_end|>\n'
    )


def test_calls_can_be_xml(render: Any) -> None:
    text = render([USER, {"role": "assistant", "content": "", "tool_calls": CALLS[:1]}], tool_format="xml")
    assert text.endswith(
        "assistant\n<tool_call>\n<function=run>\n<parameter=code>\na\nb\n</parameter>\n"
        "<parameter=times>\n3\n</parameter>\n</function>\n</tool_call><|im_end|>\n"
    )


def test_results_of_one_turn_share_a_user_turn(render: Any) -> None:
    text = render(
        [USER, {"role": "assistant", "content": "", "tool_calls": CALLS}]
        + [{"role": "tool", "content": content} for content in ("R1", "R2")]
    )
    assert text.endswith(
        "<|im_start|>user\n<tool_response>\nR1\n</tool_response>\n<tool_response>\nR2\n</tool_response><|im_end|>\n"
    )


def test_the_text_does_not_depend_on_how_blocks_are_trimmed(nano_tokenizer: PreTrainedTokenizerBase) -> None:
    turns = [USER, {"role": "assistant", "content": "A", "tool_calls": CALLS}, {"role": "tool", "content": "R"}]
    texts = {
        jinja2.Environment(trim_blocks=trim, lstrip_blocks=trim)
        .from_string(str(nano_tokenizer.chat_template))
        .render(messages=turns, tools=TOOLS, add_generation_prompt=True, enable_thinking=False)
        for trim in (True, False)
    }
    assert len(texts) == 1
