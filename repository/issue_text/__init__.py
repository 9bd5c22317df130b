"""The text of an issue as a reader of its page on GitHub sees it, for a model.

Markdown becomes the HTML of its page (``markdown``), that HTML is read as a browser reads it
(``html_tokens``), and what shows is written as text again (``page``, ``writer``). The rest could
instruct a model without any reader noticing, so it is left out, and ``HiddenParts`` says of what
kind it was. docs/security.md has the table of what is shown and what is not.
"""

from repository.issue_text.characters import show_characters
from repository.issue_text.hidden import HiddenParts
from repository.issue_text.markdown import to_html
from repository.issue_text.page import to_prose, to_text

__all__ = ["HiddenParts", "render_line", "render_prose", "render_text"]


def render_text(markdown: str, hidden: HiddenParts) -> str:
    """Return what a reader sees of an issue's or a comment's Markdown; add the rest to ``hidden``.

    Code keeps its characters. Folded sections are marked; images are ``[image]``.
    """
    return to_text(to_html(markdown, hidden), hidden)


def render_line(title: str, hidden: HiddenParts) -> str:
    """Return what a reader sees of an issue's title, which is not Markdown."""
    return show_characters(title, hidden)


def render_prose(markdown: str) -> str:
    """Return what a comment's author says in it: what a reader sees, without code and quotes.

    It is one line of words, to look for a mention in.
    """
    return " ".join(to_prose(to_html(markdown, HiddenParts())).split())
