"""Training samples: the prompt that `%%qwen` builds, and the reply that nano should give, as token ids."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from qwen_nb.messages import Message
from qwen_nb.prompts import question
from qwen_nb.training import identity, programs, wordings
from qwen_nb.training.programs import seeded

CLOSING_PHRASE = "\nTime is up."
"""What the engine writes when a thinking budget runs out, before it closes the thought."""
HELD_OUT = 300
"""Programs that no training sample equals, whatever their variables are called."""
NO_LOSS = -100
_POOL = 1024
_SHARES = {"identity": 0.12, "bare": 0.2, "follow-up": 0.1, "off": 0.15, "cut": 0.15, "full": 0.7}
"""Of samples: not about a program; without system message; with a turn before (and again, one more); by thinking."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Token ids of prompt and reply, and the target of each position (`NO_LOSS` where nothing is to be learnt)."""

    ids: list[int]
    targets: list[int]


@dataclass(frozen=True, slots=True)
class Batch:
    """Ids and targets, each [batch, length], and the place of the batch that follows: its pool and number there."""

    ids: Tensor
    targets: Tensor
    following: tuple[int, int]


@cache
def held_out_programs() -> tuple[programs.Program, ...]:
    """The programs of the evaluation, all different, in an order that never changes."""
    chosen: dict[str, programs.Program] = {}
    for number in range(2 * HELD_OUT):
        program = programs.synthesise(seeded("held-out", number))
        chosen.setdefault(programs.normalise(program.source), program)
    return tuple(chosen.values())[:HELD_OUT]


@cache
def _held_out_sources() -> frozenset[str]:
    return frozenset(programs.normalise(program.source) for program in held_out_programs())


def training_program(rng: random.Random) -> programs.Program:
    """A program that is not held out."""
    while programs.normalise((program := programs.synthesise(rng)).source) in _held_out_sources():
        pass
    return program


def as_chat(messages: list[Message]) -> list[dict[str, str]]:
    """Messages in the form that `apply_chat_template` reads."""
    return [{"role": message.role, "content": message.content} for message in messages]


class SampleMaker:
    """Sample number i of a seed is always the same."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, seed: int) -> None:
        self.tokenizer = tokenizer
        self.seed = seed

    def sample(self, number: int) -> Sample:
        """A program or, now and then, a question about nano; thinking fully, cut short, or not at all."""
        rng = seeded("train", self.seed, number)
        prompt, thought, answer = self._turn(rng)
        messages = self._earlier(rng) + question(prompt)[-1:]
        if rng.random() >= _SHARES["bare"]:
            messages = question(prompt)[:-1] + messages
        style = rng.choices(["off", "cut", "full"], [_SHARES["off"], _SHARES["cut"], _SHARES["full"]])[0]
        return self._join(self.prompt_ids(messages, thinking=style != "off"), style, thought, answer, rng)

    def _turn(self, rng: random.Random) -> tuple[str, str, str]:
        """Question, thought and answer."""
        if rng.random() < _SHARES["identity"]:
            exchange = identity.exchange(rng)
            return exchange.question, exchange.thought, exchange.answer
        program = training_program(rng)
        prompt = wordings.question_about(program.source, rng)
        return prompt, program.thought, wordings.answer_for(program.output)

    def _earlier(self, rng: random.Random) -> list[Message]:
        """Turns that came before, of which templates keep only the answers."""
        messages: list[Message] = []
        while rng.random() < _SHARES["follow-up"]:
            prompt, _, answer = self._turn(rng)
            messages += [Message("user", prompt), Message("assistant", answer)]
        return messages

    def prompt_ids(self, messages: list[Message], *, thinking: bool) -> list[int]:
        """Ids of a conversation up to where nano begins to write."""
        text = self.tokenizer.apply_chat_template(
            as_chat(messages), tokenize=False, add_generation_prompt=True, enable_thinking=thinking
        )
        return self._encode(str(text))

    def _join(self, prompt: list[int], style: str, thought: str, answer: str, rng: random.Random) -> Sample:
        pieces = [(prompt, False)]
        if style != "off":
            pieces.append((self._encode("<think>"), True))
            written = self._encode(f"\n{thought}\n")
            if style == "cut":
                pieces += [(written[: rng.randint(1, len(written))], True), (self._closing, False)]
            else:
                pieces += [(written, True), (self._closed, True)]
        pieces.append((self._encode(f"{answer}<|im_end|>"), True))
        return _shift(pieces)

    @cached_property
    def _closed(self) -> list[int]:
        return self._encode("</think>\n\n")

    @cached_property
    def _closing(self) -> list[int]:
        return self._encode(f"{CLOSING_PHRASE}\n") + self._closed

    def _encode(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, add_special_tokens=False)


def _shift(pieces: list[tuple[list[int], bool]]) -> Sample:
    """One sample from runs of ids, each learnt or only read."""
    ids = [token for run, _ in pieces for token in run]
    wanted = [token if learn else NO_LOSS for run, learn in pieces for token in run]
    return Sample(ids[:-1], wanted[1:])


def batches(maker: SampleMaker, tokens: int, pad: int, start: tuple[int, int] = (0, 0)) -> Iterator[Batch]:
    """Endless batches of about `tokens` ids, samples of like length together; `start` is the first one's place."""
    pool, done = start
    while True:
        samples = [maker.sample(number) for number in range(pool * _POOL, (pool + 1) * _POOL)]
        groups = _by_length(samples, tokens)
        seeded("order", maker.seed, pool).shuffle(groups)
        for number in range(done, len(groups)):
            yield Batch(*_padded(groups[number], pad), (pool, number + 1))
        pool, done = pool + 1, 0


def _by_length(samples: list[Sample], tokens: int) -> list[list[Sample]]:
    """Longest first; what is left at the end, being too few for a batch, joins the one before."""
    groups: list[list[Sample]] = [[]]
    for sample in sorted(samples, key=lambda s: len(s.ids), reverse=True):
        if groups[-1] and (len(groups[-1]) + 1) * len(groups[-1][0].ids) > tokens:
            groups.append([])
        groups[-1].append(sample)
    if len(groups) > 1 and len(groups[-1]) < len(groups[-2]) // 2:
        groups[-2] += groups.pop()
    return groups


def _padded(group: list[Sample], pad: int) -> tuple[Tensor, Tensor]:
    length = max(len(sample.ids) for sample in group)
    ids = torch.full((len(group), length), pad)
    targets = torch.full((len(group), length), NO_LOSS)
    for row, sample in enumerate(group):
        ids[row, : len(sample.ids)] = torch.tensor(sample.ids)
        targets[row, : len(sample.targets)] = torch.tensor(sample.targets)
    return ids, targets
