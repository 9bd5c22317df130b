"""Of hostile texts, a model sees what a browser shows, or a notice that something is left out."""

import re
from collections.abc import Iterable, Sequence
from functools import cache

from repository.issue_text import HiddenParts, render_text
from tests.repository.issue_text.hostile import hostile_texts
from tests.repository.issue_text.page_reader import shown_text

TEXTS = hostile_texts()


def words(text: str) -> list[str]:
    return re.findall(r"W\d+", text, re.IGNORECASE)


@cache
def read(markdown: str) -> tuple[list[str], str | None]:
    """Return the words that the model sees, without addresses of links, and its notice."""
    hidden = HiddenParts()
    text = render_text(markdown, hidden)
    return words(re.sub(r"\]\([^)\s]*\)", "]", text)), hidden.describe("body")


def is_part(few: Iterable[str], many: Sequence[str]) -> bool:
    """Return whether the few are among the many, in their order."""
    rest = iter(many)
    return all(word in rest for word in few)


def test_there_are_more_than_three_hundred_and_most_hide_something():
    hiding = [text for text in TEXTS if words(shown_text(text)) != words(text)]
    assert len(set(TEXTS)) == len(TEXTS) > 300
    assert len(hiding) > 250, "else the other tests prove little"


def test_a_model_sees_no_word_that_a_browser_does_not_show():
    for text in TEXTS:
        seen, notice = read(text)
        shown = words(shown_text(text))
        assert is_part(seen, shown), text
        assert seen == shown or notice is not None, text


def test_notice_is_given_if_a_word_is_left_out():
    for text in TEXTS:
        seen, notice = read(text)
        assert notice is not None or sorted(seen) == sorted(words(text)), text
