"""Tool calls in an answer, in both of Qwen's formats, however the text is cut."""

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qwen_nb.engine.tool_calls import ToolCallParser
from qwen_nb.errors import InvalidInputError
from qwen_nb.messages import TextDelta, ToolCall, ToolCallDelta

PROPERTIES = {
    "path": {"type": "string"},
    "text": {"type": "string"},
    "count": {"type": "integer"},
    "ratio": {"type": "number"},
    "force": {"type": "boolean"},
    "nothing": {"type": "null"},
    "limit": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
    "names": {"type": "array"},
    "options": {"type": "object"},
}


def tool(name, properties=PROPERTIES, required=()):
    parameters = {"type": "object", "properties": properties, "required": list(required)}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


TOOLS = [tool("edit_cell"), tool("read_cell", {"path": {"type": "string"}}, required=["path"])]


def hermes(name, arguments):
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"


def xml(name, arguments):
    def value(argument):
        return argument if isinstance(argument, str) else json.dumps(argument)

    lines = "".join(f"<parameter={key}>\n{value(argument)}\n</parameter>\n" for key, argument in arguments.items())
    return f"<tool_call>\n<function={name}>\n{lines}</function>\n</tool_call>"


def parse(*pieces, tools=TOOLS, truncated=False):
    """Events of these pieces, deltas of the same kind joined."""
    parser = ToolCallParser(tools)
    events = [event for piece in pieces for event in parser.feed(piece)] + parser.finish(truncated)
    joined = []
    for event in events:
        last = joined[-1] if joined else None
        if isinstance(event, TextDelta) and isinstance(last, TextDelta):
            joined[-1] = TextDelta(last.text + event.text)
        elif isinstance(event, ToolCallDelta) and isinstance(last, ToolCallDelta) and last.index == event.index:
            joined[-1] = ToolCallDelta(event.index, last.text + event.text)
        else:
            joined.append(event)
    return joined


def calls(*pieces, **options):
    return [event for event in parse(*pieces, **options) if isinstance(event, ToolCall)]


def text_of(events):
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def cut(text, places):
    edges = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    return [text[start:end] for start, end in pairwise(edges)]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
code = st.lists(
    st.sampled_from(
        [
            "def f(a, b):",
            "    return a < b",
            "",
            'if "</parameter>" in text:',
            "end = text.find('</function>')  # and '</tool_call>'",
            "parse('<tool_call>')",
            "xml = '<parameter=a>1</parameter></function></tool_call>'",
            "{",
            "}",
            '"',
            "\\",
            xml("read_cell", {"path": "a", "text": "b"}),
            hermes("read_cell", {"path": "x"}),
        ]
    ),
    max_size=5,
).map("\n".join)
arguments = st.fixed_dictionaries(
    {},
    optional={
        "path": st.text(),
        "text": code,
        "count": st.integers(),
        "ratio": st.floats(allow_nan=False, allow_infinity=False),
        "force": st.booleans(),
        "nothing": st.none(),
        "limit": st.none() | st.integers(),
        "names": st.lists(json_values, max_size=3),
        "options": st.dictionaries(st.text(), json_values, max_size=3),
    },
)
prose = st.text(st.characters(exclude_characters="<", exclude_categories=["Cs"]))
cuts = st.lists(st.integers(0, 10_000), max_size=30)


@settings(max_examples=300)
@given(st.lists(st.tuples(prose, st.sampled_from([hermes, xml]), arguments), min_size=1, max_size=3), prose, cuts)
def test_calls_in_either_format_come_back_however_the_text_is_cut(parts, after, places):
    written = "".join(f"{before}\n{render('edit_cell', given)}\n" for before, render, given in parts) + after
    events = parse(*cut(written, places))
    found = [event for event in events if isinstance(event, ToolCall)]
    assert [(call.name, call.arguments, call.error) for call in found] == [
        ("edit_cell", given, None) for _, _, given in parts
    ]
    assert [call.id for call in found] == [f"call_{number}" for number in range(len(parts))]
    between = "".join(before for before, _, _ in parts) + after
    assert text_of(events).replace("\n", "") == between.replace("\n", "")


