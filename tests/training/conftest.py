from __future__ import annotations

from typing import cast

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from qwen_nb.training.export import NANO


@pytest.fixture(scope="session")
def nano_tokenizer() -> PreTrainedTokenizerBase:
    return cast("PreTrainedTokenizerBase", AutoTokenizer.from_pretrained(NANO))
