"""Every error that qwen_nb raises on purpose.

A message says what happened, what it was about (name, number, limit) and what to type next. In a notebook it
shows as that text alone, without a traceback, while the cell still counts as failed.
"""

from __future__ import annotations


class QwenNbError(Exception):
    """Root of all errors of ours; catch this to catch any of them."""

    def _render_traceback_(self) -> list[str]:
        """IPython asks for this instead of drawing a traceback (a protocol of its `showtraceback`)."""
        return [f"{type(self).__name__}: {self}"]


class ModelNotFoundError(QwenNbError):
    """No model of that name here or on the Hub; the message names the nearest one."""


class ModelLoadError(QwenNbError):
    """The files are there but cannot be used: no weights, truncated, corrupted, unsupported."""


class NotEnoughMemoryError(QwenNbError):
    """The model needs more memory than there is; the message has both numbers and what to try."""


class ContextOverflowError(QwenNbError):
    """Prompt and answer do not fit into the model's context."""

    def __init__(self, prompt_tokens: int, max_tokens: int, context_length: int) -> None:
        self.prompt_tokens = prompt_tokens
        self.max_tokens = max_tokens
        self.context_length = context_length
        room = context_length - prompt_tokens
        if room > 0:
            problem = f"the answer may take {max_tokens:,}, together more than the context of {context_length:,}"
            way_out = f"Lower max_tokens to {room:,}, or shorten the prompt."
        else:
            problem = f"leaves no room for an answer in a context of {context_length:,}"
            way_out = "Shorten the prompt, or load with a larger context_length if the model has one."
        super().__init__(f"The prompt has {prompt_tokens:,} tokens and {problem}. {way_out}")


class UnsupportedError(QwenNbError):
    """This model or front end cannot do what was asked; the message says why."""


class InvalidInputError(QwenNbError, ValueError):
    """An option, setting or argument has a value that cannot be used."""


class BusyError(QwenNbError):
    """The model is answering something else and the caller chose not to wait."""
