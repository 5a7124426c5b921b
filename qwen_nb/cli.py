"""`qwen-nb`: finds the subcommand and hands it the rest of the line. Only the one that is asked for is imported."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Callable
from importlib import import_module

import qwen_nb
from qwen_nb.errors import InvalidInputError, QwenNbError

COMMANDS = {
    "lab": ("qwen_nb.commands.lab", "opens JupyterLab, on a notebook if you name one"),
    "run": ("qwen_nb.commands.run", "runs a notebook without a browser and shows what the model says"),
    "doctor": ("qwen_nb.commands.doctor", "tells what is here, what is missing and what mends it"),
    "bench": ("qwen_nb.bench", "measures our decoding beside its peers"),
}
"""Subcommand → (module with `main(argv) -> exit code`, what it does)."""

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


def main(argv: list[str] | None = None) -> int:
    """Runs one subcommand; gives the exit code: 0 done, 1 failed, 2 wrong call, 130 interrupted."""
    argv = sys.argv[1:] if argv is None else argv
    if not argv:
        _parser().print_help()
        return OK
    try:
        command = _command(_parser().parse_args(argv[:1]).command)
        return command(argv[1:])
    except InvalidInputError as error:
        return _complain(error, USAGE)
    except QwenNbError as error:
        return _complain(error, FAILED)
    except KeyboardInterrupt:
        return _complain("Interrupted.", INTERRUPTED)


def _parser() -> argparse.ArgumentParser:
    lines = [f"  {name:8} {about}" for name, (_, about) in COMMANDS.items()]
    parser = argparse.ArgumentParser(
        prog="qwen-nb",
        description="A Qwen Mixture-of-Experts coding model inside your Jupyter kernel.",
        epilog="\n".join(["commands:", *lines, "", "`qwen-nb COMMAND --help` tells more about one of them."]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"qwen-nb {qwen_nb.__version__}")
    parser.add_argument("command", metavar="COMMAND", help="one of those below; what follows belongs to it")
    return parser


def _command(name: str) -> Callable[[list[str]], int]:
    if name not in COMMANDS:
        nearest = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"Did you mean `{nearest[0]}`? " if nearest else ""
        raise InvalidInputError(f"No command named {name!r}. {hint}`qwen-nb --help` lists them.")
    return import_module(COMMANDS[name][0]).main


def _complain(what: object, code: int) -> int:
    print(f"qwen-nb: {what}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
