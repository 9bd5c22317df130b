"""Of an issue's Markdown, a model reads what a reader of its page sees."""

import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repository.issue_text import HiddenParts, render_line, render_text


def render(markdown: str) -> tuple[str, str | None]:
    """Return the text and what is said to be hidden."""
    hidden = HiddenParts()
    text = render_text(markdown, hidden)
    return text, hidden.describe("body")


@pytest.mark.parametrize(
    ("markdown", "text", "hidden"),
    [
        ("a<!-- x -->b", "ab", "1 HTML comment"),
        ("a <!-- never closed\n\nb", "a <!-- never closed\n\nb", None),
        ("<!-- never closed\n\nb", "", "1 HTML comment"),
        ("[//]: # (do this)\n\ntext", "text", "1 unused link definition"),
        ("[a]\n\n[a]: https://a.example 'x'", "[a](https://a.example)", "1 tooltip"),
        ("see [^x]\n\n[^x]: note\n\n    more", "see [^1]\n\n[^1]: note\n\n    more", None),
        ("see\n\n[^a]: [^b]\n[^b]: [^a]", "see", "2 unused footnotes"),
        ("![x](a.png) ![image](b.png)", "[image] [image]", "1 alternative text"),
        ("[](https://example.com/x)", "", "1 link without text"),
        (f"[a](https://example.com/{'x' * 200})", "a", "1 long address"),
        ("<https://example.com/x>", "https://example.com/x", None),
        ("<a href='javascript:x'>a</a>", "a", "1 HTML attribute"),
        ("a <T> b <a-b> c", "a  b  c", "2 unknown HTML tags"),
        ("a <noscript>b</noscript> c", "a  c", "1 hidden HTML element"),
        ("a <svg/> b", "a  b", "1 hidden HTML element"),
        (
            "<noscript><table></noscript>a\n\n</table></noscript> b",
            "b",
            "1 hidden HTML element",
        ),
        ("<script>x</script>", "<script>x</script>", "2 disallowed HTML tags"),
        ("set the <title> of it", "set the <title> of it", "1 disallowed HTML tag"),
        ("<div title='\n\nswallowed '>' by it", "", "1 tooltip, 4 HTML attributes"),
        ("<div title='\n\nswallowed", "", "1 unfinished HTML tag"),
        ('<div title="\n\n[a](b)\n\n<b>x</b>', "a\n\n**x**", "1 tooltip, 1 HTML attribute"),
        ("$\\phantom{x}$ and $x^2$", "[formula] and $x^2$", "1 formula with hidden parts"),
        ("$5 is 100% of $6", "$5 is 100% of $6", None),
        ("a\u200bb\u202ec\x1b[31m\ue000", "abc[31m", "4 invisible characters"),
        ("&#x200b;a&#x202e;", "a", "2 invisible characters"),
        (
            "❤\ufe0f 👩\u200d💻 1\ufe0f\u20e3 می\u200cخواهم",
            "❤\ufe0f 👩\u200d💻 1\ufe0f\u20e3 می\u200cخواهم",
            None,
        ),
        ("naïve 漢字 a < b -- c > d", "naïve 漢字 a < b -- c > d", None),
        ("> " * 40 + "a", ">" + " >" * 19, "1 deeply nested part"),
        ("[image] [folded section", "\\[image] \\[folded section", None),
        (
            "<x-formula> <x-footnote value=x>",
            "<x-formula> <x-footnote value=x>",
            "2 disallowed HTML tags",
        ),
    ],
)
def test_what_a_reader_sees(markdown: str, text: str, hidden: str | None) -> None:
    assert render(markdown) == (text, hidden and f"body: {hidden}")


def test_a_folded_section_is_shown_as_one() -> None:
    text, hidden = render("<details><summary>Log</summary>\n\n- a\n- b\n\n</details>\n\nafter")
    assert text == (
        "[folded section: the page shows only its summary]\nSummary: Log\n\n- a\n- b\n\n"
        "[end of the folded section]\n\nafter"
    )
    assert hidden is None
    assert render("<details open>\n\nx\n\n</details>")[0] == "x"
    nested = render("<details>x<details open>y</details>z</details>")[0]
    assert nested.endswith("x\n\ny\n\nz\n[end of the folded section]")


def test_the_structure_of_a_text_stays() -> None:
    markdown = (
        "# Head\n\n__init__ and **bold**, *a* and ~~b~~\nnext line\n\n"
        "1. one\n2. two\n   - three\n\n> quoted\n> `code`\n\n---\n\n"
        "| a | b |\n| --- | --- |\n| 1 | `2` |\n\n[link](https://example.com)"
    )
    assert render(markdown) == (markdown, None)


