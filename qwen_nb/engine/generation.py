"""The decode loop: for one answer as a stream of events, and for many at once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence

import torch

from qwen_nb.engine.answer import Answer
from qwen_nb.engine.decoder import Decoder, StepOutput
from qwen_nb.engine.kv_cache import KVCache
from qwen_nb.messages import Event, Prefill

PREFILL_CHUNK = 512
"""Prompt tokens per forward pass: large enough to be fast, small enough to stop between two."""


def generate(
    decoder: Decoder, answer: Answer, cache: KVCache, *, stop: threading.Event | None = None
) -> Iterator[Event]:
    """Events of one answer, without the closing `Done`.

    The stop event is looked at before every forward pass. Each token is yielded before it is run, so the rows of
    `answer` and `cache` never hold more than has been seen.

    Args:
        decoder: runs the model.
        answer: fresh, or with the rows of the `cached_tokens` that `cache` already holds.
        cache: of this one sequence.
        stop: ends the answer as interrupted.
    """
    total = len(answer.prompt_ids)
    yield Prefill(cache.lengths[0], total)
    while answer.finish_reason is None:
        if stop is not None and stop.is_set():
            yield from answer.interrupt()
            return
        if cache.lengths[0] < total:
            output = _prefill_chunk(decoder, answer, cache)
            yield Prefill(cache.lengths[0], total)
        else:
            output = decoder.step(torch.tensor(answer.ids[-1:]), cache)
            answer.record(output)
        if cache.lengths[0] >= total:
            yield from answer.advance(output.logits[0])


def generate_all(
    decoder: Decoder, answers: Sequence[Answer], *, batch_size: int, on_done: Callable[[Answer], None]
) -> None:
    """Finish all answers, up to `batch_size` of them side by side; a finished one's place goes to the next in line.

    Prompts are run one by one, so each answer is what it would be alone; `on_done` gets each as it ends.
    """
    waiting = deque(answers)
    while waiting:
        _generate_batch(decoder, waiting, batch_size, on_done)


def _generate_batch(
    decoder: Decoder, waiting: deque[Answer], batch_size: int, on_done: Callable[[Answer], None]
) -> None:
    started: list[tuple[Answer, KVCache]] = []
    while len(started) < batch_size and (fresh := _start_next(decoder, waiting, on_done)):
        started.append(fresh)
    active = [answer for answer, _ in started]
    cache = KVCache.join([row for _, row in started]) if started else decoder.new_cache()
    while active:
        output = decoder.step(torch.tensor([answer.ids[-1] for answer in active]), cache)
        for row, answer in enumerate(active):
            answer.record(output, row)
            answer.advance(output.logits[row])
            if answer.finish_reason is None:
                continue
            on_done(answer)
            if fresh := _start_next(decoder, waiting, on_done):
                active[row], row_cache = fresh
                cache.replace(row, row_cache)
        open_rows = [row for row, answer in enumerate(active) if answer.finish_reason is None]
        if len(open_rows) < len(active):
            active = [active[row] for row in open_rows]
            cache = cache.select(open_rows) if active else cache


def _start_next(
    decoder: Decoder, waiting: deque[Answer], on_done: Callable[[Answer], None]
) -> tuple[Answer, KVCache] | None:
    """The next answer in line that needs more than its first token, with its prompt run."""
    while waiting:
        answer, cache = waiting.popleft(), decoder.new_cache()
        answer.start()
        output = _prefill_chunk(decoder, answer, cache)
        while cache.lengths[0] < len(answer.prompt_ids):
            output = _prefill_chunk(decoder, answer, cache)
        answer.advance(output.logits[0])
        if answer.finish_reason is None:
            return answer, cache
        on_done(answer)
    return None


def _prefill_chunk(decoder: Decoder, answer: Answer, cache: KVCache) -> StepOutput:
    start = cache.lengths[0]
    output = decoder.prefill(torch.tensor([answer.prompt_ids[start : start + PREFILL_CHUNK]]), cache)
    answer.record(output)
    return output
