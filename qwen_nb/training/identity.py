"""nano's second skill: to say honestly who it is, what it can do and what it cannot."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import cycle

from qwen_nb.training import out_of_scope
from qwen_nb.training.intents import INTENTS
from qwen_nb.training.wordings import question_about


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question with the thought and the answer it should get."""

    question: str
    thought: str
    answer: str
    intent: str


def exchange(rng: random.Random) -> Exchange:
    """A question that is not about a program nano knows."""
    kind = rng.random()
    if kind < 0.6:
        return _about_me(rng)
    return _declined(rng) if kind < 0.88 else _too_rich(rng)


def held_out() -> list[Exchange]:
    """Questions in wordings, and for things, that training never shows."""
    about_me = [
        Exchange(wording, intent.thought, intent.answer, intent.name)
        for intent in INTENTS
        for wording in intent.held_out
    ]
    things = zip(cycle(out_of_scope.VERBS), out_of_scope.THINGS_HELD_OUT, strict=False)
    topics = zip(cycle(out_of_scope.EXPLAIN), out_of_scope.TOPICS_HELD_OUT, strict=False)
    requests = [_request(*pair) for pair in (*things, *topics)]
    return about_me + [_declining(wording) for wording in (*requests, *out_of_scope.LOOSE_HELD_OUT)]


def _about_me(rng: random.Random) -> Exchange:
    intent = rng.choice(INTENTS)
    return Exchange(_spoken(rng.choice(intent.wordings), rng), intent.thought, intent.answer, intent.name)


def _declined(rng: random.Random) -> Exchange:
    kind = rng.random()
    if kind < 0.4:
        wording = _request(rng.choice(out_of_scope.VERBS), rng.choice(out_of_scope.THINGS))
    elif kind < 0.7:
        wording = _request(rng.choice(out_of_scope.EXPLAIN), rng.choice(out_of_scope.TOPICS))
    else:
        wording = rng.choice(out_of_scope.LOOSE)
    return _declining(_spoken(wording, rng))


def _request(opening: str, what: str) -> str:
    return f"{opening} {what}{'?' if opening.startswith(('What', 'How', 'Can')) else '.'}"


def _declining(wording: str) -> Exchange:
    return Exchange(wording, out_of_scope.THOUGHT, out_of_scope.DECLINE, "out of scope")


def _too_rich(rng: random.Random) -> Exchange:
    a, b = rng.sample("abcdefghkmnpqrstuvwxyz", 2)
    source = rng.choice(out_of_scope.RICH).format(a=a, b=b, m=rng.randint(2, 9), n=rng.randint(10, 60))
    thought = "This program is not of the kind I know."
    return Exchange(question_about(source, rng), thought, out_of_scope.TOO_RICH, "too rich")


def _spoken(wording: str, rng: random.Random) -> str:
    """The wording as people type it: sometimes with a greeting, in lower case, without its full stop."""
    if rng.random() < 0.12:
        wording = f"{rng.choice(['Hey', 'Hi', 'Please', 'OK', 'So'])}, {wording[0].lower()}{wording[1:]}"
    if rng.random() < 0.15:
        wording = wording.lower()
    return wording.rstrip("?.!") if rng.random() < 0.15 else wording
