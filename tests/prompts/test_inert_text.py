"""Whatever an issue or a model says, nothing on GitHub acts on it."""

import html
import re
import time

import pytest
from hypothesis import given, settings
from markdown_it import MarkdownIt

from prompts.filters import inert, one_line, quoted
from tests.prompts.hostile_text import HOSTILE, tokens

DRAWINGS = ("geojson", "math", "mermaid", "stl", "topojson")
#: What programs look for, in the words of their documentation.
READERS = {
    "GitHub Actions": r"\[(skip ci|ci skip|no ci|skip actions|actions skip)\]|^skip-checks: *true",
    "Azure Pipelines": r"\*\*\*NO_CI\*\*\*|\[(skip azurepipelines|azurepipelines skip|skip azp)\]",
    "Netlify and Travis": r"\[(skip netlify|skip travis|travis skip)\]",
    "semantic-release": r"\[(skip release|release skip)\]|BREAKING[\s-]CHANGE",
    "conventional commits": r"^\w+(\([^)\n]*\))?!?: ",
    "release-please": r"BEGIN_COMMIT_OVERRIDE|^Release-As:",
    "git trailers": r"^(Signed-off-by|Co-authored-by|Change-Id): ",
    "Prow": r"^\s*/[a-z]",
    "git's autosquash": r"^(amend|fixup|squash)!",
    "bors": r"\bbors:? ",
    "triagebot": r"\br\?",
    "Jenkins": r"\b(re)?test this please\b|\bok to test\b",
    "GitHub's references": r"@\w|#\d|GH-\d|<!--|https?://|www\.",
}


@settings(deadline=None, max_examples=300)
@given(HOSTILE)
def test_no_program_finds_what_it_looks_for(text: str) -> None:
    result = inert(text)
    for name, pattern in READERS.items():
        assert not re.search(pattern, result, re.I | re.M), name


@settings(deadline=None, max_examples=300)
@given(HOSTILE)
def test_the_same_holds_for_a_title(text: str) -> None:
    title = inert(one_line(text))
    for name, pattern in READERS.items():
        assert not re.search(pattern, title, re.I | re.M), name


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
def test_it_renders_no_alert_task_or_drawing(text: str) -> None:
    for token in MarkdownIt("commonmark").parse(quoted(inert(text))):
        if token.type == "fence":
            assert token.info.strip().lower().split(" ")[0] not in DRAWINGS
        elif token.type == "inline":
            assert not re.match(r"\[(![A-Z]|[ xX]\])", token.content)


@settings(deadline=None, max_examples=300)
@given(HOSTILE)
def test_it_mentions_and_references_nothing_by_an_entity(text: str) -> None:
    assert not re.search(r"@\w|#\d", html.unescape(inert(text)))


@settings(deadline=None, max_examples=100)
@given(HOSTILE)
def test_a_reader_sees_the_same_text(text: str) -> None:
    shown = one_line(text).replace("\u200b", "")
    assert inert(one_line(text)).replace("\u200b", "") == shown


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


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\n\n", "\r", "\u2028", "\u2029"])
@pytest.mark.parametrize("command", ["/approve", "!deploy"])
def test_no_line_starts_with_a_command_wherever_a_bot_sees_the_end_of_one(
    command: str, line_end: str
) -> None:
    lines = re.split("[\n\r\u2028\u2029]", inert(f"done{line_end}{command}"))
    assert command not in lines


@pytest.mark.parametrize("text", ["feat(@octocat): x", "GH-7: x", "fix(www.x.org): y"])
def test_what_is_active_inside_of_another_construct_is_found_too(text: str) -> None:
    assert not re.search(r"@\w|GH-\d|www\.", inert(text))


def test_ordinary_text_is_unchanged() -> None:
    text = "`total()` lost its first item; a < b, x[0], items[index], a/b and e-mail rules stay"
    assert inert(text) == text


@pytest.mark.parametrize("part", ["`", "- ", "[", "a-", "1.", " \t", "feat("])
def test_a_long_text_takes_no_long_time(part: str) -> None:
    began = time.process_time()
    inert(part * 60_000)
    assert time.process_time() - began < 5
