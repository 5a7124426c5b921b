"""The routing trace of an answer, whole or the newest rows of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING

from qwen_nb.messages import Event, Routing
from qwen_nb.routing.trace import RoutingTrace

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from qwen_nb.engine.answer import Answer


class Tracer:
    """Makes traces of one model's answers.

    Args:
        tokenizer: shows the tokens.
        model: its name.
        num_experts: per layer.
        layers: indices of the layers that have a router.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, *, model: str, num_experts: int, layers: tuple[int, ...]
    ) -> None:
        self._tokenizer = tokenizer
        self._model = model
        self._num_experts = num_experts
        self._layers = layers

    def told(self, answer: Answer, events: Iterable[Event]) -> Iterator[Event]:
        """The events of an answer with its new rows after each of them, as far as there are any."""
        sent = 0
        for event in chain(events, [None]):
            if event is not None:
                yield event
            if answer.rows.count > sent:
                yield Routing(self.trace(answer, sent))
                sent = answer.rows.count

    def trace(self, answer: Answer, start: int = 0) -> RoutingTrace:
        """Rows from `start` on of the tokens that went through the model: all but the last one generated."""
        experts, weights = answer.rows.since(start)
        ids, phases = answer.fed(start)
        return RoutingTrace(
            experts=experts,
            weights=weights,
            token_ids=ids,
            tokens=[str(self._tokenizer.decode([token])) for token in ids],
            phase=phases,
            num_experts=self._num_experts,
            layers=self._layers,
            model=self._model,
        )
