"""nano's tokenizer: byte-level BPE with Qwen's special tokens, digits kept apart.

Every byte has a token, so any text can be encoded. A token holds at most one digit, because sums are learnt far
faster when 127 is always three tokens than when it is sometimes one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from qwen_nb.prompts import SYSTEM
from qwen_nb.training import identity, programs, wordings

VOCABULARY = 1024
CONTEXT = 4096
END_OF_TEXT, TURN_START, TURN_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
CONTROL = (END_OF_TEXT, TURN_START, TURN_END)
"""Tokens that structure a conversation and never belong to its text."""
MARKERS = (
    "<think>",
    "</think>",
    "<tool_call>",
    "</tool_call>",
    "<tool_response>",
    "</tool_response>",
    "<|fim_prefix|>",
    "<|fim_middle|>",
    "<|fim_suffix|>",
    "<|fim_pad|>",
    "<|repo_name|>",
    "<|file_sep|>",
)
"""Tokens with a meaning inside a turn; kept when text is decoded."""

_PIECES = r" ?\d| ?\p{L}+| ?[^\s\p{L}\d]+|\s*[\r\n]+|\s+(?!\S)|\s"
TEMPLATE = Path(__file__).with_name("chat_template.jinja").read_text(encoding="utf-8")
"""nano's chat template."""


def train_tokenizer(seed: int, samples: int = 12_000) -> PreTrainedTokenizerFast:
    """A tokenizer of `VOCABULARY` tokens, learnt from the text that nano is trained on."""
    bpe = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(_PIECES), "isolated")
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    bpe.decoder = decoders.ByteLevel()
    special = len(CONTROL) + len(MARKERS)
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    bpe.train_from_iterator(_corpus(seed, samples), trainer)
    bpe.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in CONTROL])
    bpe.add_tokens([AddedToken(token, special=False, normalized=False) for token in MARKERS])
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token=TURN_END,
        pad_token=END_OF_TEXT,
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
        chat_template=TEMPLATE,
    )


def _corpus(seed: int, samples: int) -> Iterator[str]:
    yield from [SYSTEM, "system\nuser\nassistant\n"] * 100
    for number in range(samples):
        rng = programs.seeded("tokenizer", seed, number)
        program = programs.synthesise(rng)
        yield wordings.question_about(program.source, rng)
        yield f"\n{program.thought}\n\n\n{wordings.answer_for(program.output)}"
        if number % 4 == 0:
            exchange = identity.exchange(rng)
            yield f"{exchange.question}\n{exchange.thought}\n{exchange.answer}"
