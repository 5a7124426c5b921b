"""A model in this kernel: the `ChatModel` that everything else talks to, over the decode loop."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from qwen_nb.chat_model import Capabilities
from qwen_nb.config import Sampling, Thinking
from qwen_nb.engine import memory
from qwen_nb.engine.answer import Answer
from qwen_nb.engine.generation import generate, generate_all
from qwen_nb.engine.kv_cache import KVCache
from qwen_nb.engine.prefix_cache import Prefix, PrefixCache
from qwen_nb.engine.preparer import Preparer
from qwen_nb.engine.tracing import Tracer
from qwen_nb.engine.transformers_decoder import TransformersDecoder
from qwen_nb.engine.turn import Turn
from qwen_nb.errors import ModelLoadError
from qwen_nb.messages import Done, Event, Message, Reply

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase, Qwen3MoeForCausalLM

    from qwen_nb.engine.decoder import Decoder

PREFIX_SHARE = 1 / 16
"""The prefix cache takes at most this part of the device's memory: 5 GB of 80, 128 MB of 2."""


@dataclass(frozen=True, slots=True)
class Status:
    """Facts about a loaded model."""

    name: str
    device: str
    dtype: str
    parameters: int
    memory_bytes: int
    """Of the weights."""
    cached_bytes: int
    """Of the prefix cache."""
    context_length: int
    decoder: str


@dataclass(frozen=True, slots=True)
class _Parts:
    """What `unload` lets go."""

    model: Qwen3MoeForCausalLM
    tokenizer: PreTrainedTokenizerBase
    decoder: Decoder
    preparer: Preparer
    prefixes: PrefixCache
    tracer: Tracer


