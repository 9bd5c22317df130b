import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from prompts.filters import bullets, clip, code, fenced, inert, one_line, quoted

#: Text in which characters with a meaning in Markdown, HTML or GitHub are frequent.
HOSTILE = st.lists(
    st.sampled_from(
        [
            "`",
            "```",
            "~~~",
            "\n",
            "\n\n",
            "    ",
            "# ",
            "> ",
            "- ",
            "<!--",
            "-->",
            "<b>",
            "@octocat",
            "#12",
            "GH-3",
            "fixes ",
            "https://github.com/o/r/issues/9",
            "www.x.org",
            "![a](b)",
            "[a](b)",
            "[a]: b",
            "\r",
            "\u2028",
            "\u200b",
            "\x00",
            "| a |",
            "---",
            "</details>",
            "word",
        ]
    )
    | st.text(max_size=5)
).map("".join)


def tokens(markdown: str) -> list[tuple[str, str]]:
    flat = []
    for token in MarkdownIt("commonmark", {"linkify": False}).parse(markdown):
        if token.type == "inline":
            flat += [(child.type, child.content) for child in token.children]
        else:
            flat.append((token.type, token.content))
    return flat


@settings(deadline=None, max_examples=300)
@given(HOSTILE)
def test_fenced_text_cannot_close_its_fence(text: str) -> None:
    parsed = tokens(f"before\n\n{fenced(text)}\n\nafter\n")
    kinds = [kind for kind, _ in parsed]
    assert kinds.count("fence") == 1
    assert [k for k in kinds if k != "fence"] == ["paragraph_open", "text", "paragraph_close"] * 2


@settings(deadline=None, max_examples=300)
@given(HOSTILE)
def test_inline_code_stays_one_piece(text: str) -> None:
    kinds = [kind for kind, _ in tokens(f"a {code(text)} b\n")]
    assert kinds in (
        ["paragraph_open", "text", "code_inline", "text", "paragraph_close"],
        ["paragraph_open", "text", "paragraph_close"],  # nothing was left of it
    )


@settings(deadline=None, max_examples=300)
@given(HOSTILE)
def test_quoted_inert_text_renders_no_html_link_or_image_and_stays_in_its_quote(text: str) -> None:
    parsed = tokens(f"before\n\n{quoted(inert(text))}\n\nafter\n")
    kinds = [kind for kind, _ in parsed]
    assert not {"html_block", "html_inline", "link_open", "image"} & set(kinds)
    assert parsed[-2] == ("text", "after")
    assert kinds.index("blockquote_open") == 3
    assert len(kinds) - 1 - kinds[::-1].index("blockquote_close") == len(kinds) - 4


@settings(deadline=None, max_examples=300)
@given(HOSTILE)
def test_inert_text_contains_no_mention_reference_address_or_comment(text: str) -> None:
    result = inert(text)
    assert not re.search(r"@\w|#\d|GH-\d|<!--|https?://|www\.", result, re.I)


@pytest.mark.parametrize(
    "text",
    [
        "closes #7",
        "Fixes octo/repo#7",
        "resolved: GH-7",
        "fix https://github.com/octo/repo/issues/7",
    ],
)
def test_a_closing_keyword_of_another_issue_no_longer_names_it(text: str) -> None:
    assert not re.search(r"(clos|fix|resolv)\w*:?\s+(\S*#\d|gh-\d|https?://)", inert(text), re.I)
    assert inert(text).replace("\u200b", "") == text


def test_inert_text_looks_the_same_to_a_reader() -> None:
    text = "`total()` lost its first item; a < b, x[0] and e-mail rules stay"
    assert inert(text) == text


@settings(deadline=None, max_examples=200)
@given(HOSTILE)
def test_one_line_is_one_line_without_controls(text: str) -> None:
    line = one_line(text)
    assert len(line.splitlines()) <= 1
    assert line == line.strip()
    assert "\x00" not in line


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=400), st.integers(3, 200))
def test_clipping_bounds_the_size_and_keeps_both_ends(text: str, size: int) -> None:
    result = clip(text, size)
    assert len(result) <= size + 60
    assert result.startswith(text[: size * 2 // 3]) and result.endswith(
        text[len(text) - (size - size * 2 // 3) :] or ""
    )
    assert (result == text) == (len(text) <= size)


def test_names_are_listed_as_inert_code_up_to_a_limit() -> None:
    assert bullets(["a", "@octocat `x`"]) == "- `a`\n- `` @\u200boctocat `x` ``"
    assert bullets(["a", "b", "c"], 2) == "- `a`\n- `b`\n- and 1 more"
    assert bullets([]) == ""
