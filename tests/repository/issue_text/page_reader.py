"""What a browser shows of an issue's page on GitHub, read without the product's code.

Markdown becomes HTML by markdown-it's own renderer, and the standard library's parser reads it.
The three tables below are GitHub's and the browsers' rules, with their sources.
"""

import re
from functools import cache
from html.parser import HTMLParser

from markdown_it import MarkdownIt

SHOWN_AS_TEXT = (
    "title textarea style xmp iframe noembed noframes script plaintext".split()  # noqa: SIM905
)
"""https://github.github.com/gfm/#disallowed-raw-html-extension- : their ``<`` becomes ``&lt;``."""

REMOVED_WITH_CONTENT = "math noscript svg".split()  # noqa: SIM905
"""https://github.com/rgrove/sanitize/blob/main/lib/sanitize/config/default.rb, ``remove_contents``,
without those of the table above. Of all other unknown elements, GitHub's sanitizer
(https://github.com/gjtorikian/html-pipeline, ``sanitization_filter.rb``) keeps the content, and it
removes every attribute that could hide something: ``style``, ``hidden``, ``class``.
"""

NOT_SHOWN_BY_BROWSERS = (
    "rp template audio video canvas object datalist select".split()  # noqa: SIM905
)
"""https://html.spec.whatwg.org/multipage/rendering.html#hidden-elements, and what is only shown
instead of something else."""

_VOID = "area br col embed hr img input link meta source track wbr".split()  # noqa: SIM905


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self._hidden: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        hides = tag in REMOVED_WITH_CONTENT or tag in NOT_SHOWN_BY_BROWSERS
        if tag not in _VOID and (self._hidden or hides):
            self._hidden.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._hidden:
            while self._hidden.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.texts.append(data)


@cache
def shown_text(markdown: str) -> str:
    """Return all text that shows on the page, unfolded, without its layout.

    The parser knows no footnotes: each is shown where it is defined, used or not.
    """
    markdown = re.sub(r"\[\^\w+\]:", "note:", markdown)
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    tokens = parser.parse(markdown)
    disallowed = re.compile(rf"<(/?(?:{'|'.join(SHOWN_AS_TEXT)})[\s/>])", re.IGNORECASE)
    for token in tokens:
        for each in (token, *(token.children or ())):
            if each.type in ("html_block", "html_inline"):
                each.content = disallowed.sub(r"&lt;\1", each.content)
    page = _Page()
    page.feed(parser.renderer.render(tokens, parser.options, {}))
    page.close()
    text = "".join(page.texts)
    return "".join(c for c in text if c.isprintable() or c in "\n\t")
