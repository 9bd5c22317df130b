"""How people name a run."""

import pytest

from console.runs.references import (
    JobReference,
    NumberReference,
    UnreadableReference,
    parse_reference,
)


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("5c0b7e9c", JobReference("5c0b7e9c")),
        ("5c0b7e9c/2", JobReference("5c0b7e9c", 2)),
        ("nightly:2026.1_a-b", JobReference("nightly:2026.1_a-b")),
        ("1234", JobReference("1234")),
        ("#7", NumberReference(7, None)),
        ("Octo/Repo#42", NumberReference(42, "octo/repo")),
        (
            "https://github.com/Octo/Repo/issues/42#issuecomment-1",
            NumberReference(42, "octo/repo", "github.com"),
        ),
        (
            " https://git.example:8443/octo/repo/pull/7/files?w=1 ",
            NumberReference(7, "octo/repo", "git.example:8443"),
        ),
        (
            "file:///home/me/calc/issues/9",
            NumberReference(9, "local/calc", issue_url="file:///home/me/calc/issues/9"),
        ),
    ],
)
def test_a_name_is_read(text: str, reference: JobReference | NumberReference) -> None:
    assert parse_reference(text) == reference


@pytest.mark.parametrize(
    "text", ["", "octo/repo", "octo/repo#", "#0", "a b", "../..", "x" * 129, "\x1b[2J"]
)
def test_a_text_that_is_no_name_is_refused_with_the_forms(text: str) -> None:
    with pytest.raises(UnreadableReference, match="OWNER/REPO#NUMBER"):
        parse_reference(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://github.com/octo/repo",
        "https://github.com/octo/repo/commit/1",
        "http://x/o/r/pull/1",
    ],
)
def test_another_address_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UnreadableReference, match="OWNER/NAME/issues/N"):
        parse_reference(text)
