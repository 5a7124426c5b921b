"""`python -m qwen_nb.training data|tokenizer|train|eval|export`: the steps that make nano."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import cast

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from qwen_nb.engine import load
from qwen_nb.errors import QwenNbError
from qwen_nb.training import programs, wordings
from qwen_nb.training.dataset import training_program
from qwen_nb.training.evaluate import report
from qwen_nb.training.export import NANO, export
from qwen_nb.training.tokenizer import TEMPLATE, train_tokenizer
from qwen_nb.training.train import Recipe, Trainer, write_pid

BUILD = Path("build")


def main(arguments: list[str] | None = None) -> int:
    """Run one step; 1 when it cannot be done."""
    options = _parser().parse_args(arguments)
    try:
        options.step(options)
    except QwenNbError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the program's output
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m qwen_nb.training", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="decides data, tokenizer and first weights (default: 0)")
    steps = parser.add_subparsers(required=True, metavar="STEP")
    data = steps.add_parser("data", help="show some training programs with their thoughts")
    data.add_argument("--show", type=int, default=3, metavar="N", help="how many (default: 3)")
    data.set_defaults(step=_data)
    steps.add_parser("tokenizer", help="learn the tokenizer").set_defaults(step=_tokenizer)
    train = steps.add_parser("train", help="train the model (about two hours on one core of two)")
    train.add_argument("--tokens", type=int, default=14_000_000, help="tokens altogether (default: 14,000,000)")
    train.add_argument("--resume", action="store_true", help="go on; fewer --tokens let the rate decay now")
    train.add_argument(
        "--save-every", type=float, default=10, metavar="MINUTES", help="how often the state is stored (default: 10)"
    )
    train.set_defaults(step=_train)
    steps.add_parser("eval", help="what nano gets right on held-out programs").set_defaults(step=_eval)
    steps.add_parser("export", help="write the last saved training state as checkpoint").set_defaults(step=_export)
    return parser


def _data(options: argparse.Namespace) -> None:
    for number in range(options.show):
        program = training_program(programs.seeded(options.seed, number))
        _say(f"{program.source}\n\n{program.thought}\n\n{wordings.answer_for(program.output)}\n{'-' * 40}")


def _tokenizer(options: argparse.Namespace) -> None:
    tokenizer = train_tokenizer(options.seed)
    tokenizer.save_pretrained(NANO)
    _say(f"{len(tokenizer):,} tokens in {NANO}")


def _train(options: argparse.Namespace) -> None:
    trainer = _trainer(options.seed, options.tokens)
    if options.resume:
        trainer.resume()
    write_pid(BUILD / "train.pid")
    trainer.run(_say, options.save_every * 60)
    _say("Trained. `python -m qwen_nb.training export` makes it the checkpoint, `eval` measures that.")


def _eval(_options: argparse.Namespace) -> None:
    report(load("nano"), _say)


def _export(options: argparse.Namespace) -> None:
    trainer = _trainer(options.seed, 1)
    trainer.resume()
    export(trainer.model, trainer.tokenizer)
    _say(f"{trainer.progress.tokens:,} tokens of training, in {NANO}")


def _trainer(seed: int, tokens: int) -> Trainer:
    tokenizer = cast("PreTrainedTokenizerBase", AutoTokenizer.from_pretrained(NANO))
    tokenizer.chat_template = TEMPLATE
    return Trainer(Recipe(tokens=tokens, seed=seed), tokenizer, BUILD / "train.pt")


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - the program's output


if __name__ == "__main__":
    sys.exit(main())
