"""From a transcript to MIME bundles. Each has a plain text twin; what the model wrote is never trusted as HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

from qwen_nb.messages import Reply
from qwen_nb.safe_markdown import safe_markdown
from qwen_nb_magics.parsing import Format
from qwen_nb_magics.transcript import Transcript, thought_length

Bundle = dict[str, str]

_QUIET = "color:var(--jp-ui-font-color2,#616161);font-family:var(--jp-ui-font-family,sans-serif)"
_SMALL = f"{_QUIET};font-size:var(--jp-ui-font-size1,13px)"
_THOUGHT = (
    "white-space:pre-wrap;overflow-wrap:anywhere;background:none;margin:4px 0 4px 4px;padding-left:8px;"
    "border-left:3px solid #cc79a7;color:inherit;font-size:var(--jp-code-font-size,13px)"
)
_FENCE = re.compile(
    r"^(?P<indent> *)(?P<mark>`{3,}|~{3,})[ \t]*(?P<language>[^\n`]*)\n(?P<code>.*?)(?:^ *(?P=mark)[`~]*[ \t]*$|\Z)",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Block:
    """One display: its part in the answer and what it shows."""

    part: str
    bundle: Bundle


def blocks(transcript: Transcript, form: Format) -> Iterator[Block]:
    """The displays of an answer as far as it has come, from top to bottom; the last one is always the line below."""
    if transcript.thinking:
        yield Block("thought", thought(transcript))
    if (shown := answer(transcript, form)) is not None:
        yield Block("answer", shown)
    yield Block("footer", line_below(footer(transcript, form)))


def thought(transcript: Transcript) -> Bundle:
    """One line while it is being written, since an update would snap an opened box shut; then the whole, folded."""
    text = transcript.thinking.strip()
    if transcript.reply is None and not transcript.text:
        line = f"Thinking, {_thought_length(transcript)}: " + text.rpartition("\n")[2]
        style = f"{_SMALL};white-space:nowrap;overflow:hidden;text-overflow:ellipsis"
        return {"text/html": f'<div style="{style}">{escape(line)}</div>', "text/plain": line}
    cut = transcript.reply is not None and transcript.reply.thinking_cut
    title = f"Thought for {_thought_length(transcript)}{', then cut by the budget' if cut else ''}"
    html = f'<details style="{_SMALL}"><summary>{title}</summary><pre style="{_THOUGHT}">{escape(text)}</pre></details>'
    return {"text/html": html, "text/plain": f"{title}\n{text}"}


def _thought_length(transcript: Transcript) -> str:
    reply = transcript.reply
    return thought_length(transcript.thinking_tokens, reply.thinking_budget if reply else transcript.budget)


def answer(transcript: Transcript, form: Format) -> Bundle | None:
    """The answer in the form that was asked for; None while there is nothing to show."""
    text = transcript.text
    if form == "code":
        block = first_code(text)
        if block is not None:
            return {"text/markdown": _fenced(block), "text/plain": block.code}
        if transcript.reply is None:
            return None
    if not text:
        return None
    return {"text/plain": text} if form == "text" else {"text/markdown": safe_markdown(text), "text/plain": text}


@dataclass(frozen=True, slots=True)
class Code:
    """What stands in a fenced code block."""

    language: str
    code: str


def first_code(text: str) -> Code | None:
    """The first fenced block of `text`, as far as it has come."""
    found = _FENCE.search(text)
    if found is None:
        return None
    indented = re.compile(f"^ {{0,{len(found['indent'])}}}", re.MULTILINE)  # the block stands in a list
    return Code(found["language"].strip(), indented.sub("", found["code"]).removesuffix("\n"))


def formatted(text: str, form: Format) -> str:
    """What `-o` stores: the answer, or with `-f code` the code of its first block (all of it, when it has none)."""
    block = first_code(text) if form == "code" else None
    return block.code if block else text


def _fenced(block: Code) -> str:
    longest = max((len(run) for run in re.findall("`+", block.code)), default=0)
    fence = "`" * max(3, longest + 1)
    return safe_markdown(f"{fence}{block.language}\n{block.code}\n{fence}")


def line_below(text: str) -> Bundle:
    """One quiet line."""
    return {"text/html": f'<div style="{_SMALL}">{escape(text)}</div>', "text/plain": text}


def footer(transcript: Transcript, form: Format) -> str:
    """What is going on, and in the end who answered, how long it is, how fast it came and what was special."""
    reply = transcript.reply
    if reply is None:
        now = "stopped by the error below" if transcript.failed else transcript.now
        return now if transcript.loading else f"{transcript.model} · {now}" if now else transcript.model
    return " · ".join(
        part for part in (reply.model or transcript.model, *_facts(reply), *_notes(transcript, form)) if part
    )


def _facts(reply: Reply) -> Iterator[str]:
    usage = reply.usage
    if usage.completion_tokens:
        yield f"{usage.completion_tokens:,} token{'s' * (usage.completion_tokens != 1)}"
    if usage.tokens_per_second:
        yield f"{usage.tokens_per_second:,.3g} tokens/s"
    if usage.thinking_tokens or reply.thinking_budget:
        yield "thinking " + thought_length(usage.thinking_tokens, reply.thinking_budget).rpartition(" ")[0]


def _notes(transcript: Transcript, form: Format) -> Iterator[str]:
    reply = transcript.reply
    if reply is None:
        return
    if reply.thinking_cut:
        yield "thought cut"
    if reply.thinking_leaked:
        yield "part of the thought is in the answer"
    if form == "code" and reply.text and first_code(reply.text) is None:
        yield "no code block in it, all of it shown"
    if reply.finish_reason == "length":
        yield "cut at the token limit"
    if reply.finish_reason == "interrupted":
        yield "interrupted"
    if transcript.seed_given:
        yield f"seed {reply.seed}"


def metadata(transcript: Transcript, part: str) -> dict[str, Any]:
    """Output metadata, kept in the notebook: where an answer came from and what it cost."""
    facts: dict[str, Any] = {"part": part}
    if (reply := transcript.reply) is not None:
        facts |= {
            "model": reply.model or transcript.model,
            "seed": reply.seed,
            "budget": reply.thinking_budget,
            "finish_reason": reply.finish_reason,
            "usage": asdict(reply.usage),
        }
    return {"qwen_nb": facts}
