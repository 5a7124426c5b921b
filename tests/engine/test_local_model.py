"""A model in the kernel as its users see it: events, budgets, cache, limits, interrupts."""

import threading
import time
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from qwen_nb.config import Sampling
from qwen_nb.engine.local_model import LocalModel
from qwen_nb.errors import BusyError, ContextOverflowError, InvalidInputError, ModelLoadError, UnsupportedError
from qwen_nb.messages import Done, Event, Message, Prefill, Reply, Routing, TextDelta, ThinkingDelta, ToolCall
from qwen_nb.routing.trace import RoutingTrace
from tests.helpers.tiny_models import obedient, says, tiny_local_model
from tests.helpers.tiny_tokenizer import ALWAYS, HYBRID, HYBRID_OPEN, NEVER, tiny_tokenizer

TOKENIZER = tiny_tokenizer()
[OPEN], [CLOSE] = TOKENIZER.encode("<think>"), TOKENIZER.encode("</think>")
SHORT = Sampling(max_tokens=12)
PHRASE = "Enough."
TOOL = {"type": "function", "function": {"name": "read_cell", "parameters": {"type": "object", "properties": {}}}}


def ids_of(text: str) -> list[int]:
    return TOKENIZER.encode(text, add_special_tokens=False)


def played(stream: Iterator[Event]) -> tuple[list[Event], Reply]:
    """All events, and the reply of the last one."""
    *events, last = stream
    assert isinstance(last, Done)
    return [*events, last], last.reply


def trace_of(reply: Reply) -> RoutingTrace:
    assert reply.routing is not None
    return reply.routing


def partial_reply(model: LocalModel) -> Reply:
    """The reply of an interrupted answer."""
    assert model.last_reply is not None
    assert model.last_reply.finish_reason == "interrupted"
    return model.last_reply


def endless_thinker(said: list[int]) -> int:
    """Thinks until its thought is closed, then says "42" and ends."""
    if CLOSE not in said:
        return OPEN if not said else ids_of("a")[0]
    rest = said[said.index(CLOSE) + 1 :]
    blank = len(ids_of("\n\n"))
    return says("42", TOKENIZER)(rest[blank:]) if len(rest) >= blank else ids_of("\n\n")[len(rest)]


# Streaming


def test_a_stream_is_progress_then_text_then_done_and_chat_is_what_it_ends_with():
    model = obedient(says("The answer is 42.", TOKENIZER))
    events, reply = played(model.stream("What?", thinking=0, seed=3))
    assert isinstance(events[0], Prefill)
    assert sum(isinstance(event, Done) for event in events) == 1
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == reply.text == "The answer is 42."
    assert reply.finish_reason == "stop"
    assert (reply.model, reply.seed, reply.routing) == ("tiny", 3, None)
    assert reply.usage.completion_tokens == len(ids_of(reply.text)) + 1
    assert reply.usage.prompt_tokens > 0
    assert 0 < reply.usage.first_token_seconds <= reply.usage.seconds
    assert model.last_reply is reply
    again = model.chat("What?", thinking=0, seed=3)
    assert (again.text, again.finish_reason) == (reply.text, "stop")


def test_a_string_is_one_question_of_the_user_and_no_system_message_is_added():
    model = tiny_local_model()
    one = model.chat("What?", seed=1, sampling=SHORT)
    other = model.chat([Message("user", "What?")], seed=1, sampling=SHORT)
    assert (one.text, one.usage.prompt_tokens) == (other.text, other.usage.prompt_tokens)


def test_the_seed_named_in_a_reply_repeats_it():
    model = tiny_local_model()
    first = model.chat("What?", sampling=Sampling(temperature=1.5, max_tokens=12))
    assert first.seed is not None
    again = model.chat("What?", sampling=Sampling(temperature=1.5, max_tokens=12), seed=first.seed)
    assert again.text == first.text
    other = model.chat("What?", sampling=Sampling(temperature=1.5, max_tokens=12), seed=first.seed + 1)
    assert other.text != first.text


