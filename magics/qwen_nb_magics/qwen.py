"""`%qwen` and `%%qwen`: the magics, and what one question does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand
from traitlets import Enum, Integer, Unicode, Union

from qwen_nb.config import Thinking
from qwen_nb.errors import InvalidInputError
from qwen_nb.prompts import question
from qwen_nb_magics import subcommands
from qwen_nb_magics.asking import Emit, Turn
from qwen_nb_magics.display import screen
from qwen_nb_magics.parsing import CellOptions, budget, parse_cell, parse_line
from qwen_nb_magics.render import formatted
from qwen_nb_magics.session import Session
from qwen_nb_magics.transcript import Note, Transcript

LAST_REPLY = "_qwen"
"""The variable that holds the last Reply."""


@magics_class
class QwenMagics(Magics):
    """Ask a Qwen Mixture-of-Experts model from a cell."""

    default_model = Unicode("nano", help="Model of a session that has chosen none.").tag(config=True)
    thinking = Union(
        [Integer(min=0), Enum(["default", "off", "max"])],
        default_value="default",
        help="Thinking budget of a session that has set none: off, max, tokens, or what the model does by itself.",
    ).tag(config=True)

    def __init__(self, shell: Any = None, **kwargs: Any) -> None:
        super().__init__(shell, **kwargs)
        self.session = Session(lambda: (self.default_model, self._default_thinking()))

    def _default_thinking(self) -> Thinking:
        return "default" if self.thinking == "default" else budget(str(self.thinking))

    @no_var_expand
    @line_cell_magic
    def qwen(self, line: str, cell: str | None = None) -> None:
        """Ask with `%%qwen [options]` and the prompt below it; `%qwen help` lists options and subcommands."""
        if cell is None:
            subcommands.run(self, *parse_line(line))
        else:
            self.ask(line, cell)

    def ask(self, line: str, prompt: str) -> None:
        """Answer `prompt` in this cell, blocking until it is done."""
        with self._turn(line, prompt) as turn:
            turn.run()

    async def aask(self, line: str, prompt: str) -> None:
        """Answer `prompt` in this cell while the kernel's event loop goes on."""
        with self._turn(line, prompt) as turn:
            await turn.arun()

    @contextmanager
    def _turn(self, line: str, prompt: str) -> Iterator[Turn]:
        """A question about to be asked; afterwards its reply is kept, and its text when nothing went wrong."""
        options = parse_cell(line)
        if not prompt.strip():
            raise InvalidInputError("There is no prompt. Write the question on the lines below `%%qwen`.")
        transcript = self._transcript(options)
        names = self.kernel_shell.user_ns
        try:
            yield Turn(self._work(options, prompt, transcript), transcript, screen(self.kernel_shell, options.format))
        finally:
            if transcript.reply is not None:
                names[LAST_REPLY] = transcript.reply
        if options.out is not None:
            names[options.out] = formatted(transcript.text, options.format)

    def _transcript(self, options: CellOptions) -> Transcript:
        thinking = self.session.thinking if options.think == "session" else options.think
        return Transcript(options.model or self.session.name, thinking, seed_given=options.seed is not None)

    def _work(self, options: CellOptions, prompt: str, transcript: Transcript) -> Callable[[Emit, Event], None]:
        def work(emit: Emit, stop: Event) -> None:
            model = self.session.resident(transcript.model, lambda text: emit(Note(text, loading=True)))
            emit(Note(""))
            if stop.is_set():
                return
            for event in model.stream(
                question(prompt), thinking=transcript.budget, sampling=options.sampling, seed=options.seed, stop=stop
            ):
                emit(event)

        return work

    @property
    def kernel_shell(self) -> InteractiveShell:
        """The shell these magics are registered with."""
        assert self.shell is not None  # noqa: S101 -- only IPython makes one, with itself as the shell
        return self.shell

    def reset(self) -> None:
        """Forget what this session has set, cached and answered."""
        self.session.reset()
        self.kernel_shell.user_ns.pop(LAST_REPLY, None)

    def close(self) -> None:
        """Leave nothing behind in the shell."""
        self.kernel_shell.user_ns.pop(LAST_REPLY, None)
        self.session.close()
