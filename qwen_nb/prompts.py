"""The exact prompts that `%%qwen` sends. nano is trained on these, so a change here asks for a new training run."""

from __future__ import annotations

from qwen_nb.messages import Message

SYSTEM = "You are a coding assistant inside a Jupyter notebook. Answer briefly and honestly, in Markdown."


def question(prompt: str) -> list[Message]:
    """The conversation for one question asked in a cell."""
    return [Message("system", SYSTEM), Message("user", prompt.strip())]
