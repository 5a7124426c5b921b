"""From a question and its options to an answer ready to start, with every mistake found before the first token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qwen_nb.chat_model import Capabilities
from qwen_nb.config import MAX_OUTPUT_TOKENS, Sampling, Thinking, check_thinking
from qwen_nb.engine.answer import Answer
from qwen_nb.engine.budget import ThinkingBudget
from qwen_nb.engine.chat_template import ChatTemplate
from qwen_nb.engine.reply_parser import ReplyParser
from qwen_nb.engine.sampling import checkpoint_sampling
from qwen_nb.errors import ContextOverflowError, InvalidInputError, UnsupportedError
from qwen_nb.messages import Message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MAX_SEED = 2**63 - 1


class Preparer:
    """Prepares answers of one model.

    Args:
        tokenizer: with a chat template.
        generation_config: what the checkpoint recommends, as in `generation_config.json`.
        name: of the model, for messages.
        vocab_size: number of logits.
        context_length: tokens of prompt and answer together.
        closing_phrase: closes a thought that ran out of budget; None is Qwen3's.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        generation_config: dict[str, Any],
        *,
        name: str,
        vocab_size: int,
        context_length: int,
        closing_phrase: str | None,
    ) -> None:
        self._tokenizer = tokenizer
        self._defaults = checkpoint_sampling(generation_config)
        self._template = ChatTemplate(tokenizer, closing_phrase)
        self._name = name
        self._vocab_size = vocab_size
        self._context_length = context_length
        self._end_ids = _end_ids(generation_config.get("eos_token_id"), tokenizer)

    @property
    def capabilities(self) -> Capabilities:
        """What the model can do, as far as template and tokenizer show."""
        template = self._template
        return Capabilities(
            thinks=template.thinks,
            tools=template.tools,
            fim=template.fim,
            routing="full",
            context_length=self._context_length,
        )

    def answer(
        self,
        messages: str | Sequence[Message],
        *,
        thinking: Thinking,
        tools: Sequence[dict[str, Any]],
        sampling: Sampling,
        seed: int,
    ) -> Answer:
        """An answer ready to start; see `ChatModel.stream` for the arguments, `LocalModel.stream` for the errors."""
        conversation = [Message("user", messages)] if isinstance(messages, str) else list(messages)
        if not conversation:
            raise InvalidInputError("There is nothing to answer: the list of messages is empty.")
        budget = self._budget(check_thinking(thinking))
        prompt_ids = self._template.render(conversation, tools=tools, thinking=self._render_flag(thinking))
        sampling = self._settled(sampling, len(prompt_ids))
        parser = ReplyParser(
            self._tokenizer,
            self._template.markers,
            in_thought=self._template.opens_thought(prompt_ids),
            tools=tools,
            stop=tuple(s for s in sampling.stop if isinstance(s, str)),
        )
        return Answer(
            prompt_ids,
            sampling=sampling,
            seed=_checked_seed(seed),
            stop_ids=self._end_ids | {s for s in sampling.stop if isinstance(s, int)},
            budget=budget,
            parser=parser,
            vocab_size=self._vocab_size,
        )

    def _render_flag(self, thinking: Thinking) -> bool | None:
        """What the template is told: think, do not, or nothing."""
        if thinking == "default" or not self._template.can_switch_off:
            return None
        return thinking != 0

    def _budget(self, thinking: Thinking) -> ThinkingBudget:
        markers = self._template.markers
        if markers is None or not self._template.thinks:
            if isinstance(thinking, int) and thinking > 0:
                raise UnsupportedError(
                    f"{self._name} has no thinking mode (no Qwen3-Coder model has one), so a budget of {thinking:,} "
                    "thinking tokens means nothing to it. Ask with thinking=0, or load a model that thinks."
                )
            return ThinkingBudget(0)
        limit = thinking if isinstance(thinking, int) else None
        return ThinkingBudget(limit, close_id=markers.close_id, closing=self._template.closing_ids())

    def _settled(self, sampling: Sampling, prompt_tokens: int) -> Sampling:
        """With the model's own values where none were given, and a `max_tokens` that fits."""
        room = self._context_length - prompt_tokens
        wanted = sampling.max_tokens or 1
        if wanted > room:
            raise ContextOverflowError(prompt_tokens, wanted, self._context_length)
        max_tokens = sampling.max_tokens or min(room, MAX_OUTPUT_TOKENS)
        return replace(sampling.over(self._defaults), max_tokens=max_tokens)


def _end_ids(configured: int | list[int] | None, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """Ids that end a turn, from the checkpoint's generation settings and its tokenizer."""
    ids = [configured] if isinstance(configured, int) else configured or []
    return frozenset(i for i in (*ids, tokenizer.eos_token_id) if isinstance(i, int))


def _checked_seed(seed: int) -> int:
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= MAX_SEED:
        raise InvalidInputError(f"seed must be a whole number from 0 to {MAX_SEED:,}, not {seed!r}.")
    return seed