fragments = st.sampled_from(
    [
        *["<tool_call>", "</tool_call>", "\n", " ", "<function=edit_cell>", "<function=nobody>", "</function>"],
        *["<parameter=path>", "</parameter>", '{"name": "edit_cell", "arguments": ', '{"path": "', '"}', "}", "{"],
        *["a", '"', "<", "tool_call>", "</", "42", "é", xml("read_cell", {"path": "p"}), hermes("read_cell", {})],
    ]
)


@settings(max_examples=1000)
@given(st.lists(fragments, max_size=14).map("".join), cuts, st.booleans())
def test_any_text_gives_the_same_events_however_it_is_cut(text, places, truncated):
    assert parse(*cut(text, places), truncated=truncated) == parse(text, truncated=truncated)
    assert parse(*text, truncated=truncated) == parse(text, truncated=truncated)


@settings(max_examples=500)
@given(st.lists(fragments, max_size=14).map("".join), st.booleans())
def test_nothing_is_lost_but_markup_and_white_space(text, truncated):
    def bare(written):
        return "".join(written.replace("</tool_call>", "").replace("<tool_call>", "").split())

    events = parse(text, truncated=truncated)
    assert bare("".join(event.text for event in events if not isinstance(event, ToolCall))) == bare(text)


@given(st.text() | st.lists(fragments).map("".join), cuts)
def test_without_tools_everything_is_text(text, places):
    assert parse(*cut(text, places), tools=[]) == ([TextDelta(text)] if text else [])


def test_text_streams_on_while_it_cannot_be_a_tag():
    parser = ToolCallParser(TOOLS)
    assert parser.feed("I look at 3 <") == [TextDelta("I look at 3 ")]
    assert parser.feed(" 4.") == [TextDelta("< 4.")]
    assert parser.feed("\n<tool_") == []
    assert not parser.in_call
    assert parser.feed("call>") == []
    assert parser.in_call


def test_a_call_streams_its_raw_text_and_is_complete_with_its_closing_tag():
    parser = ToolCallParser(TOOLS)
    parser.feed("<tool_call>\n")
    assert parser.feed('{"name": "read_cell", ') == [ToolCallDelta(0, '{"name": "read_cell", ')]
    assert parser.feed('"arguments": {"path": "a"}}') == [ToolCallDelta(0, '"arguments": {"path": "a"}}')]
    assert parser.feed("</tool_call>") == [ToolCall("call_0", "read_cell", {"path": "a"})]
    assert not parser.in_call


def test_newlines_that_set_calls_off_are_not_text_but_paragraphs_stay_apart():
    call = hermes("read_cell", {"path": "a"})
    assert text_of(parse(f"First.\n\n{call}\n{call}\nThen.\n\n{call}\n")) == "First.\n\n\n\nThen."
    assert text_of(parse("No call.\n\n")) == "No call.\n\n"


def test_a_forgotten_opening_tag_is_tolerated_for_a_known_function():
    body = xml("read_cell", {"path": "a"}).removeprefix("<tool_call>\n")
    assert parse(f"Look:\n{body}")[-1] == ToolCall("call_0", "read_cell", {"path": "a"})
    assert text_of(parse(f"Look:\n{body}")) == "Look:"
    assert parse("`<function=NAME>` opens a call") == [TextDelta("`<function=NAME>` opens a call")]


def test_a_forgotten_closing_tag_is_tolerated_before_the_next_call_and_at_the_end():
    both = [xml("read_cell", {"path": "a"}), hermes("read_cell", {"path": "b"})]
    for first, second in (both, both[::-1]):
        found = calls((first + "\n" + second).replace("\n</tool_call>", ""))
        assert [call.error for call in found] == [None, None]
        assert {call.arguments["path"] for call in found} == {"a", "b"}


def test_several_functions_in_one_block_are_several_calls():
    block = "<tool_call>\n<function=read_cell>\n<parameter=path>\na\n</parameter>\n</function>\n"
    block += "<function=read_cell>\n<parameter=path>\nb\n</parameter>\n</function>\n</tool_call>"
    assert calls(block) == [
        ToolCall("call_0", "read_cell", {"path": "a"}),
        ToolCall("call_1", "read_cell", {"path": "b"}),
    ]


