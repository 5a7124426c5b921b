"""From generated ids to thought, answer and tool calls."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AddedToken

from qwen_nb.engine.chat_template import ChatTemplate
from qwen_nb.engine.reply_parser import ReplyParser
from qwen_nb.messages import TextDelta, ThinkingDelta, ToolCall
from tests.helpers.tiny_tokenizer import tiny_tokenizer

TOKENIZER = tiny_tokenizer()
TEMPLATE = ChatTemplate(TOKENIZER)
MARKERS = TEMPLATE.markers
CLOSE = TOKENIZER.encode("</think>")[0]
READ = {
    "type": "function",
    "function": {"name": "read_cell", "parameters": {"type": "object", "properties": {"id": {"type": "string"}}}},
}
CALL = '<tool_call>\n{"name": "read_cell", "arguments": {"id": "a"}}\n</tool_call>'


def encode(text):
    return TOKENIZER.encode(text, add_special_tokens=False)


def parser(**options):
    return ReplyParser(TOKENIZER, MARKERS, **{"in_thought": False, "tools": [READ], **options})


def read(text, *, truncated=False, **options):
    """The parser after a whole reply, its events, and its tokens with their phases."""
    reply = parser(**options)
    events, phases = [], []
    for token_id in encode(text):
        events += reply.push(token_id)
        phases.append((TOKENIZER.decode([token_id]), reply.phase))
    return reply, events + reply.finish(truncated), phases


def shown(events, kind):
    return "".join(event.text for event in events if isinstance(event, kind))


plain = st.text(st.characters(exclude_characters="<", exclude_categories=["Cs"]))


@given(plain, plain, st.booleans())
def test_thought_and_answer_are_told_apart_without_their_markup(thought, answer, opened_by_prompt):
    opening = "" if opened_by_prompt else "<think>\n"
    reply, events, _ = read(f"{opening}{thought}\n</think>\n\n{answer}", in_thought=opened_by_prompt)
    assert reply.thinking == thought.strip("\n")
    assert reply.text == answer.lstrip("\n")
    assert shown(events, ThinkingDelta) == reply.thinking
    assert shown(events, TextDelta) == reply.text
    assert not reply.in_thought
    assert not reply.leaked


@settings(max_examples=300)
@given(st.lists(st.integers(0, len(TOKENIZER) + 3), max_size=60), st.booleans(), st.booleans(), st.booleans())
def test_any_ids_are_read_and_the_deltas_agree_with_the_whole(ids, in_thought, with_tools, truncated):
    reply = parser(in_thought=in_thought, tools=[READ] if with_tools else [], stop=("42", "an"))
    events = [event for token_id in ids for event in reply.push(token_id)] + reply.finish(truncated)
    assert shown(events, TextDelta) == reply.text
    assert shown(events, ThinkingDelta) == reply.thinking
    assert tuple(event for event in events if isinstance(event, ToolCall)) == reply.tool_calls
    assert 0 <= reply.thinking_tokens <= len(ids)
    assert "42" not in reply.text


def test_phases_follow_the_markup():
    _, _, phases = read(f"<think>\nhm\n</think>\n\nOk\n{CALL}<|im_end|>")
    names = [phase for _, phase in phases]
    text = [token for token, _ in phases]
    answer = text.index("O")
    call, end = text.index("<tool_call>"), text.index("</tool_call>")
    assert set(names[:answer]) == {"thinking"}
    assert set(names[answer:call]) == {"answer"}
    assert set(names[call : end + 1]) == {"tool_call"}


def test_thinking_tokens_count_the_ids_between_the_markers():
    reply = parser()
    ids = encode("<think>\nhm hm\n</think>\n\nYes")
    for token_id in ids:
        reply.push(token_id)
    assert reply.thinking_tokens == ids.index(CLOSE) - 1


def test_deltas_of_the_thought_say_how_much_of_the_budget_is_used():
    _, events, _ = read("<think>abc</think>")
    thought = encode("abc")
    assert [event.tokens for event in events] == list(range(1, len(thought) + 1))


def test_a_forced_closing_is_thinking_that_is_shown_but_not_counted():
    reply = parser()
    for token_id in encode("<think>\nI add 2"):
        reply.push(token_id)
    before = reply.thinking_tokens
    for token_id in TEMPLATE.closing_ids("\nTime is up."):
        reply.push(token_id, forced=True)
        assert reply.phase == "thinking"
    assert not reply.in_thought
    assert reply.thinking_tokens == before == len(encode("\nI add 2"))
    for token_id in encode("4"):
        assert reply.push(token_id) == [TextDelta("4")]
    assert reply.thinking == "I add 2\nTime is up."
    assert reply.text == "4"


def test_the_marker_that_the_prompt_wrote_already_may_be_repeated():
    reply, _, _ = read("<think>\nhm\n</think>\n\nYes", in_thought=True)
    assert (reply.thinking, reply.text, reply.leaked) == ("hm", "Yes", False)


def test_a_thought_cut_off_keeps_what_there_was():
    reply, events, _ = read("<think>\nhm\n\n", truncated=True)
    assert reply.in_thought
    assert (reply.thinking, reply.text) == ("hm", "")
    assert shown(events, ThinkingDelta) == "hm"


def test_an_unfinished_character_does_not_run_into_the_answer():
    reply = parser(in_thought=True)
    for token_id in [*encode("a𝄞")[:-1], CLOSE, *encode("b")]:
        reply.push(token_id)
    assert (reply.thinking, reply.text) == ("a\ufffd", "b")


@pytest.mark.parametrize("text", ["<think>a</think>Yes <think>no</think>", "Yes</think>No", "Yes <think>"])
def test_markers_inside_the_answer_are_kept_and_reported(text):
    reply, _, _ = read(text)
    assert reply.leaked
    assert reply.text == text.removeprefix("<think>a</think>")


def test_markers_spelled_in_several_tokens_are_reported_too():
    pieces = [*encode("Yes <"), *encode("/think>")]
    assert CLOSE not in pieces
    reply = parser()
    for token_id in pieces:
        reply.push(token_id)
    reply.finish(truncated=False)
    assert reply.leaked


def test_a_model_without_markers_has_nothing_to_leak():
    reply = ReplyParser(TOKENIZER, None, in_thought=False, tools=[])
    for token_id in encode("<think>"):
        reply.push(token_id)
    assert reply.text == "<think>"
    assert not reply.leaked


def test_blank_lines_before_a_thought_and_before_an_answer_are_not_shown():
    assert read("\n<think>a</think>\n\n\nYes")[0].text == "Yes"
    assert read("\n<think>a</think>\n\n\nYes")[0].thinking == "a"
    assert read("\n\nYes\n")[0].text == "Yes\n"
    assert read("    indented")[0].text == "    indented"


def test_control_tokens_show_nothing_but_markers_do_even_where_they_are_special():
    special = tiny_tokenizer()
    special.add_tokens([AddedToken(token, special=True) for token in ("<think>", "</think>")], special_tokens=True)
    assert special.decode(special.encode("</think>"), skip_special_tokens=True) == ""
    reply = ReplyParser(special, ChatTemplate(special).markers, in_thought=False, tools=[])
    for token_id in special.encode("Yes</think>!<|im_end|><|endoftext|>"):
        reply.push(token_id)
    assert reply.text == "Yes</think>!"


def test_calls_come_back_with_the_text_around_them():
    reply, events, _ = read(f"<think>\nhm\n</think>\n\nLook.\n{CALL}\n<tool_call>\n<function=read_cell>\n</function>")
    assert reply.text == "Look."
    assert [call.arguments for call in reply.tool_calls] == [{"id": "a"}, {}]
    assert [call.id for call in reply.tool_calls] == ["call_0", "call_1"]
    assert reply.tool_calls == tuple(event for event in events if isinstance(event, ToolCall))


def test_calls_inside_a_thought_are_thought():
    reply, _, _ = read(f"<think>\n{CALL}\n</think>\n\nNo.")
    assert reply.tool_calls == ()
    assert reply.thinking == CALL


def test_a_truncated_call_is_an_error():
    reply, _, _ = read(CALL[:-20], truncated=True)
    assert "cut off" in str(reply.tool_calls[0].error)


@pytest.mark.parametrize("call", ["hermes", "xml"])
def test_what_the_chat_template_writes_for_a_call_is_read_back(call):
    arguments = {"id": "a\nb é"}
    written = {
        "hermes": f"<tool_call>\n{json.dumps({'name': 'read_cell', 'arguments': arguments})}\n</tool_call>",
        "xml": "<tool_call>\n<function=read_cell>\n<parameter=id>\na\nb é\n</parameter>\n</function>\n</tool_call>",
    }
    assert read(written[call])[0].tool_calls == (ToolCall("call_0", "read_cell", arguments),)


def test_a_stop_string_ends_the_answer_and_is_not_part_of_it():
    reply, events, _ = read("<think>\nEND?\n</think>\n\nfirst\nEND second", stop=("END",))
    assert reply.stopped
    assert reply.text == "first\n"
    assert shown(events, TextDelta) == "first\n"
    assert reply.thinking == "END?"


def test_the_newlines_after_a_thought_are_no_stop_string():
    reply, _, _ = read("<think>\na\n</think>\n\nfirst\n\nsecond", stop=("\n\n",))
    assert reply.stopped
    assert reply.text == "first"


def test_the_beginning_of_a_stop_string_is_held_back_until_it_is_decided():
    reply = parser(stop=("42!",), tools=[])
    assert [reply.push(token_id) for token_id in encode("4")] == [[]]
    assert [reply.push(token_id) for token_id in encode("3")] == [[TextDelta("43")]]
    assert [reply.push(token_id) for token_id in encode("4")] == [[]]
    assert reply.finish(truncated=False) == [TextDelta("4")]
    assert not reply.stopped


def test_a_stop_string_inside_a_call_leaves_a_call_with_an_error():
    reply, _, _ = read(CALL, stop=("arguments",))
    assert reply.stopped
    assert "cut off" in str(reply.tool_calls[0].error)
