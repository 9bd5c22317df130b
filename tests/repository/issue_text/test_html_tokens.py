"""HTML is read as browsers read it: where a comment, a tag or a quote ends."""

import pytest

from repository.issue_text.html_tokens import Comment, Tag, Text, UnfinishedTag, tokenize


def texts(page: str) -> str:
    return "".join(token.text for token in tokenize(page) if isinstance(token, Text))


@pytest.mark.parametrize(
    ("page", "shown"),
    [
        # https://html.spec.whatwg.org/multipage/parsing.html#comment-start-state
        ("a<!-- x -->b", "ab"),
        ("a<!-->b", "ab"),
        ("a<!--->b", "ab"),
        ("a<!---->b", "ab"),
        ("a<!-- x --!>b", "ab"),
        ("a<!-- x -- >b-->c", "ac"),
        ("a<!-- x > y <!-- --> b", "a b"),
        ("a<!-- never ended", "a"),
        # #bogus-comment-state
        ("a<?x > b ?>", "a b ?>"),
        ("a<!x>b", "ab"),
        ("a<![CDATA[x > y]]>", "a y]]>"),
        ("a</>b</ x>c", "abc"),
        # #tag-open-state
        ("a < b <3 <-", "a < b <3 <-"),
        # #attribute-value-(double-quoted)-state
        ("<b title='a>b'>c", "c"),
        ('<b title="a" "b>c', "c"),
        ("<b title=a>b", "b"),
        ("<b title=>b", "b"),
        ("<b =x>b", "b"),
        ('a<b title="never ended> b', "a"),
        ("a<b never-ended", "a"),
        # #character-reference-state
        ("&lt;b&gt; &#65;&#x42; &amp;lt;", "<b> AB &lt;"),
    ],
)
def test_what_shows(page: str, shown: str) -> None:
    assert texts(page) == shown


def test_a_tag_has_a_name_and_attributes() -> None:
    (tag,) = tokenize("<DIV  CLASS = x title='&lt;' hidden/data-a=\"b\" class=y />")
    assert tag == Tag(
        name="div",
        attributes={"class": "x", "title": "<", "hidden": "", "data-a": "b"},
        is_closing=False,
        is_self_closing=True,
    )


def test_what_does_not_show_is_a_token() -> None:
    tokens = list(tokenize("<!-- x --></b><b"))
    assert tokens == [
        Comment("<!-- x -->"),
        Tag("b", {}, is_closing=True, is_self_closing=False),
        UnfinishedTag(),
    ]
