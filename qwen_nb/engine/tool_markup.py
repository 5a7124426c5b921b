"""Reading what stands between `<tool_call>` and `</tool_call>`, in either of Qwen's two formats.

Qwen3 writes Hermes JSON, `{"name": ..., "arguments": {...}}`. Qwen3-Coder and Qwen3.5 write
`<function=NAME> <parameter=P> value </parameter> </function>` with raw, unescaped values (model cards and chat
templates of both). In the second, a value may itself contain such markup, for example code that is about it. It is read
as the template would have written it: a value that begins on its own line is closed by a tag that begins or ends a line
and is followed by another parameter or the end, and whole calls inside a value, tags on their own lines, are skipped.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

OPEN, CLOSE, FUNCTION = "<tool_call>", "</tool_call>", "<function="

_FUNCTION = re.compile(r"\s*<function=([^>\n]+)>")
_PARAMETER = re.compile(r"\s*<parameter=([^>\n]+)>")
_END = r"(?:<parameter=|\Z)"
_END_OF_BLOCK = re.compile(rf"(?<=\n)</parameter>(?=\s*{_END})|</parameter>(?=[ \t]*\n\s*{_END})")
_END_OF_INLINE = re.compile(rf"</parameter>(?=\s*{_END})")
_OPENING_LINE = re.compile(r"^[ \t]*<function=[^>\n]+>[ \t]*$", re.MULTILINE)
_CLOSING_LINE = re.compile(r"^[ \t]*</function>[ \t]*$", re.MULTILINE)
_QUOTED_OPEN = re.compile(r"<tool_call>[ \t]*$", re.MULTILINE)
_QUOTED_CLOSE = re.compile(r"^[ \t]*</tool_call>", re.MULTILINE)
_NAME = re.compile(r'<function=([^>\n]+)>|"name"\s*:\s*"([^"\\]*)"')


@dataclass(frozen=True, slots=True)
class WrittenCall:
    """A call as the model wrote it, not yet compared with any schema."""

    name: str
    arguments: dict[str, Any]
    typed: bool
    """Values are JSON; otherwise they are raw text."""


class MalformedCallError(ValueError):
    """The text is no complete call, or none yet."""

    def __init__(self, reason: str, *, within_value: bool = False) -> None:
        super().__init__(reason)
        self.within_value = within_value
        """A closing tag here may be part of a value that goes on."""


def read_call(body: str) -> WrittenCall:
    """The call that `body` is, or `MalformedCallError`."""
    return _read_xml(body) if body.lstrip().startswith(FUNCTION) else _read_json(body)


def guess_name(body: str) -> str:
    """The name of the function in a call that cannot be read; empty when there is none."""
    found = _NAME.search(body)
    return (found[1] or found[2]).strip() if found else ""


def _read_json(body: str) -> WrittenCall:
    try:
        call = json.loads(body, strict=False)  # models write raw newlines in strings
    except (ValueError, RecursionError) as error:
        # JSON escapes newlines, so a tag on a line of its own was meant as markup even inside a string.
        in_string = "Unterminated string" in str(error) and not _at_line_start(body)
        raise MalformedCallError(f"it is not valid JSON ({error})", within_value=in_string) from error
    if not isinstance(call, dict) or not isinstance(call.get("name"), str):
        raise MalformedCallError('it is not of the form {"name": "...", "arguments": {...}}')
    return WrittenCall(call["name"], _json_arguments(call), typed=True)


def _json_arguments(call: dict[str, Any]) -> dict[str, Any]:
    arguments = call.get("arguments", {})
    if isinstance(arguments, str):  # OpenAI's form, a string that holds JSON
        try:
            arguments = json.loads(arguments, strict=False)
        except (ValueError, RecursionError) as error:
            raise MalformedCallError(f'"arguments" is a string that is not valid JSON ({error})') from error
    if not isinstance(arguments, dict):
        raise MalformedCallError('"arguments" is not an object')
    return arguments


def _read_xml(body: str) -> WrittenCall:
    head = _FUNCTION.match(body)
    inner, closed, rest = body[head.end() if head else 0 :].rpartition("</function>")
    if not head or not closed or rest.strip():
        raise MalformedCallError("it does not end with </function>", within_value=_may_be_content(body))
    return WrittenCall(head[1].strip(), _parameters(inner, body), typed=False)


def _parameters(inner: str, body: str) -> dict[str, str]:
    values: dict[str, str] = {}
    at = 0
    while inner[at:].strip():
        start = _PARAMETER.match(inner, at)
        end = _end_of_value(inner, start.end()) if start else None
        if not start or not end:
            reason = f"a value is not closed by </parameter> near {inner[at : at + 40].strip()!r}"
            raise MalformedCallError(reason, within_value=_may_be_content(body))
        name, at = start[1].strip(), end.end()
        if name in values:
            raise MalformedCallError(f"parameter {name!r} is given twice", within_value=_may_be_content(body))
        values[name] = inner[start.end() : end.start()].removeprefix("\n").removesuffix("\n")
    return values


def _end_of_value(inner: str, start: int) -> re.Match[str] | None:
    tag = _END_OF_BLOCK if inner.startswith("\n", start) else _END_OF_INLINE
    ends = tag.finditer(inner, start)
    return next((end for end in ends if not _inside_nested_call(inner[start : end.start()])), None)


def _inside_nested_call(value: str) -> bool:
    return len(_OPENING_LINE.findall(value)) > len(_CLOSING_LINE.findall(value))


def _may_be_content(body: str) -> bool:
    quoted = len(_QUOTED_OPEN.findall(body)) > len(_QUOTED_CLOSE.findall(body))
    return quoted or not _at_line_start(body)


def _at_line_start(body: str) -> bool:
    return body.rstrip(" \t").endswith("\n")
