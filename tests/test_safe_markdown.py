from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbconvert.filters import markdown2html

from qwen_nb.messages import Reply
from qwen_nb.safe_markdown import safe_markdown

HARMLESS = {
    *("p", "em", "strong", "code", "pre", "a", "img", "br", "hr", "blockquote", "ul", "ol", "li", "del", "span", "div"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {"href", "src", "alt", "title", "class", "id", "start", "style"}


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.bad: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in HARMLESS:
            self.bad.append(tag)
        for name, value in attrs:
            address = "".join(c for c in value or "" if c > " ").lower()
            if name not in ATTRIBUTES or (
                name in ("href", "src") and address.startswith(("javascript:", "vbscript:", "data:text"))
            ):
                self.bad.append(f"{tag} {name}={value}")

    def handle_comment(self, data):
        self.bad.append(f"<!--{data}")

    def handle_decl(self, decl):
        self.bad.append(f"<!{decl}")


def live(markdown: str) -> list[str]:
    """What in nbconvert's page would be more than formatting."""
    tags = Tags()
    tags.feed(markdown2html(safe_markdown(markdown)))
    tags.close()
    return tags.bad


ATTACKS = [
    "<script>alert(1)</script>",
    "text <img src=x onerror=alert(1)> text",
    "[x](javascript:alert(1))",
    "[x](<javascript:alert(1)>)",
    "[x]( \n javascript:alert(1))",
    "[x](java&#115;cript:alert(1))",
    "[x](javascript:image/png;var/**/image,png;alert(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    "[x](" + " " * 1000 + "javascript:alert(1))",
    "[x](javascript&colon;alert(1))",
    "[x](\x01javascript:alert(1))",
    "[x]: javascript:alert(1)\n\n[x]",
    "![x](javascript:alert(1))",
    "<javascript:alert(1)>",
    r"\`<script>alert(1)</script>`",
    "[a`](x)<script>alert(1)</script>`",
    "$`$<script>alert(1)</script>`",
    "`a\n# h <script>alert(1)</script>`",
    "| `a | <script>alert(1)</script>` |\n|---|---|\n| `a | <script>alert(1)</script>` |",
    "$$\n```\n$$\n<script>alert(1)</script>\n```",
    "# $$\n$$\n```\n$$\n<script>alert(1)</script>\n```",
    "- ```\n  a\n  ```\n  <script>alert(1)</script>\n",
    "- a\n  ```\n  b\n- c <script>alert(1)</script>",
    "    ```\n<script>alert(1)</script>\n    ```",
    "> ```\n<script>alert(1)</script>",
    "```mermaid\n<script>alert(1)</script>\n```",
    "``` `\n<script>alert(1)</script>\n```",
    "~~~ `\n~~~\n<script>alert(1)</script>\n",
    '[a]: x "\n```\n"\n<script>alert(1)</script>\n```',
    '[a]: x\n"\n```\n"\n<script>alert(1)</script>\n```',
    "```\n```<script>alert(1)</script>",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_in_an_answer_becomes_live_in_exported_html(attack):
    assert live(attack) == []


PIECES = st.sampled_from(
    [
        *(
            "```",
            "````",
            "~~~",
            "`",
            "``",
            "\n",
            "\n\n",
            "    ",
            "  ",
            " ",
            "\t",
            "- ",
            "1. ",
            "> ",
            "# ",
            "|",
            "|---|---|\n",
        ),
        *(
            "$",
            "$$",
            "\\",
            "\\[",
            "\\\\[",
            "\\\\(",
            "\\begin{a}",
            "\\end{a}",
            "[a]",
            "[a]:",
            "](",
            ")",
            "]:",
            "[",
            '"',
            "'",
        ),
        *(
            "<script>",
            "</script>",
            "<img src=x onerror=y>",
            "<!--",
            "-->",
            "<?",
            "<![CDATA[",
            "<",
            ">",
            "&lt;",
            "&#60;",
        ),
        *(
            "javascript:",
            "JavaScript:",
            "java\nscript:",
            "&#106;avascript:",
            "data:text/html,",
            "x",
            "mermaid",
            "python",
        ),
        *("\r", "\r\n", "\0", "\x0b", "\x0c", "\u2028", "\u00a0", "---", "===", "*", "_", "![", "a", "\ufeff"),
    ]
)


@settings(max_examples=1500, deadline=None)
@given(st.lists(PIECES, max_size=25).map("".join))
def test_no_mix_of_markup_becomes_live_in_exported_html(text):
    assert live(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "Plain *text* with `code`, a < b and x > y.",
        '```html\n<div onclick="f()">\n```\nThen text.',
        "1. first\n   ```cpp\n   std::vector<int> v;\n   ```\n2. second",
        "[docs](https://docs.python.org) and ![plot](data:image/png;base64,AAAA)",
        "`a < b`, `x->y` and $a^2$",
    ],
)
def test_what_is_harmless_stays_as_it_was(text):
    assert safe_markdown(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("the <b> tag", "the &lt;b> tag"),
        ("`<b>`", "<code>&#60;b&#62;</code>"),
        ("$a<b$", "$a< b$"),
        ("[x](javascript:f())", r"[x]\(javascript:f())"),
    ],
)
def test_what_could_be_live_is_shown_as_text(text, shown):
    assert safe_markdown(text) == shown


def test_a_reply_shown_in_a_cell_is_safe_too():
    assert Reply("<b>bold</b>")._repr_markdown_() == "&lt;b>bold&lt;/b>"
