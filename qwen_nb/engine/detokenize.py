"""Text from token ids, one at a time, giving out only what later ids can no longer change.

Qwen's tokenizers are byte-level BPE: a token is a run of bytes, written as printable characters by the table of GPT-2
(Radford et al. 2019), and one character of text may be spread over several tokens.
"""

from __future__ import annotations

import codecs
from collections.abc import Collection
from typing import TYPE_CHECKING

from qwen_nb.errors import UnsupportedError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Detokenizer:
    """Turns a stream of ids into a stream of text at a cost per id that does not grow with the answer.

    All pieces together equal `tokenizer.decode` of all ids, bytes that are no valid UTF-8 included.

    Args:
        tokenizer: a byte-level BPE tokenizer.
        skip: ids that show nothing, such as the end of a turn.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, skip: Collection[int] = ()) -> None:
        if not _is_byte_level(tokenizer):
            raise UnsupportedError(
                "The model's tokenizer is not a byte-level BPE, so its text cannot be streamed. "
                "Load a Qwen model (Qwen2 or later)."
            )
        self._tokenizer = tokenizer
        self._skip = frozenset(skip)
        self._utf8 = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def push(self, token_id: int) -> str:
        """The text that this id makes final; empty while a character is incomplete."""
        return "" if token_id in self._skip else self._utf8.decode(self._bytes(token_id))

    def flush(self) -> str:
        """What is left: a replacement character where bytes of an unfinished one were waiting."""
        return self._utf8.decode(b"", final=True)

    def _bytes(self, token_id: int) -> bytes:
        token: str | None = self._tokenizer.convert_ids_to_tokens(token_id)  # type: ignore[assignment]
        if token is None:  # the model's embedding is padded beyond the tokenizer's vocabulary
            return b""
        try:
            return bytes(map(_BYTE_OF.__getitem__, token))
        except KeyError:  # an added token such as one with a space: kept as plain text
            return token.encode()


def _is_byte_level(tokenizer: PreTrainedTokenizerBase) -> bool:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    return "ByteLevel" in type(getattr(backend, "decoder", None)).__name__


def _byte_of_character() -> dict[str, int]:
    """GPT-2's table: printable bytes stand for themselves, the others for the characters from U+0100 on."""
    printable = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    hidden = (byte for byte in range(256) if byte not in printable)
    return {chr(byte): byte for byte in printable} | {chr(256 + place): byte for place, byte in enumerate(hidden)}


_BYTE_OF = _byte_of_character()