def test_tool_calls_come_as_events_and_name_the_reason_of_the_end():
    model = obedient(says('<tool_call>\n{"name": "read_cell", "arguments": {}}\n</tool_call>', TOKENIZER))
    events, reply = played(model.stream("Read it.", thinking=0, tools=[TOOL]))
    assert [call.name for call in reply.tool_calls] == ["read_cell"]
    assert any(isinstance(event, ToolCall) for event in events)
    assert reply.finish_reason == "tool_calls"


def test_stop_strings_and_ids_end_the_answer_and_are_not_part_of_it():
    model = obedient(says("one two three four", TOKENIZER))
    for stop in ("three", ids_of(" three")[0]):
        reply = model.chat("Count.", thinking=0, sampling=Sampling(stop=(stop,)))
        assert reply.text.rstrip() == "one two"
        assert reply.finish_reason == "stop"


# Thinking budget


@pytest.mark.parametrize("limit", [1, 2, 7, 30])
@pytest.mark.parametrize("template", [HYBRID, HYBRID_OPEN])
def test_a_thought_is_closed_after_exactly_its_budget(limit, template):
    def thinker(said):
        return endless_thinker(said) if template is HYBRID else endless_thinker([0, *said])

    model = obedient(thinker, template, closing_phrase=PHRASE)
    events, reply = played(model.stream("What?", thinking=limit, trace=True))
    assert reply.usage.thinking_tokens == limit
    assert (reply.text, reply.finish_reason) == ("42", "stop")
    assert (reply.thinking_cut, reply.thinking_budget) == (True, limit)
    closing = [*ids_of(f"{PHRASE}\n"), CLOSE, *ids_of("\n\n")]
    opened = 1 if template is HYBRID else 0
    assert reply.usage.completion_tokens == opened + limit + len(closing) + len(ids_of("42")) + 1
    prompt_tokens = reply.usage.prompt_tokens
    answer_ids = trace_of(reply).token_ids[prompt_tokens:].tolist()
    assert answer_ids[opened + limit :][: len(closing)] == closing, "forced ids run through the model like any other"
    assert max(event.tokens for event in events if isinstance(event, ThinkingDelta)) == limit


def test_a_thought_that_ends_in_time_is_left_alone():
    model = obedient(says("<think>\nab</think>\n\n42", TOKENIZER), closing_phrase=PHRASE)
    used = len(ids_of("\nab"))
    for limit in (used, used + 1, 500, None, "default"):
        reply = model.chat("What?", thinking=limit)
        assert (reply.text, reply.thinking.strip()) == ("42", "ab")
        assert reply.usage.thinking_tokens == used
        assert not reply.thinking_cut
        assert reply.thinking_budget == (limit if isinstance(limit, int) else None)


def test_zero_asks_the_template_for_no_thought():
    model = tiny_local_model()
    off, on = (model.chat("What?", thinking=t, seed=0, sampling=SHORT) for t in (0, None))
    assert off.usage.prompt_tokens > on.usage.prompt_tokens, "the template writes an empty thought"
    assert off.thinking_budget == 0


def test_a_model_that_always_thinks_has_its_thought_closed_at_once_with_zero():
    model = obedient(lambda said: endless_thinker([0, *said]), ALWAYS, closing_phrase=PHRASE)
    reply = model.chat("What?", thinking=0)
    assert (reply.text, reply.usage.thinking_tokens, reply.thinking_cut) == ("42", 0, True)


def test_a_model_without_thinking_takes_off_and_no_limit_and_refuses_a_number_with_the_reason():
    model = tiny_local_model(NEVER)
    assert not model.capabilities.thinks
    for thinking in (0, None, "default"):
        assert model.chat("What?", thinking=thinking, sampling=SHORT).thinking_budget == 0
    with pytest.raises(UnsupportedError, match=r"tiny has no thinking mode.*256.*thinking=0"):
        model.stream("What?", thinking=256)


