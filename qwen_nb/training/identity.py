"""nano's second skill: to say honestly who it is, what it can do and what it cannot. The texts are in identity.toml."""

from __future__ import annotations

import random
import tomllib
from dataclasses import dataclass
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any

from qwen_nb.training.wordings import question_about

_TEXTS: dict[str, Any] = tomllib.loads(Path(__file__).with_name("identity.toml").read_text(encoding="utf-8"))
_DECLINE, _TOO_RICH = _TEXTS["decline"], _TEXTS["too_rich"]
_BEFORE = (
    "Hey,",
    "Hi,",
    "Please,",
    "OK,",
    "So,",
    "Now,",
    "Well,",
    "Tell me,",
    "Quick question:",
    "Can you say:",
)
_AFTER = (" nano", ", nano", " please", ", please", " exactly", " really", " here", " now", " then", " actually")


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question with the thought and the answer it should get."""

    question: str
    thought: str
    answer: str
    intent: str


def exchange(rng: random.Random) -> Exchange:
    """A question that is not about a program nano knows, and not held out."""
    while (drawn := _drawn(rng)).question in _held_out_questions():
        pass
    return drawn


@cache
def held_out() -> tuple[Exchange, ...]:
    """Questions in wordings, and for things, that training never shows."""
    about_me = [_about(intent, wording) for intent in _TEXTS["intent"] for wording in intent["held_out"]]
    things = zip(cycle(_DECLINE["verbs"]), _DECLINE["things_held_out"], strict=False)
    topics = zip(cycle(_DECLINE["explain"]), _DECLINE["topics_held_out"], strict=False)
    requests = [_request(*pair) for pair in (*things, *topics)]
    declined = [_about(_DECLINE, wording) for wording in (*requests, *_DECLINE["sentences_held_out"])]
    return (*about_me, *declined)


@cache
def _held_out_questions() -> frozenset[str]:
    return frozenset(exchange.question for exchange in held_out())


def _drawn(rng: random.Random) -> Exchange:
    kind = rng.random()
    if kind < 0.6:
        intent = rng.choice(_TEXTS["intent"])
        return _about(intent, _spoken(rng.choice(intent["wordings"]), rng))
    return _about(_DECLINE, _spoken(_refused(rng), rng)) if kind < 0.88 else _about(_TOO_RICH, _program(rng))


def _about(texts: dict[str, Any], question: str) -> Exchange:
    answer = texts["answer"].replace("{real}", _TEXTS["real"])
    return Exchange(question, texts["thought"], answer, texts["name"])


def _refused(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.4:
        return _request(rng.choice(_DECLINE["verbs"]), rng.choice(_DECLINE["things"]))
    if kind < 0.7:
        return _request(rng.choice(_DECLINE["explain"]), rng.choice(_DECLINE["topics"]))
    return rng.choice(_DECLINE["sentences"])


def _request(opening: str, what: str) -> str:
    return f"{opening} {what}{'?' if opening.startswith(('What', 'How', 'Can')) else '.'}"


def _program(rng: random.Random) -> str:
    a, b = rng.sample("abcdefghkmnpqrstuvwxyz", 2)
    source = rng.choice(_TOO_RICH["programs"]).format(a=a, b=b, m=rng.randint(2, 9), n=rng.randint(10, 60))
    return question_about(source, rng)


def _spoken(wording: str, rng: random.Random) -> str:
    """The wording as people type it: with a word more, in lower case, without its full stop."""
    if rng.random() < 0.3:
        wording = f"{rng.choice(_BEFORE)} {wording[0].lower()}{wording[1:]}"
    if rng.random() < 0.2:
        words = wording.rstrip("?.!")
        wording = f"{words}{rng.choice(_AFTER)}{wording[len(words) :]}"
    if rng.random() < 0.15:
        wording = wording.lower()
    return wording.rstrip("?.!") if rng.random() < 0.15 else wording
