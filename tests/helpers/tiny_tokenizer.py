"""A byte-level BPE tokenizer with Qwen's special tokens, trained in a moment, and chat templates of Qwen's kinds."""

from __future__ import annotations

from functools import cache

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

CORPUS = [
    "def mean(values):\n    return sum(values) / len(values)\n",
    "The answer is 42, because the loop runs three times.",
    '{"name": "read_cell", "arguments": {"id": "abc"}}',
    "<function=read_cell>\n<parameter=id>\nabc\n</parameter>\n</function>\n",
    "Grüße aus Köln: 你好，世界! Привет 🙂",
] * 3
CONTROL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
MARKERS = ["<think>", "</think>", "<tool_call>", "</tool_call>"]
FIM = ["<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"]

_TURNS = """
{%- if tools %}<|im_start|>system
{% for tool in tools %}{{ tool | tojson }}
{% endfor %}<|im_end|>
{% endif %}
{%- for m in messages %}<|im_start|>{{ m.role }}
{% if m.reasoning_content %}<think>
{{ m.reasoning_content }}
</think>

{% endif %}
{{- m.content }}
{%- for call in m.tool_calls or [] %}

<tool_call>
{{ {"name": call.function.name, "arguments": call.function.arguments} | tojson }}
</tool_call>
{%- endfor %}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
"""
HYBRID = _TURNS + (
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
"""Like Qwen3: thinks by itself, switched off by an empty thought in the prompt."""
HYBRID_OPEN = _TURNS + (
    "<think>\n{% if enable_thinking is defined and enable_thinking is false %}\n\n</think>\n\n{% endif %}{% endif %}"
)
"""Like Qwen3.5: the prompt opens the thought, or holds an empty one."""
ALWAYS = _TURNS + "<think>\n{% endif %}"
"""Like Qwen3-Thinking-2507: the prompt always opens the thought."""
NEVER = _TURNS + "{% endif %}"
"""Like Qwen3-Instruct-2507 and Qwen3-Coder: think markers in the vocabulary, but no thinking mode."""
NO_TOOLS = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n"
)


def tiny_tokenizer(chat_template: str | None = HYBRID, *, without: tuple[str, ...] = ()) -> PreTrainedTokenizerFast:
    """A tokenizer of some 400 tokens; `without` leaves out special tokens of MARKERS and FIM."""
    bpe = Tokenizer.from_str(_trained())
    bpe.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in CONTROL])
    kept = [token for token in MARKERS + FIM if token not in without]
    bpe.add_tokens([AddedToken(token, special=False, normalized=False) for token in kept])
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        clean_up_tokenization_spaces=False,
        chat_template=chat_template,
    )


@cache
def _trained() -> str:
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False))
    return bpe.to_str()
