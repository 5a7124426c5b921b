"""The text behind `%qwen` and `%%qwen`, turned into typed values.

argparse holds the declarations, so that parser, help and reference cannot disagree; its exits become errors of ours.
"""

from __future__ import annotations

import argparse
import keyword
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Literal, NoReturn, TypeVar, cast

from qwen_nb.config import Sampling, Thinking, check_thinking
from qwen_nb.errors import InvalidInputError

T = TypeVar("T")
Format = Literal["markdown", "code", "text"]
FORMATS: tuple[Format, ...] = ("markdown", "code", "text")


@dataclass(frozen=True, slots=True, kw_only=True)
class CellOptions:
    """What stands behind `%%qwen` in the first line of a cell."""

    model: str | None = None
    """Model for this question alone; None is the session's."""
    think: Thinking | Literal["session"] = "session"
    out: str | None = None
    format: Format = "markdown"
    seed: int | None = None
    sampling: Sampling = field(default_factory=Sampling)


class MagicParser(argparse.ArgumentParser):
    """An argparse parser that raises instead of printing and leaving."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS, **kwargs)

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print; argparse calls this."""
        what = message.removeprefix("argument ")
        end = "" if what.endswith((".", "?")) else "."
        raise InvalidInputError(f"{self.prog}: {what}{end} `%qwen help` lists the options.")

    def read(self, line: str) -> argparse.Namespace:
        """The values in `line`; InvalidInputError for anything that is not declared."""
        values, rest = self.parse_known_args(split(line))
        if rest:
            self.error(self._unknown(rest[0]))
        return values

    def _unknown(self, word: str) -> str:
        if not word.startswith("-"):
            return f"{word!r} is no option. Write the prompt on the lines below the first."
        return f"there is no option {word.partition('=')[0]}.{nearest(word, self._option_string_actions)}"


def split(line: str) -> list[str]:
    """Words of `line`; quotes group them, and a backslash is a backslash (folders on Windows)."""
    lexer = shlex.shlex(line, posix=True)
    lexer.whitespace_split, lexer.escape, lexer.commenters = True, "", ""
    try:
        return list(lexer)
    except ValueError:
        raise InvalidInputError(f"A quotation mark is not closed in: {line.strip()}") from None


def nearest(word: str, known: Iterable[str]) -> str:
    """` Did you mean X?` when something known is close, else nothing."""
    close = get_close_matches(word.partition("=")[0], list(known), n=1)
    return f" Did you mean {close[0]}?" if close else ""


def budget(text: str) -> Thinking:
    """Thinking budget from `off`, `max` or a number of tokens."""
    if text in ("off", "max"):
        return 0 if text == "off" else None
    try:
        return check_thinking(int(text))
    except ValueError:
        raise InvalidInputError(
            f"A thinking budget is off, max or a number of tokens from 0 up, not {text!r}."
        ) from None


def show_budget(thinking: Thinking) -> str:
    """The words that `budget` reads, and `default`."""
    return {0: "off", None: "max"}.get(cast("int | None", thinking), str(thinking))


def variable(text: str) -> str:
    """A name that Python can assign to."""
    if not text.isidentifier() or keyword.iskeyword(text):
        raise InvalidInputError(f"{text!r} cannot be a variable's name.")
    return text


def _format(text: str) -> Format:
    if text not in FORMATS:
        raise InvalidInputError(f"The formats are {', '.join(FORMATS)}, not {text!r}.{nearest(text, FORMATS)}")
    return text


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise InvalidInputError(f"A whole number from 0 up is needed, not {text!r}.")
    return int(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidInputError(f"A number is needed, not {text!r}.") from None


def _typed(read: Callable[[str], T]) -> Callable[[str], T]:
    """`read` as argparse wants it; from other errors it makes sentences of its own."""

    def reading(text: str) -> T:
        try:
            return read(text)
        except InvalidInputError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return reading


def cell_parser() -> MagicParser:
    """The options of `%%qwen`."""
    parser = MagicParser(prog="%%qwen")
    add = parser.add_argument
    add("-m", "--model", metavar="NAME", help="ask this model, for this question alone")
    add(
        "-t",
        "--think",
        type=_typed(budget),
        metavar="N|off|max",
        help="thinking budget in tokens; max is without limit",
    )
    add("-o", "--out", type=_typed(variable), metavar="NAME", help="store the answer's text in this variable")
    add(
        "-f",
        "--format",
        type=_typed(_format),
        metavar="|".join(FORMATS),
        help="show all of it, the first code block, or text",
    )
    add("--seed", type=_typed(_whole), metavar="N", help="repeat the same draw of tokens")
    add("--temperature", type=_typed(_number), metavar="X", help="0 takes the likeliest token, up to 2 the more varied")
    add("--max-tokens", type=_typed(_whole), metavar="N", help="most tokens to generate, thought included")
    return parser


def parse_cell(line: str) -> CellOptions:
    """Options of one `%%qwen` cell.

    Raises:
        InvalidInputError: unknown option, missing or impossible value.
    """
    given = vars(cell_parser().read(line))
    sampling = Sampling(**{name: given.pop(name) for name in ("temperature", "max_tokens") if name in given})
    return CellOptions(sampling=sampling, **given)


@dataclass(frozen=True, slots=True)
class Subcommand:
    """One `%qwen NAME [argument]`."""

    name: str
    argument: str
    """What may follow, as help shows it; empty when nothing may."""
    help: str

    @property
    def usage(self) -> str:
        """How to type it."""
        return f"%qwen {self.name} {self.argument}".rstrip()


SUBCOMMANDS = (
    Subcommand("help", "", "what the magics can do"),
    Subcommand("version", "", "versions of qwen_nb and of what it runs on"),
    Subcommand("status", "", "the model in memory, where it computes, what is cached, the session's thinking budget"),
    Subcommand("model", "[NAME]", "list the models that can be asked, or switch this session to one and load it now"),
    Subcommand("think", "[N|off|max]", "show or set the session's thinking budget in tokens"),
    Subcommand("reset", "", "back to the first settings: model, budget, cached prompts and `_qwen`"),
)


def parse_line(line: str) -> tuple[str, str | None]:
    """Subcommand and argument of one `%qwen` line; `help` when it is empty.

    Raises:
        InvalidInputError: no such subcommand, or more words than it takes.
    """
    name, *words = split(line) or ["help"]
    known = {command.name: command for command in SUBCOMMANDS}
    if name not in known:
        raise InvalidInputError(f"There is no `%qwen {name}`.{nearest(name, known)} {_hint(name)}")
    if len(words) > bool(known[name].argument):
        raise InvalidInputError(f"Too many words in `%qwen {line.strip()}`. Type `{known[name].usage}`.")
    return name, words[0] if words else None


def _hint(word: str) -> str:
    if word.startswith("-"):
        return "Options belong to `%%qwen`, with the prompt on the lines below it."
    return "`%qwen help` lists what there is; a question goes into a cell that starts with `%%qwen`."