def test_max_tokens_running_out_inside_a_thought_is_length():
    model = obedient(endless_thinker)
    reply = model.chat("What?", thinking=500, sampling=Sampling(max_tokens=20))
    assert (reply.finish_reason, reply.text) == ("length", "")
    assert reply.usage.completion_tokens == 20
    assert reply.usage.thinking_tokens == 19


def test_the_closing_phrase_is_qwen3s_when_the_model_has_none_of_its_own():
    reply = obedient(endless_thinker).chat("What?", thinking=3)
    assert "Considering the limited time" in reply.thinking


# Limits


def test_a_prompt_that_leaves_no_room_is_an_error_with_the_numbers():
    model = tiny_local_model(context_length=40)
    with pytest.raises(ContextOverflowError) as caught:
        model.stream("word " * 200)
    assert caught.value.context_length == 40
    assert caught.value.prompt_tokens > 200
    assert "40" in str(caught.value)


def test_max_tokens_that_do_not_fit_are_an_error_that_says_how_many_would():
    model = tiny_local_model(context_length=100)
    used = model.chat("What?", sampling=Sampling(max_tokens=1)).usage.prompt_tokens
    with pytest.raises(ContextOverflowError, match=f"max_tokens to {100 - used}"):
        model.stream("What?", sampling=Sampling(max_tokens=100 - used + 1))
    reply = model.chat("What?", sampling=Sampling(max_tokens=100 - used))
    assert reply.usage.completion_tokens <= 100 - used


