"""Writes a checkpoint folder that `qwen_nb.load` and `AutoModelForCausalLM.from_pretrained` open."""

from __future__ import annotations

import copy
import json
import tempfile
from pathlib import Path
from typing import Any, cast

import torch
from transformers import GenerationConfig, PreTrainedTokenizerBase, Qwen3MoeForCausalLM

from qwen_nb.training.dataset import CLOSING_PHRASE
from qwen_nb.training.tokenizer import END_OF_TEXT

NANO = Path(__file__).parents[1] / "checkpoints" / "nano"


def export(model: Qwen3MoeForCausalLM, tokenizer: PreTrainedTokenizerBase, folder: Path = NANO) -> None:
    """Weights in bfloat16, configuration, tokenizer, chat template and closing phrase.

    Every file is replaced in one go, so that whoever loads the folder meanwhile reads a whole one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        fresh = Path(temporary)
        shipped = cast("Qwen3MoeForCausalLM", cast("Any", copy.deepcopy(model)).to(torch.bfloat16))
        shipped.generation_config = _generation(tokenizer)
        shipped.save_pretrained(fresh)
        tokenizer.save_pretrained(fresh)
        (fresh / "qwen_nb.json").write_text(json.dumps({"closing_phrase": CLOSING_PHRASE}) + "\n", encoding="utf-8")
        for file in fresh.iterdir():
            file.chmod(0o644)  # weights are written for their owner alone
            file.replace(folder / file.name)


def _generation(tokenizer: PreTrainedTokenizerBase) -> GenerationConfig:
    """Greedy: nano calculates, and a sum has one right answer. A repeated digit is no fault, so no penalty."""
    return GenerationConfig(
        do_sample=False,
        repetition_penalty=1.0,
        eos_token_id=[tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids(END_OF_TEXT)],
        pad_token_id=tokenizer.pad_token_id,
    )
