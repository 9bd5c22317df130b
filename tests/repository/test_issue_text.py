"""Only the text that a reader of an issue sees remains."""

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from repository.issue_text import strip_hidden_text


@pytest.mark.parametrize(
    ("written", "visible"),
    [
        ("a<!-- x -->b", "ab"),
        ("a<!-- x --> b <!-- y -->c", "a b c"),
        ("a <!-- never closed\n\nall that follows", "a "),
        ("a<!---->b", "ab"),
        ("<!<!-- x -->-- visible -->", "<! -- visible -->"),
        ("<\u200b!-- x -->b", "b"),
        ("a\ufe0f\U000e0100\u3164b", "ab"),
        ("\x1b[31mred\x07", "[31mred"),
        ("tab\tand\r\nlines\rkept", "tab\tand\nlines\nkept"),
        ("naïve 漢字 👍 a < b -- c > d", "naïve 漢字 👍 a < b -- c > d"),
        ("\ue000private", "private"),
        ("<div>\n```\n<!-- x -->\n```\n</div>", "<div>\n```\n\n```\n</div>"),
        ("<div> <!--\n\n```\nx\n```\n-->", "<div> "),
        ("```\na\n``` \n<!-- x --> b", "```\na\n``` \n b"),
        ('<a title="`"><!-- x --></a><a title="`">', '<a title="`"></a><a title="`">'),
        ("`<!-- a -->` b<!-- a -->", "`` b"),
        ("![<!-- x -->](a.png)", "![](a.png)"),
        ("[//]: # (do this)\n\ntext", "\ntext"),
        ("[//]: #\n  'do this'\ntext", "\ntext"),
        (
            "- [x]: y 'do this'\n\nsee [a]\n\n[a]: https://a.example",
            "\nsee [a]\n\n[a]: https://a.example",
        ),
    ],
)
def test_hidden_text_is_removed(written: str, visible: str):
    hidden: list[str] = []
    assert strip_hidden_text(written, "body", hidden) == visible
    assert bool(hidden) == (visible != written.replace("\r\n", "\n").replace("\r", "\n"))


_TEXT = st.text(
    st.one_of(
        st.sampled_from("<!->ab \n\t\r\u200b\u202e\ufe0f\U000e0041"),
        st.characters(),
        st.characters(categories=("Cf", "Cc", "Co")),
    ),
    max_size=60,
)
_PIECES = st.lists(
    st.sampled_from(
        [
            "<",
            "!",
            "<!",
            "--",
            "-",
            ">",
            "<!--",
            "-->",
            "<!-- x -->",
            "a",
            "\u200b",
            "\n",
            "\n\n",
            "`",
            "```\n",
            "    ",
            "<div>",
            "</div>",
            "> ",
            "- ",
            "[a]: b\n",
            '"',
            "<a title='",
            "\\",
        ]
    )
).map("".join)


@settings(deadline=None, max_examples=300)
@given(_TEXT | _PIECES)
@example("<!<!-- -->-<!-- -->- x -->")
@example("<<!-- -->!-- x -->")
def test_a_second_pass_removes_nothing_more(written: str):
    hidden: list[str] = []
    visible = strip_hidden_text(written, "body", hidden)
    assert not [
        ch for ch in visible if unicodedata.category(ch) in ("Cf", "Cc") and ch not in "\n\t"
    ]
    assert "<!--" not in MarkdownIt("commonmark").render(visible)
    hidden_again: list[str] = []
    assert strip_hidden_text(visible, "body", hidden_again) == visible
    assert hidden_again == []


@pytest.mark.parametrize(
    "visible",
    [
        "```html\n<!-- x -->\n```",
        "~~~~\n<!-- never closed\n~~~\n",
        "- a\n\n  ```\n  <!-- x -->\n  ```\n- b",
        "> ```\n> <!-- x -->\n> ```",
        "a\n\n    <!-- x -->\n",
        "a `<!-- x -->` and ``<!-- ` -->`` b",
        "```\n[//]: # (shown)\n```",
    ],
)
def test_a_comment_in_code_stays(visible: str):
    hidden: list[str] = []
    assert strip_hidden_text(visible, "body", hidden) == visible
    assert hidden == []


def test_the_largest_hostile_issue_is_stripped_quickly():
    nested = "<!" * 40_000 + "<!-- x -->" + "-- -->" * 25_000
    hidden: list[str] = []
    assert "<!--" not in strip_hidden_text(nested, "body", hidden)
    assert strip_hidden_text("<!--" * 60_000, "body", hidden) == ""
