"""Excerpts of files that don't fit as a whole."""

from hypothesis import given, settings
from hypothesis import strategies as st

from prompts.tokens import tokens_of
from repository.context.excerpts import OMITTED, Excerpt, cut_excerpt
from repository.context.query import Query


def excerpt_for(issue: str, text: str, max_tokens: int) -> Excerpt | None:
    return cut_excerpt(text, Query.from_issue(issue, issue), max_tokens)


def test_method_is_shown_below_its_class() -> None:
    methods = "".join(
        f"    def m{number}(self):\n        return {number}\n\n" for number in range(300)
    )
    method = "    @cached\n    def checkout_total(self):\n        return 0\n"
    part = excerpt_for("checkout_total", f"class Shop:\n{methods}{method}", 200)
    assert part is not None
    assert part.text.startswith("class Shop:\n")
    assert part.text.endswith(method)


def test_file_that_fits_is_shown_with_lf_line_endings() -> None:
    part = excerpt_for("cart", "\ufeffx = 1\r\ny = 2\r\n", 100)
    assert part is not None
    assert part.whole
    assert part.text == "x = 1\ny = 2\n"


@settings(deadline=None, max_examples=100)
@given(
    st.lists(
        st.sampled_from(
            ["def cart(x):", "    return cart", "class Cart:", "", "@x", "é" * 30, "\tpass"]
        ),
        min_size=1,
    ),
    st.integers(30, 150),
)
def test_excerpt_stays_within_its_limit_and_shows_the_files_own_lines(
    lines: list[str], limit: int
) -> None:
    text = "\n".join(lines) + "\n"
    part = excerpt_for("cart Cart", text, limit)
    if part is None:
        return
    assert tokens_of(part.text) == part.tokens <= limit
    if part.whole:
        assert part.text == text
        return
    position = 0
    for line in part.text.removesuffix("\n").split("\n"):
        if OMITTED.fullmatch(line):
            words = line.split()
            assert int(words[2]) == position + 1
            position = int(words[4])
        else:
            assert line == lines[position]
            position += 1
    assert position == len(lines)
