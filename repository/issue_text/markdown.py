"""Markdown to HTML, as GitHub does it: CommonMark with tables, strikethrough and footnotes.

GitHub's own renderer is cmark-gfm with a sanitizer after it. Emphasis stays as it was written,
because a name such as ``__init__`` is often written without backticks.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from repository.issue_text.elements import DIAGRAM, FOOTNOTE, FORMULA
from repository.issue_text.footnotes import add_footnotes, without_unused_footnotes
from repository.issue_text.formulas import add_formulas, hides_something
from repository.issue_text.hidden import HiddenParts
from repository.issue_text.languages import DIAGRAMS, LANGUAGES

MAX_NESTING = 20
"""The parser leaves out what is nested deeper."""
_DISALLOWED = re.compile(
    r"<(?=/?(?:title|textarea|style|xmp|iframe|noembed|noframes|script|plaintext"
    rf"|{FORMULA}|{DIAGRAM}|{FOOTNOTE})(?:[\s/>]|\Z))",
    re.IGNORECASE,
)
"""Tags that GitHub shows as text: https://github.github.com/gfm/#disallowed-raw-html-extension-.
Our own are among them, so that only this module writes these.
"""


def to_html(markdown: str, hidden: HiddenParts) -> str:
    """Return the page's HTML, before GitHub removes tags and attributes from it."""
    parser = MarkdownIt(
        "commonmark",
        {"maxNesting": MAX_NESTING, "store_labels": True},
        renderer_cls=_PageRenderer,
    )
    parser.enable(["table", "strikethrough"])
    add_footnotes(parser)
    add_formulas(parser)
    env: dict[str, Any] = {"hidden": hidden}
    tokens = without_unused_footnotes(parser.parse(markdown, env), hidden)
    hidden.add("unused link definition", _count_unused_definitions(tokens, env))
    if any(token.level >= MAX_NESTING - 1 for token in tokens):
        hidden.add("deeply nested part")
    html: str = parser.renderer.render(tokens, parser.options, env)
    return html


def _count_unused_definitions(tokens: Sequence[Token], env: dict[str, Any]) -> int:
    definitions = env.get("references", {})
    repeated = env.get("duplicate_refs", [])
    used = {token.meta.get("label") for token in _walk(tokens)}
    unused = definitions.keys() - used
    return len(unused) + len(repeated)


def _walk(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from token.children or ()


def _language(info: str) -> str:
    """Return the language in the info string of a fence; empty if the page does not know it."""
    words = info.split(maxsplit=1)
    if not words or words[0] not in LANGUAGES:
        return ""
    return words[0]


def _code_block(language: str, content: str) -> str:
    attribute = f' class="language-{escapeHtml(language)}"' if language else ""
    before = f"<{DIAGRAM}>" if language in DIAGRAMS else ""
    return f"{before}<pre><code{attribute}>{escapeHtml(content)}</code></pre>\n"


class _PageRenderer(RendererHTML):
    """The rules of ``RendererHTML`` that are different here. Methods are named after tokens."""

    def _markup(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return escapeHtml(tokens[index].markup)

    em_open = em_close = strong_open = strong_close = s_open = s_close = _markup

    def html_block(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        """Return the author's HTML, in which some tags are text."""
        html, number = _DISALLOWED.subn("&lt;", tokens[idx].content)
        env["hidden"].add("disallowed HTML tag", number)
        return html

    html_inline = html_block

    def fence(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        """Return a block of code without what is written after its opening fence.

        The page shows at most the language, by colours.
        """
        token = tokens[index]
        info = token.info.strip().lower()
        language = _language(info)
        if info != language:
            env["hidden"].add("info string of code")
        if language == "math" and hides_something(token.content):
            formula = self.hidden_formula(tokens, index, options, env)
            return f"<p>{formula}</p>\n"
        return _code_block(language, token.content)

    def footnote_reference(self, tokens: Sequence[Token], index: int, _: Any, env: Any) -> str:
        """Return the footnote's number: the page does not show its label."""
        number = tokens[index].meta["number"]
        return f"[^{number}]"

    def footnote_open(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        number = tokens[index].meta["number"]
        return f'<{FOOTNOTE} value="{number}">'

    def footnote_close(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return f"</{FOOTNOTE}>"

    def hidden_formula(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        env["hidden"].add("formula with hidden parts")
        return f"<{FORMULA}>"