def test_without_max_tokens_the_answer_takes_what_the_context_has_room_for():
    model = obedient(lambda _: ids_of("a")[0], context_length=60)
    reply = model.chat("What?", thinking=0)
    assert reply.usage.prompt_tokens + reply.usage.completion_tokens == 60
    assert reply.finish_reason == "length"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"messages": []}, "nothing to answer"),
        ({"seed": -1}, "seed must be"),
        ({"seed": True}, "seed must be"),
        ({"thinking": -1}, "thinking must be"),
        ({"thinking": "high"}, "thinking must be"),
    ],
)
def test_arguments_that_cannot_be_used_are_named_before_anything_runs(arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        tiny_local_model().stream(**({"messages": "What?"} | arguments))


# Prefix cache


def conversation(model, *, fresh: bool) -> list[Reply]:
    """Three turns with an assistant that remembers, with or without the cache."""
    messages, replies = [Message("system", "Be brief, and honest."), Message("user", "What?")], []
    for turn in range(3):
        if fresh:
            model.reset_cache()
        replies.append(model.chat(messages, seed=turn, thinking=0, sampling=SHORT, trace=True))
        messages += [Message("assistant", replies[-1].text), Message("user", "And then?")]
    return replies


def test_the_prefix_cache_changes_no_answer_and_no_routing():
    cached, fresh = (conversation(tiny_local_model(), fresh=fresh) for fresh in (False, True))
    assert [reply.text for reply in cached] == [reply.text for reply in fresh]
    for ours, theirs in zip(cached, fresh, strict=True):
        assert np.array_equal(trace_of(ours).token_ids, trace_of(theirs).token_ids)
        assert (trace_of(ours).experts == trace_of(theirs).experts).mean() > 0.999
    assert [reply.usage.cached_tokens for reply in fresh] == [0, 0, 0]
    assert cached[0].usage.cached_tokens == 0
    assert all(now.usage.cached_tokens > before.usage.cached_tokens for before, now in pairwise(cached))


def test_asking_the_same_again_runs_one_token_of_the_prompt():
    model = tiny_local_model()
    first, again = (model.chat("What?", seed=1, sampling=SHORT) for _ in range(2))
    assert again.usage.cached_tokens == again.usage.prompt_tokens - 1
    assert again.text == first.text


# Routing


def test_a_trace_has_a_row_for_every_token_but_the_last_cached_ones_included():
    model = obedient(says("<think>\nab</think>\n\n42", TOKENIZER))
    for cached in (False, True):
        events, reply = played(model.stream("What?", trace=True))
        trace = trace_of(reply)
        assert (reply.usage.cached_tokens > 0) == cached
        assert len(trace) == reply.usage.prompt_tokens + reply.usage.completion_tokens - 1
        assert (trace.num_experts, trace.layers, trace.model) == (8, (0, 1, 2), "tiny")
        assert trace.weights is not None
        phases = trace.phase.tolist()
        assert phases[: reply.usage.prompt_tokens] == ["prompt"] * reply.usage.prompt_tokens
        assert set(phases[reply.usage.prompt_tokens :]) == {"thinking", "answer"}
        assert "".join(trace.tokens).endswith("<think>\nab</think>\n\n42")
        live = RoutingTrace.concatenate([event.trace for event in events if isinstance(event, Routing)])
        assert live == trace


def test_rows_are_told_live_and_only_when_asked_for():
    model = obedient(says("one two three", TOKENIZER))
    events = list(model.stream("What?", thinking=0, trace=True))
    kinds = [type(event) for event in events]
    assert kinds.index(Routing) < kinds.index(TextDelta)
    assert not any(isinstance(event, Routing) for event in model.stream("What?", thinking=0))


# Interrupts


def test_a_stop_from_another_thread_ends_within_one_token_and_the_partial_reply_is_marked():
    model, stop = obedient(lambda _: ids_of("a")[0]), threading.Event()
    seen: list[Event] = []
    for event in model.stream("What?", thinking=0, stop=stop):
        seen.append(event)
        if sum(isinstance(e, TextDelta) for e in seen) == 3 and not stop.is_set():
            thread = threading.Thread(target=stop.set)
            thread.start()
            thread.join()
    assert isinstance(seen[-1], Done)
    reply = seen[-1].reply
    assert reply == partial_reply(model)
    assert reply.text == "".join(event.text for event in seen if isinstance(event, TextDelta)) == "aaa"
    assert reply.usage.completion_tokens == 3
    assert_usable(model)


def test_closing_the_stream_ends_it_and_keeps_the_partial_reply():
    model = obedient(lambda _: ids_of("a")[0])
    stream = model.stream("What?", thinking=0, trace=True)
    for event in stream:
        if isinstance(event, TextDelta):
            break
    stream.close()
    partial = partial_reply(model)
    assert partial.text == "a"
    assert len(trace_of(partial)) == partial.usage.prompt_tokens
    assert_usable(model)


def test_a_keyboard_interrupt_in_the_middle_of_a_pass_goes_on_and_leaves_everything_usable(monkeypatch):
    model = tiny_local_model()
    whole = model.chat("What?", thinking=0, seed=5, sampling=SHORT)
    model.reset_cache()
    layer = model._loaded.model.model.layers[1]
    real, calls = layer.forward, []

    def forward(*args, **kwargs):
        calls.append(1)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return real(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(layer, "forward", forward)
        with pytest.raises(KeyboardInterrupt):
            model.chat("What?", thinking=0, seed=5, sampling=SHORT, trace=True)
    partial = partial_reply(model)
    assert partial.usage.completion_tokens == 5
    assert whole.text.startswith(partial.text)
    assert len(trace_of(partial)) == partial.usage.prompt_tokens + 4
    again = model.chat("What?", thinking=0, seed=5, sampling=SHORT)
    assert again.text == whole.text
    assert again.usage.cached_tokens == again.usage.prompt_tokens - 1


def assert_usable(model):
    assert model.chat("What?", thinking=0, sampling=Sampling(max_tokens=3), wait=False).usage.completion_tokens == 3


# One at a time


def test_a_second_thread_waits_its_turn():
    model = tiny_local_model()
    stream = model.stream("What?", sampling=SHORT, seed=1)
    next(stream)
    replies = []
    thread = threading.Thread(target=lambda: replies.append(model.chat("What?", sampling=SHORT, seed=1)))
    thread.start()
    thread.join(0.2)
    assert replies == []
    _, reply = played(stream)
    thread.join(10)
    assert replies[0].text == reply.text


def test_a_second_thread_can_give_up_waiting_or_choose_not_to():
    model, stop, outcome = tiny_local_model(), threading.Event(), []
    stream = model.stream("What?", sampling=SHORT)
    next(stream)

    def ask():
        with pytest.raises(BusyError):
            model.chat("What?", wait=False)
        outcome.append(model.chat("What?", stop=stop))

    thread = threading.Thread(target=ask)
    thread.start()
    stop.set()
    thread.join(10)
    assert outcome[0].finish_reason == "interrupted"
    assert outcome[0].usage.completion_tokens == 0


def test_the_same_thread_with_an_open_stream_is_told_to_close_it():
    model = tiny_local_model()
    stream = model.stream("What?", sampling=SHORT)
    next(stream)
    with pytest.raises(BusyError, match="close"):
        model.chat("What?")
    stream.close()
    assert_usable(model)


def test_a_reader_that_leaves_at_done_blocks_nobody():
    model = tiny_local_model()
    stream = model.stream("What?", sampling=SHORT)
    for event in stream:
        if isinstance(event, Done):
            break
    assert_usable(model)


# Many at once, facts, end


def test_a_batch_gives_every_conversation_the_reply_it_would_get_alone():
    model, told, began = tiny_local_model(), [], time.perf_counter()
    questions = ["What?", "Why is that so, and since when?", "How?", "Who are you?"]
    replies = model.generate_batch(
        questions,
        thinking=5,
        sampling=Sampling(temperature=1.0, max_tokens=25),
        seed=10,
        batch_size=3,
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    for i, (question, reply) in enumerate(zip(questions, replies, strict=True)):
        alone = model.chat(question, thinking=5, sampling=Sampling(temperature=1.0, max_tokens=25), seed=10 + i)
        assert (reply.text, reply.thinking, reply.seed) == (alone.text, alone.thinking, 10 + i)
        assert reply.usage.thinking_tokens == alone.usage.thinking_tokens
        assert reply.finish_reason == alone.finish_reason
        assert 0 < reply.usage.first_token_seconds <= reply.usage.seconds < time.perf_counter() - began


def test_budgets_are_exact_in_a_batch_too():
    replies = obedient(lambda _: ids_of("a")[0], ALWAYS, closing_phrase=PHRASE).generate_batch(
        ["What?", "Why?", "How so?"], thinking=6, sampling=Sampling(max_tokens=40)
    )
    assert [reply.usage.thinking_tokens for reply in replies] == [6, 6, 6]
    assert all(reply.thinking_cut and reply.usage.completion_tokens == 40 for reply in replies)


def test_capabilities_come_from_template_and_configuration():
    capabilities = tiny_local_model(context_length=77).capabilities
    assert (capabilities.thinks, capabilities.tools, capabilities.fim) == (True, True, True)
    assert (capabilities.routing, capabilities.context_length) == ("full", 77)
    assert tiny_local_model().capabilities.context_length == 1024


def test_status_tells_facts():
    model = tiny_local_model()
    before = model.status()
    model.chat("What?", sampling=SHORT)
    after = model.status()
    assert (after.name, after.device, after.dtype, after.decoder) == ("tiny", "cpu", "float32", "transformers")
    assert after.memory_bytes == 4 * after.parameters > 0
    assert after.cached_bytes > before.cached_bytes == 0


def test_an_unloaded_model_says_how_to_get_it_back():
    model = tiny_local_model()
    model.unload()
    model.unload()
    with pytest.raises(ModelLoadError, match=r'qwen_nb\.load\("tiny"\)'):
        model.chat("What?")