def test_a_mention_of_the_tag_in_prose_is_text():
    said = "Write `<tool_call>` first and </tool_call> last."
    assert parse(said) == [TextDelta(said)]


@pytest.mark.parametrize("render", [hermes, xml])
def test_a_truncated_call_is_an_error_with_what_was_written(render):
    written = render("edit_cell", {"text": "x = 1\ny = 2"})
    for end in range(len("<tool_call>"), len(written)):
        (call,) = calls("Now:\n" + written[:end], truncated=True)
        assert "cut off" in str(call.error)
        assert str(call.error).endswith(written[len("<tool_call>") : end])
        assert call.name == ("edit_cell" if end > written.index("edit_cell") + len("edit_cell") else "")


def test_a_call_that_the_model_left_unclosed_says_so():
    (call,) = calls('<tool_call>\n{"name": "read_cell", "arguments": {"path": "a')
    assert call.name == "read_cell"
    assert "</tool_call> is missing" in str(call.error)
    assert '{"path": "a' in str(call.error)


@pytest.mark.parametrize("render", [hermes, xml])
def test_an_unknown_function_names_the_nearest_one(render):
    (call,) = calls(render("raed_cell", {"path": "a"}))
    assert call.name == "raed_cell"
    assert call.arguments == {"path": "a"}
    assert "Did you mean 'read_cell'?" in str(call.error)
    assert "edit_cell" in str(call.error)


@pytest.mark.parametrize("render", [hermes, xml])
@pytest.mark.parametrize(
    ("name", "given_arguments", "said"),
    [
        ("read_cell", {}, "Argument 'path' is missing."),
        ("read_cell", {"path": "a", "pth": "b"}, "There is no argument 'pth'. Did you mean 'path'?"),
        ("edit_cell", {"count": "many"}, "Argument 'count' must be integer, not \"many\"."),
        ("edit_cell", {"count": 1.5}, "Argument 'count' must be integer, not"),
        ("edit_cell", {"count": True}, "Argument 'count' must be integer, not"),
        ("edit_cell", {"limit": "x"}, "Argument 'limit' must be integer or null, not \"x\"."),
        ("edit_cell", {"names": {"a": 1}}, "Argument 'names' must be array, not"),
    ],
)
def test_wrong_arguments_are_named(render, name, given_arguments, said):
    (call,) = calls(render(name, given_arguments))
    assert call.name == name
    assert said in str(call.error)


def test_a_long_wrong_value_is_shortened_in_the_error():
    (call,) = calls(hermes("edit_cell", {"count": "9" * 500}))
    assert len(str(call.error)) < 200
    assert call.arguments == {"count": "9" * 500}


@pytest.mark.parametrize(
    ("schema", "written", "value"),
    [
        ({"type": "string"}, "5", "5"),
        ({"type": "string"}, "null", "null"),
        ({"type": "string"}, " spaces \n", " spaces \n"),
        ({}, "5", "5"),
        ({"type": "integer"}, " 5 ", 5),
        ({"type": "number"}, "5", 5),
        ({"type": "number"}, "-1e3", -1000.0),
        ({"type": "boolean"}, "true", True),
        ({"type": "boolean"}, "False", False),
        ({"type": "null"}, "None", None),
        ({"type": ["integer", "null"]}, "null", None),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "null", None),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "nullable", "nullable"),
        ({"anyOf": [{"type": "array"}, {}]}, "[1]", "[1]"),
        ({"type": "array"}, '[1, "a"]', [1, "a"]),
        ({"type": "object"}, '{"a":\n 1}', {"a": 1}),
    ],
)
def test_raw_values_become_what_the_schema_asks_for(schema, written, value):
    text = f"<tool_call>\n<function=f>\n<parameter=v>\n{written}\n</parameter>\n</function>\n</tool_call>"
    (call,) = calls(text, tools=[tool("f", {"v": schema})])
    assert call == ToolCall("call_0", "f", {"v": value})
    assert type(call.arguments["v"]) is type(value)


