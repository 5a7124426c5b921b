"""`qwen-nb run`: a notebook without a browser, in a terminal, a pipeline or a cron job."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbformat import NotebookNode


def main(argv: list[str]) -> int:
    """Runs it; 0 when every cell did well. What goes wrong is raised and becomes the exit code in `qwen_nb.cli`."""
    options = _parser().parse_args(argv)
    from qwen_nb.notebook.files import read_notebook, write_html
    from qwen_nb.notebook.runner import run_notebook
    from qwen_nb.notebook.terminal import Terminal

    notebook = read_notebook(options.notebook)
    output = options.notebook if options.in_place else options.output
    try:
        run_notebook(
            notebook,
            folder=options.notebook.resolve().parent,
            watcher=Terminal(sys.stdout),
            save=lambda made: _save(made, output),
            timeout=options.timeout,
        )
    finally:
        if options.html:
            write_html(options.html, notebook)
        print(_where(output, options.html))
    return 0


def _save(notebook: NotebookNode, output: Path | None) -> None:
    from qwen_nb.notebook.files import write_notebook

    if output is not None:
        write_notebook(output, notebook)


def _where(output: Path | None, html: Path | None) -> str:
    written = [str(path) for path in (output, html) if path]
    return f"Written: {', '.join(written)}" if written else "Nothing written; --output FILE or --in-place keeps it."


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="qwen-nb run",
        description="Runs every cell of a notebook in a fresh kernel and shows what comes out, as it comes.",
        epilog="Exit code: 0 all cells did well, 1 one failed, 2 wrong call, 130 interrupted (Ctrl-C).",
    )
    parser.add_argument("notebook", type=Path)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--output", type=Path, metavar="FILE", help="write the notebook here, after every cell")
    where.add_argument("--in-place", action="store_true", help="write it over the one that is run")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write it as a page, too, at the end")
    parser.add_argument(
        "--timeout", type=_seconds, metavar="SECONDS", help="most time for one cell; without it, no limit"
    )
    return parser


def _seconds(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"a whole number of seconds above 0 is needed, not {text!r}")
    return int(text)
