"""Help and reference, made from the parsers: `python -m qwen_nb_magics.reference` writes magics/README.md."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from qwen_nb_magics.parsing import SUBCOMMANDS, cell_parser

README = Path(__file__).parent.parent / "README.md"

INTRODUCTION = """\
# Magics

`%load_ext qwen_nb` brings one magic in two forms: `%%qwen` asks the model, `%qwen` looks after it. This page is
generated from the parsers by `python -m qwen_nb_magics.reference`.
"""

ASKING = """\
The first line takes options, the lines below are the prompt, word for word: braces, dollar signs and backslashes reach
the model as they are. The model is loaded with the first question.

```
%%qwen -t 64 -o guess
What does this print?
print(sum(range(4)))
```

The answer streams into the cell as up to three outputs: the thought, folded; the answer, as Markdown whose raw HTML is
shown instead of obeyed; and a line with the model, the tokens, their speed and how much of the thinking budget was
used. Each keeps model, seed, budget and usage in its metadata under `qwen_nb`. `_qwen` is the whole reply:
`_qwen.text`, `_qwen.thinking`, `_qwen.usage`.
"""

BEHAVIOUR = """\
- **No memory yet.** Each cell is a fresh question; earlier cells and answers are not sent along.
- **Stopping.** Interrupting the kernel stops the model within one token. What there is stays in the cell and in
  `_qwen`; the variable of `-o` is set by complete answers only.
- **While it runs** the kernel stays responsive: the cell is awaited, widgets work. Under `%%time` or another magic,
  after `%autoawait False`, and in a terminal the same magic blocks instead.
- **Errors** are one line, and the cell counts as failed.
"""

SETTINGS = """\
Defaults can be set for good in `ipython_config.py`, or with `%config` in a session:

```python
c.QwenMagics.default_model = "nano"
c.QwenMagics.thinking = 256  # or "off", "max", "default"
```
"""


def options_table() -> list[tuple[str, str]]:
    """Every option of `%%qwen` with what it does."""
    return [(f"`{_usage(action)}`", action.help or "") for action in cell_parser()._actions]


def subcommands_table() -> list[tuple[str, str]]:
    """Every subcommand of `%qwen` with what it does."""
    return [(f"`{command.usage}`", command.help) for command in SUBCOMMANDS]


def help_text() -> str:
    """What `%qwen help` shows, as Markdown that also reads well as plain text."""
    return "\n".join(
        [
            "Ask in a cell that starts with `%%qwen [options]`, with the prompt on the lines below. "
            "Each cell is a fresh question. `_qwen` is the last reply.",
            "",
            table(("Option", "What it does"), options_table()),
            "",
            table(("Command", "What it does"), subcommands_table()),
        ]
    )


def reference() -> str:
    """The text of magics/README.md."""
    asking = table(("Option", "What it does"), options_table())
    looking_after = table(("Command", "What it does"), subcommands_table())
    parts = [INTRODUCTION, "## `%%qwen [options]`\n", ASKING, asking + "\n", BEHAVIOUR]
    return "\n".join([*parts, "## `%qwen [command]`\n", looking_after + "\n", SETTINGS])


def table(head: tuple[str, str], rows: Iterable[tuple[str, str]]) -> str:
    """A Markdown table, its first column aligned."""
    cells = [(left.replace("|", r"\|"), right.replace("|", r"\|")) for left, right in rows]
    width = max(len(left) for left, _ in [head, *cells])
    lines = [f"| {left:<{width}} | {right} |" for left, right in [head, *cells]]
    return "\n".join([lines[0], f"| {'-' * width} | --- |", *lines[1:]])


def _usage(action: argparse.Action) -> str:
    return f"{', '.join(action.option_strings)} {action.metavar}"


def main(arguments: Sequence[str]) -> int:
    """Write the reference, or with `--check` fail when it is not current."""
    current = README.exists() and README.read_text(encoding="utf-8") == reference()
    if "--check" in arguments:
        sys.stderr.write("" if current else "magics/README.md is old: run python -m qwen_nb_magics.reference\n")
        return 0 if current else 1
    README.write_text(reference(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
