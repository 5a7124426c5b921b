"""`qwen-nb bench`: what is measured here is always measured beside a peer, in the same run on the same machine."""

from __future__ import annotations

import argparse
from importlib import import_module

BENCHES = {
    "decode": "the decode loop beside `generate` of transformers, on the same weights",
    "start": "from the start of a kernel to the first token of an answer",
}
"""Name, which is also its module's → what it measures."""


def main(argv: list[str]) -> int:
    """Run one bench; gives the exit code."""
    parser = argparse.ArgumentParser(prog="qwen-nb bench", description="Measures on this machine, repeatedly.")
    commands = parser.add_subparsers(dest="bench", required=True, metavar="BENCH")
    for name, about in BENCHES.items():
        command = commands.add_parser(name, help=about, description=f"Measures {about}.")
        command.add_argument("-m", "--model", default="nano", help="name, folder or Hub id (default: nano)")
        command.add_argument("-r", "--repeats", type=_positive, default=5, help="how often (default: 5)")
        command.add_argument("--json", action="store_true", help="print the figures as JSON")
        if name == "decode":
            command.add_argument("-n", "--max-tokens", type=_positive, default=200, help="per answer (default: 200)")
    arguments = vars(parser.parse_args(argv))
    import_module(f"qwen_nb.bench.{arguments.pop('bench')}").run(**arguments)
    return 0


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value