class LocalModel:
    """A Qwen Mixture-of-Experts model in this kernel. `qwen_nb.load` makes one.

    One answer at a time: who asks meanwhile waits, and can be interrupted while waiting. Interrupting an answer, by
    KeyboardInterrupt, by the stop event or by closing the stream, takes effect within one token and leaves model and
    cache usable. The partial reply is marked `finish_reason="interrupted"`; after a stop event the stream still ends
    with its `Done`, after a KeyboardInterrupt, which goes on to the caller, it is in `last_reply`.

    Args:
        model: in evaluation mode, with attention "sdpa".
        tokenizer: with a chat template.
        name: what the user asked for.
        context_length: tokens of prompt and answer together; None is the model's own limit.
        closing_phrase: what closes a thought that ran out of budget; None is Qwen3's.
        decoder: runs the model; None is the reference, `TransformersDecoder`.
    """

    def __init__(
        self,
        model: Qwen3MoeForCausalLM,
        tokenizer: PreTrainedTokenizerBase,
        *,
        name: str,
        context_length: int | None = None,
        closing_phrase: str | None = None,
        decoder: Decoder | None = None,
    ) -> None:
        decoder = decoder or TransformersDecoder(model)
        preparer = Preparer(
            tokenizer,
            model.generation_config.to_diff_dict() if model.generation_config else {},
            name=name,
            vocab_size=decoder.vocab_size,
            context_length=context_length or model.config.max_position_embeddings,
            closing_phrase=closing_phrase,
        )
        prefixes = PrefixCache(int(memory.total_bytes(model.device) * PREFIX_SHARE))
        self.last_reply: Reply | None = None
        """The reply of the last answer, complete or not."""
        self._name = name
        self._turn = Turn(name)
        tracer = Tracer(tokenizer, model=name, num_experts=model.config.num_experts, layers=decoder.routed_layers)
        self._parts: _Parts | None = _Parts(model, tokenizer, decoder, preparer, prefixes, tracer)

    @property
    def name(self) -> str:
        """What the user asked for: `nano`, a Hub id, a folder's name."""
        return self._name

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        return self._loaded.preparer.capabilities

    @property
    def hf_model(self) -> Qwen3MoeForCausalLM:
        """The model of transformers underneath, for hooks and experiments of your own."""
        return self._loaded.model

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The checkpoint's tokenizer."""
        return self._loaded.tokenizer

    @property
    def _loaded(self) -> _Parts:
        if self._parts is None:
            raise ModelLoadError(f'{self._name} was unloaded. `qwen_nb.load("{self._name}")` loads it again.')
        return self._parts

    def stream(
        self,
        messages: str | Sequence[Message],
        *,
        thinking: Thinking = "default",
        tools: Sequence[dict[str, Any]] = (),
        sampling: Sampling | None = None,
        seed: int | None = None,
        trace: bool = False,
        stop: threading.Event | None = None,
        wait: bool = True,
    ) -> Generator[Event]:
        """Events of one answer; the last one is `Done`. See `ChatModel.stream`.

        Mistakes in the arguments are raised here, before the first event is asked for.

        Args:
            wait: wait while the model answers something else; False raises `BusyError` then.

        Raises:
            InvalidInputError: an argument has a value that cannot be used.
            UnsupportedError: a thinking budget for a model that does not think, or tools it cannot be given.
            ContextOverflowError: prompt and answer do not fit.
            BusyError: see `wait`; also when this same thread has an unfinished stream of this model.
        """
        answer = self._loaded.preparer.answer(
            messages, thinking=thinking, tools=tools, sampling=sampling or Sampling(), seed=_drawn(seed)
        )
        return self._events(answer, trace=trace, stop=stop, wait=wait)

    def chat(
        self,
        messages: str | Sequence[Message],
        *,
        thinking: Thinking = "default",
        tools: Sequence[dict[str, Any]] = (),
        sampling: Sampling | None = None,
        seed: int | None = None,
        trace: bool = False,
        stop: threading.Event | None = None,
        wait: bool = True,
    ) -> Reply:
        """The reply that `stream` ends with; arguments and errors are the same."""
        events = self.stream(
            messages,
            thinking=thinking,
            tools=tools,
            sampling=sampling,
            seed=seed,
            trace=trace,
            stop=stop,
            wait=wait,
        )
        with closing(events):  # an interrupt between two events must not leave the model busy
            return next(event.reply for event in events if isinstance(event, Done))

    def generate_batch(
        self,
        conversations: Sequence[str | Sequence[Message]],
        *,
        thinking: Thinking = "default",
        sampling: Sampling | None = None,
        seed: int | None = None,
        batch_size: int = 16,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Reply]:
        """Answer many conversations side by side, each as `chat` would alone, in their order.

        Args:
            conversations: questions or conversations.
            thinking: the budget of each.
            sampling: of each.
            seed: of the first; each further one takes the next number, which its reply names.
            batch_size: how many share a forward pass.
            progress: called with (answers done, answers in all) as each one ends.
        """
        parts, first = self._loaded, _drawn(seed)
        answers = [
            parts.preparer.answer(c, thinking=thinking, tools=(), sampling=sampling or Sampling(), seed=first + i)
            for i, c in enumerate(conversations)
        ]
        replies: dict[int, Reply] = {}

        def done(answer: Answer) -> None:
            replies[answer.seed] = answer.reply(self._name)
            if progress is not None:
                progress(len(replies), len(answers))

        with self._turn.held():
            generate_all(parts.decoder, answers, batch_size=batch_size, on_done=done)
        return [replies[answer.seed] for answer in answers]

    def reset_cache(self) -> None:
        """Forget the conversations so far; the next prompt runs in full."""
        with self._turn.held():
            self._loaded.prefixes.clear()

    def status(self) -> Status:
        """Facts about the model and its memory."""
        parts = self._loaded
        weights = list(parts.model.parameters())
        return Status(
            name=self._name,
            device=str(parts.model.device),
            dtype=str(parts.model.dtype).removeprefix("torch."),
            parameters=sum(w.numel() for w in weights),
            memory_bytes=sum(w.nbytes for w in weights),
            cached_bytes=parts.prefixes.nbytes,
            context_length=self.capabilities.context_length,
            decoder=parts.decoder.name,
        )

    def unload(self) -> None:
        """Give the model's memory back. Waits for an answer in progress; any later use is a `ModelLoadError`."""
        with self._turn.held():
            self._parts = None
        memory.release()

    def _events(self, answer: Answer, *, trace: bool, stop: threading.Event | None, wait: bool) -> Generator[Event]:
        with self._turn.held(wait=wait, stop=stop) as ours:
            answer.start()
            try:
                yield from self._generated(answer, trace, stop) if ours else answer.interrupt()
            finally:
                answer.interrupt()
                routing = self._loaded.tracer.trace(answer) if trace and answer.rows.count else None
                self.last_reply = reply = answer.reply(self._name, routing)
        yield Done(reply)

    def _generated(self, answer: Answer, trace: bool, stop: threading.Event | None) -> Iterator[Event]:
        """Runs the answer on from what the prefix cache has of it, and leaves what it computed there."""
        parts = self._loaded
        cache = _resumed(answer, parts.prefixes) or parts.decoder.new_cache()
        try:
            events = generate(parts.decoder, answer, cache, stop=stop)
            yield from parts.tracer.told(answer, events) if trace else events
        finally:
            _keep(answer, cache, parts.prefixes)


def _resumed(answer: Answer, prefixes: PrefixCache) -> KVCache | None:
    """Keys and values of the part of the prompt that ran before, if any; the answer gets its routing rows."""
    prefix = prefixes.take(answer.prompt_ids)
    if prefix is None:
        return None
    answer.cached_tokens = len(prefix)
    answer.rows.append(prefix.experts, prefix.weights)
    return prefix.kv


def _keep(answer: Answer, cache: KVCache, prefixes: PrefixCache) -> None:
    """Put all tokens that ran to their end, also after an interrupt, into the prefix cache."""
    length = min(cache.lengths[0], answer.rows.count)
    if length > 0:
        cache.crop(length)
        experts, weights = answer.rows.since(0)
        ids = np.array(answer.fed()[0][:length], np.int64)
        prefixes.put(Prefix(ids, cache, experts[:length], weights[:length]))


def _drawn(seed: int | None) -> int:
    """The seed, or a fresh one from the system's source and not from the user's generators."""
    return secrets.randbits(32) if seed is None else seed
