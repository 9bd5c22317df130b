"""What GitHub's page does with HTML elements and attributes.

GitHub removes tags that are not on its list but keeps what is inside most of them
(https://github.com/gjtorikian/html-pipeline/blob/main/lib/html_pipeline/sanitization_filter.rb);
of others, and of what a browser does not show, the content is hidden too.
"""

import re

from repository.issue_text.html_tokens import Tag
from repository.issue_text.languages import LANGUAGES

FORMULA = "x-formula"
DIAGRAM = "x-diagram"
FOOTNOTE = "x-footnote"
"""Elements that stand for what Markdown has and HTML has not. No author can write them."""

_ALLOWED_NAMES = """
    a abbr b bdo blockquote br caption cite code dd del details dfn div dl dt em figcaption figure
    h1 h2 h3 h4 h5 h6 h7 h8 hr i img ins kbd li mark ol p picture pre q rp rt ruby s samp section
    small source span strike strong sub summary sup table tbody td tfoot th thead time tr tt ul var
    wbr
"""
ALLOWED = frozenset(_ALLOWED_NAMES.split()) | {FORMULA, DIAGRAM, FOOTNOTE}
"""Elements that GitHub renders."""

_HIDING_NAMES = """
    applet audio canvas datalist dialog embed frameset iframe math meter noembed noframes noscript
    object plaintext progress rp script select style svg template textarea title video xmp
"""
HIDING = frozenset(_HIDING_NAMES.split())
"""Elements whose content is removed with them, or replaced by a browser with something else."""

_BARRIER_NAMES = "applet caption html marquee math object svg table td template th"
BARRIERS = frozenset(_BARRIER_NAMES.split())
"""A closing tag does not reach an element outside of these
(https://html.spec.whatwg.org/multipage/parsing.html#has-an-element-in-scope)."""

_VOID_NAMES = """
    area base basefont bgsound br col embed frame hr img input keygen link meta param source track
    wbr
"""
VOID = frozenset(_VOID_NAMES.split())
"""Elements without content."""

SELF_CLOSING = frozenset({"math", "svg"})
"""Elements that a slash at the end of their tag closes."""

_BLOCKS_NAMES = """
    address article aside blockquote caption center dd details div dl dt fieldset figcaption figure
    footer form h1 h2 h3 h4 h5 h6 h7 h8 header hr li main nav ol p pre section summary table tbody
    td tfoot th thead tr ul
"""
BLOCKS = frozenset(_BLOCKS_NAMES.split()) | {DIAGRAM, FOOTNOTE}
"""Elements that begin on a new line."""

SHRINKING = frozenset({"small", "sub", "sup"})
MAX_SHRINKING = 4
"""Each makes its text a quarter smaller or more; below a third of its size, nobody reads it."""

_HIDING_STYLE = re.compile(
    r"display\s*:\s*none|visibility|opacity|font|color|position|clip|overflow|text-indent"
    r"|(?:height|width)\s*:\s*0|transform|filter",
    re.IGNORECASE,
)
_LAYOUT_NAMES = """
    align border cellpadding cellspacing checked colspan dir disabled height open rowspan scope size
    start valign value width
"""
_LAYOUT = frozenset(_LAYOUT_NAMES.split())
_LAYOUT_VALUE = re.compile(
    r"[0-9]{0,5}(?:%|px)?|left|right|center|justify|top|middle|bottom|ltr|rtl|auto|row|col",
    re.IGNORECASE,
)
_CELL_STYLE = re.compile(r"text-align:(?:left|right|center)")
_LANGUAGE_CLASS = "language-"
_ADDRESSES = ("href", "src")
_DEFAULT_ALTERNATIVE_TEXT = ("", "image", "img", "screenshot")
"""GitHub writes the first two itself when an image is pasted."""


def hides_content(tag: Tag, shrinking: int) -> bool:
    """Return whether a page does not show, or may not show, what is inside an element.

    ``shrinking`` is the number of open elements that make text smaller.
    """
    if tag.name in HIDING or "hidden" in tag.attributes:
        return True
    if tag.name == "bdo" and tag.attributes.get("dir", "").lower() == "rtl":
        return True
    if tag.name in SHRINKING and shrinking >= MAX_SHRINKING:
        return True
    return _HIDING_STYLE.search(tag.attributes.get("style", "")) is not None


def hidden_attributes(tag: Tag) -> list[str]:
    """Return the kind of each attribute that carries text which the page does not show."""
    kinds: list[str] = []
    for name, value in tag.attributes.items():
        if name == "alt":
            if value.strip().lower() not in _DEFAULT_ALTERNATIVE_TEXT:
                kinds.append("alternative text")
        elif name == "title":
            kinds.append("tooltip")
        elif not _is_layout(name, value):
            kinds.append("HTML attribute")
    return kinds


def code_language(tag: Tag) -> str:
    """Return the known language that a tag gives to its code; an empty text if there is none."""
    name = tag.attributes.get("class", "")
    language = name.removeprefix(_LANGUAGE_CLASS)
    return language if language != name and language in LANGUAGES else ""


def _is_layout(name: str, value: str) -> bool:
    """Return whether an attribute can't carry a text, or is shown."""
    if name in _LAYOUT:
        return _LAYOUT_VALUE.fullmatch(value) is not None
    if name == "style":
        return _CELL_STYLE.fullmatch(value) is not None
    if name == "class":
        return value.removeprefix(_LANGUAGE_CLASS) in LANGUAGES
    return name in _ADDRESSES