@pytest.mark.parametrize(
    "code",
    [
        "```python\n\tif x:  \n\t\treturn  y \t\n\n\n```",
        "```\n<!-- x -->\n<b title='x'>\n![a](b) &amp; \\\\ $\\phantom{x}$\n[a]: b 'c'\n```",
        "````md\n```\nx\n```\n````",
        "a `List<T> <!-- x -->  &lt; \\` and ``a`b``",
        "- a\n\n  ```\n  \tb  \n  ```",
        "> ```\n> a\n>   b\n> ```",
        "```\nnaïve 漢字 \xa0 👩\u200d👩\u200d👧 ❤\ufe0f می\u200cخواهم\n```",
    ],
)
def test_code_keeps_its_characters(code: str) -> None:
    text, hidden = render(code)
    assert text == code
    assert hidden is None


def test_code_shows_invisible_characters_by_name_and_long_runs_not_at_all() -> None:
    assert render("`a\u200bb`") == ("`a<U+200B>b`", "body: 1 invisible character")
    message = "".join(chr(0xE0000 + ord(letter)) for letter in "ignore it")
    assert render(f"```\na{message}\n\x1b[0mb\n```") == (
        "```\na\n[0mb\n```",
        "body: 10 invisible characters",
    )


def test_the_line_end_after_a_pre_tag_does_not_show_and_one_in_a_fence_does() -> None:
    assert render("<pre>\n a <b>b</b>\n  c\n</pre>")[0] == "```\n a b\n  c\n```"
    assert render("```\n\nx\n```")[0] == "```\n\nx\n```"


def test_line_ends_of_windows_are_line_ends() -> None:
    assert render("a\r\n\r\n```\r\nb  \r\n\tc\r\n```") == ("a\n\n```\nb  \n\tc\n```", None)


def test_only_a_known_language_of_a_code_block_is_shown() -> None:
    assert render("```Python\nx\n```") == ("```python\nx\n```", None)
    assert render("```python obey\nx\n```") == (
        "```python\nx\n```",
        "body: 1 info string of code",
    )
    for info in ("obey", "obey python", '{"a": "obey"}'):
        assert render(f"~~~ {info}\nx\n~~~") == ("```\nx\n```", "body: 1 info string of code")


def test_a_diagram_is_shown_as_the_source_of_a_picture() -> None:
    text, _ = render("```mermaid\nA --> B\n```")
    assert text == (
        "[diagram: the page shows a picture of this source]\n\n```mermaid\nA --> B\n```"
    )


def test_an_aligned_table_hides_nothing() -> None:
    text, hidden = render("| a | b |\n|:-:|--:|\n| 1 | 2 |")
    assert (text, hidden) == ("| a | b |\n| --- | --- |\n| 1 | 2 |", None)


def test_a_title_is_no_markdown() -> None:
    hidden = HiddenParts()
    assert render_line("`a` <b> <!-- c -->\u200b", hidden) == "`a` <b> <!-- c -->"
    assert hidden.describe("title") == "title: 1 invisible character"


_PIECES = """
    < > </ <!-- --> --!> <? ?> <b <div </div> title= ' " ` ``` - [ ]( ![ ) [^a] [^a]: [a]: | ~~ *
    <details> </details> <noscript> </noscript> <table> <td> <p> </p> <template> $ \\phantom{ } #
    <a </a> <code> </code> <pre> </pre> <svg/> <sub> <li> <ul> </ul> <blockquote> <br> &lt; word
"""
_SOUP = st.lists(st.sampled_from([*_PIECES.split(), "\n", "\n\n", " ", "    ", "\u200b", "\t"]))


@settings(deadline=None, max_examples=150)
@given(_SOUP.map("".join) | st.text(max_size=60))
def test_no_text_breaks_it_or_leaves_an_invisible_character(markdown: str) -> None:
    text, _ = render(markdown)
    for character in text.replace("\n", "").replace("\t", ""):
        kept = unicodedata.category(character) in ("Cf", "Cc") and character not in "\u200c\u200d"
        assert not kept, repr(character)


_UNITS = (
    "[",
    "![",
    "[^",
    "<",
    "<!--",
    "<div>\n\n",
    "<details>",
    "> ",
    "|a",
    "$a",
    "`a",
    "[^a]: ",
    "<h1>a",
)


@pytest.mark.parametrize("unit", _UNITS)
def test_a_long_text_takes_no_quadratic_time(unit: str) -> None:
    """The slowest of these takes 0.3 s of the processor; of GitHub's largest text, about 1.2 s."""
    markdown = unit * (16_384 // len(unit))
    before = time.thread_time()
    render(markdown)
    assert time.thread_time() - before < 3
