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


def test_comments_are_read_where_people_see_them() -> None:
    found = read_sentences("<!-- a -->\n\nb", with_comments=True)
    assert [sentence.text for sentence in found] == ["a", "b"]