def test_a_value_outside_its_enum_is_an_error():
    tools = [tool("f", {"mode": {"type": "string", "enum": ["code", "markdown"]}})]
    (call,) = calls(hermes("f", {"mode": "text"}), tools=tools)
    assert "must be one of" in str(call.error)
    assert calls(hermes("f", {"mode": "code"}), tools=tools)[0].error is None


def test_a_schema_without_properties_or_open_to_more_takes_any_argument():
    free = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    assert calls(hermes("f", {"a": 1}), tools=[free])[0].error is None
    free["function"]["parameters"] = {"properties": {"b": {}}, "additionalProperties": True}
    assert calls(hermes("f", {"a": 1}), tools=[free])[0].error is None
    assert "There is: none" in str(calls(hermes("f", {"a": 1}), tools=[tool("f", {})])[0].error)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"name": "read_cell", "arguments": {"path": "a"}', "not valid JSON"),
        ('{"name": "read_cell", "arguments": {"path": a}}', "not valid JSON"),
        ('{"name": "read_cell", "arguments": {"path": "a}}', "not valid JSON"),
        ('{"arguments": {"path": "a"}}', "not of the form"),
        ('["read_cell"]', "not of the form"),
        ('{"name": "read_cell", "arguments": [1]}', "not an object"),
        ('{"name": "read_cell", "arguments": "{"}', "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ('{"name": "read_cell", "arguments": {"path": ' + "1" * 5000 + "}}", "not valid JSON"),
        ("<function=read_cell>\n<parameter=path>\na\n</function>", "not closed by </parameter>"),
        ("<function=read_cell>\n<parameter=path>\na\n</parameter>", "does not end with </function>"),
        ("<function=read_cell>\npath = a\n</function>", "not closed by </parameter>"),
        ("<function=read_cell\n</function>", "does not end with </function>"),
        ("read_cell('a')", "not valid JSON"),
    ],
)
def test_a_call_that_cannot_be_read_keeps_its_text_and_does_not_swallow_the_next(body, said):
    broken, good = calls(f"<tool_call>\n{body}\n</tool_call>\n{xml('read_cell', {'path': 'b'})}")
    assert said in str(broken.error)
    assert body in str(broken.error)
    assert broken.arguments == {}
    assert good == ToolCall("call_1", "read_cell", {"path": "b"})


def test_arguments_as_a_string_of_json_are_read():
    body = json.dumps({"name": "read_cell", "arguments": '{"path": "a"}'})
    assert calls(f"<tool_call>{body}</tool_call>") == [ToolCall("call_0", "read_cell", {"path": "a"})]


def test_raw_newlines_inside_json_strings_are_read():
    (call,) = calls('<tool_call>\n{"name": "read_cell", "arguments": {"path": "a\nb"}}\n</tool_call>')
    assert call == ToolCall("call_0", "read_cell", {"path": "a\nb"})


def test_values_on_the_line_of_their_tag_are_read():
    written = "<tool_call><function=edit_cell><parameter=path>a</parameter> <parameter=count>3</parameter>"
    (call,) = calls(written + "</function></tool_call>")
    assert call == ToolCall("call_0", "edit_cell", {"path": "a", "count": 3})


def test_a_parameter_given_twice_is_an_error_rather_than_a_guess():
    twice = "<parameter=path>\na\n</parameter>\n" * 2
    (call,) = calls(f"<tool_call>\n<function=read_cell>\n{twice}</function>\n</tool_call>")
    assert "'path' is given twice" in str(call.error)


def test_a_value_that_quotes_a_whole_call_is_kept_whole():
    quoted = "A call looks so:\n" + xml("edit_cell", {"path": "a", "text": "b\n\nc"}) + "\nand that is all."
    (call,) = calls(xml("edit_cell", {"text": quoted, "path": "notes.md"}))
    assert call == ToolCall("call_0", "edit_cell", {"text": quoted, "path": "notes.md"})


def test_a_tool_without_a_name_is_refused():
    with pytest.raises(InvalidInputError, match="name"):
        ToolCallParser([{"type": "function", "function": {}}])
