"""Output as plain text."""

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.output import plain_text


def is_control_character(character: str) -> bool:
    if character in "\n\t":
        return False
    return character < " " or "\x7f" <= character <= "\x9f"


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=200))
def test_output_has_no_control_characters(data: bytes):
    text = plain_text(data, 1000)
    assert [character for character in text if is_control_character(character)] == []


@settings(deadline=None, max_examples=100)
@given(st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=100))
def test_plain_text_is_not_changed(text: str):
    assert plain_text(text.encode(), 1000) == text
