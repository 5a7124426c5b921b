"""Comparing a written call with the JSON schemas of the functions on offer.

The top level is checked: the function's name, required and unknown arguments, each argument's type and enum. What lies
inside objects and arrays is left to the function.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from qwen_nb.engine.tool_markup import WrittenCall
from qwen_nb.errors import InvalidInputError
from qwen_nb.messages import ToolCall

Schema = Mapping[str, Any]

_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "object": (dict,),
    "array": (list,),
}
_PYTHON_LITERALS = {"True": True, "False": False, "None": None}


def parameter_schemas(tools: Sequence[Mapping[str, Any]]) -> dict[str, Schema]:
    """The schema of each function's arguments by name, from OpenAI's `{"type": "function", "function": {...}}`."""
    functions = [tool.get("function", tool) for tool in tools]
    for function in functions:
        if not isinstance(function.get("name"), str):
            raise InvalidInputError(f'A tool needs the form {{"function": {{"name": ...}}}}, not {function!r}.')
    return {function["name"]: function.get("parameters") or {} for function in functions}


def check_call(call_id: str, written: WrittenCall, schemas: Mapping[str, Schema]) -> ToolCall:
    """The call with typed arguments; its `error` says what does not fit the schema."""
    schema = schemas.get(written.name)
    if schema is None:
        return ToolCall(call_id, written.name, written.arguments, _unknown("function", written.name, schemas))
    properties: Mapping[str, Schema] = schema.get("properties", {})
    arguments = written.arguments
    if not written.typed:
        arguments = {name: from_text(text, properties.get(name, {})) for name, text in arguments.items()}
    problems = _problems(arguments, schema, properties)
    return ToolCall(call_id, written.name, arguments, f"{written.name}: {' '.join(problems)}" if problems else None)


def from_text(text: str, schema: Schema) -> Any:
    """The value that raw text stands for; the text itself where the schema allows or knows nothing else."""
    others = _types(schema) - {"string"}
    if not others:
        return text
    try:
        value = _PYTHON_LITERALS[text.strip()] if text.strip() in _PYTHON_LITERALS else json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if _is_any_of(value, others) else text


def _problems(arguments: Mapping[str, Any], schema: Schema, properties: Mapping[str, Schema]) -> list[str]:
    missing = [f"Argument {name!r} is missing." for name in schema.get("required", ()) if name not in arguments]
    closed = "properties" in schema and not schema.get("additionalProperties")
    unknown = [_unknown("argument", name, properties) for name in arguments if closed and name not in properties]
    wrong = [_misfit(name, value, properties[name]) for name, value in arguments.items() if name in properties]
    return [*missing, *unknown, *filter(None, wrong)]


def _misfit(name: str, value: Any, schema: Schema) -> str:
    types = _types(schema)
    if types and not _is_any_of(value, types):
        return f"Argument {name!r} must be {' or '.join(sorted(types))}, not {_short(value)}."
    if "enum" in schema and value not in schema["enum"]:
        return f"Argument {name!r} must be one of {_short(schema['enum'])}, not {_short(value)}."
    return ""


def _types(schema: Schema) -> set[str]:
    """Names of the JSON types a schema allows; empty when it does not say."""
    options = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    if options:
        each = [_types(option) for option in options]
        return set().union(*each) if all(each) else set()
    types = schema.get("type", ())
    return {types} if isinstance(types, str) else set(types)


def _is_any_of(value: Any, types: set[str]) -> bool:
    if isinstance(value, bool):  # Python counts it as an integer, JSON does not
        return "boolean" in types
    return any(isinstance(value, _PYTHON_TYPES.get(kind, ())) for kind in types)


def _unknown(noun: str, name: str, known: Mapping[str, Any]) -> str:
    near = get_close_matches(name, known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"There is no {noun} {name!r}.{hint} There is: {', '.join(known) or 'none'}."


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}..."
