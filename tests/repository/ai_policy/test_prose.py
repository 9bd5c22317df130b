"""Prose as sentences with their lines and headings."""

from repository.ai_policy.prose import read_sentences


def texts(text: str) -> list[str]:
    return [sentence.text for sentence in read_sentences(text, with_comments=False)]


def test_a_paragraph_is_split_at_the_ends_of_sentences() -> None:
    assert texts("One, e.g. this.\nTwo? **Three!**\n\nFour") == [
        "One, e.g. this.",
        "Two?",
        "**Three!**",
        "Four",
    ]


def test_each_sentence_knows_its_line_and_headings() -> None:
    text = "# A\n\n## B\n\none. Two\nlines. Three.\n\n## C\n\nfour\n"
    found = {
        sentence.text: (sentence.line, sentence.headings)
        for sentence in read_sentences(text, with_comments=False)
    }
    assert found["Two lines."] == (5, ("A", "B"))
    assert found["Three."] == (6, ("A", "B"))
    assert found["four"] == (10, ("A", "C"))


def test_underlined_headings_are_read() -> None:
    text = "Title\n=====\n\nPart\n----\n\nwords\n"
    assert read_sentences(text, with_comments=False)[-1].headings == ("Title", "Part")


def test_a_lists_items_know_what_introduces_them() -> None:
    found = read_sentences("We refuse:\n\n- one\n- two\n\nThree.\n", with_comments=False)
    assert [(sentence.text, sentence.intro) for sentence in found] == [
        ("We refuse:", ""),
        ("one", "We refuse"),
        ("two", "We refuse"),
        ("Three.", ""),
    ]


def test_code_tables_and_comments_are_left_out() -> None:
    text = "a\n\n```\nb\n```\n\n| c | d |\n|---|---|\n\n<!-- e\nf -->\ng\n"
    assert texts(text) == ["a", "g"]


def test_an_underline_of_tildes_is_no_code() -> None:
    """reStructuredText has such headings."""
    found = read_sentences("Title\n~~~~~\n\nwords\n", with_comments=False)
    assert [(sentence.text, sentence.headings) for sentence in found] == [
        ("Title", ()),
        ("words", ("Title",)),
    ]
    assert found[0].is_heading and not found[1].is_heading


def test_code_ends_with_the_marks_that_it_began_with() -> None:
    assert texts("````\n```\na\n```\nb\n````\nc\n") == ["c"]
    assert texts("```one``` line\n\nd\n") == ["```one``` line", "d"]


def test_indented_lines_are_code_outside_of_lists() -> None:
    assert texts("a\n\n    b\n\nc\n") == ["a", "c"]
    assert texts("- a\n\n    b\n") == ["a", "b"]


def test_a_quotation_knows_what_introduces_it() -> None:
    found = read_sentences("Others say:\n> no\n\nWe don't.\n", with_comments=False)
    assert [(sentence.text, sentence.intro) for sentence in found] == [
        ("Others say:", ""),
        ("no", "Others say"),
        ("We don't.", ""),
    ]


def test_comments_are_read_where_people_see_them() -> None:
    found = read_sentences("<!-- a -->\n\nb", with_comments=True)
    assert [sentence.text for sentence in found] == ["a", "b"]
