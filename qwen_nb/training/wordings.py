"""The many ways to ask what a program prints, and the one way to answer."""

from __future__ import annotations

import random


def question_about(source: str, rng: random.Random) -> str:
    """The program inside one of many ways to ask what it prints."""
    fence = rng.random()
    code = f"```python\n{source}\n```" if fence < 0.55 else f"```\n{source}\n```" if fence < 0.65 else source
    gap = rng.choice(["\n", "\n\n"])
    place = rng.random()
    if place < 0.72:
        return _spoken(rng.choice(_BEFORE), rng) + gap + code
    if place < 0.94:
        return code + gap + _spoken(rng.choice(_AFTER), rng)
    return code


def answer_for(output: str) -> str:
    """The one sentence nano answers with, one code span for each line printed."""
    return f"It prints {', then '.join(f'`{line}`' for line in output.splitlines())}."


def _spoken(wording: str, rng: random.Random) -> str:
    return wording[0].lower() + wording[1:] if rng.random() < 0.15 else wording


_BEFORE = [
    "What does this print?",
    "What does this print?",
    "What does this program print?",
    "What does this code print?",
    "What will this print?",
    "What will this program print?",
    "What is the output?",
    "What is the output of this program?",
    "What is the output of this code?",
    "What's printed here?",
    "What gets printed?",
    "Predict the output.",
    "Predict what this prints.",
    "Tell me what this prints.",
    "Can you tell me what this prints?",
    "Say what this program prints:",
    "Which output does this give?",
    "Run this in your head. What comes out?",
    "What comes out of this?",
    "What do I see when I run this?",
    "Work out what this prints.",
    "Please work out the output of this program.",
    "Output of this?",
    "What does the following program print?",
    "What does the following code print?",
    "If I run this cell, what is printed?",
    "What does this Python program print?",
    "Trace this program and give its output.",
    "What does print show here?",
    "Think step by step: what does this print?",
]
_AFTER = [
    "What does this print?",
    "What does it print?",
    "What is printed?",
    "What is the output?",
    "What does the program above print?",
    "What does the code above print?",
    "What will it print?",
    "Predict the output.",
    "What comes out?",
    "What is the result?",
    "What does that print?",
]
