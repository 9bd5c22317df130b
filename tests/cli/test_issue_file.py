"""An issue's file has a title and a body, however it begins."""

from pathlib import Path

import pytest

from cli.command import CommandError
from cli.issue_file import read_issue_file


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("add() subtracts\n\nIt should add.\n", "add() subtracts"),
        ("# add() subtracts\n\nIt should add.", "add() subtracts"),
        ("\ufeff## add() subtracts\r\n\r\nIt should add.\r\n", "add() subtracts"),
        ("\n\n#12 is back\nIt should add.", "#12 is back"),
        ("---\ntitle: add() subtracts\nlabels: [bug]\n---\n\nIt should add.", "add() subtracts"),
        ("\ufeff---\r\ntitle: 'a: b'\r\n...\r\nIt should add.", "a: b"),
        ("---\nlabels: bug\n---\n# add() subtracts\nIt should add.", "add() subtracts"),
        ("---\ntitle: 7\n---\n# add() subtracts\nIt should add.", "add() subtracts"),
        ("---\n\n# add() subtracts\n\nIt should add.", "add() subtracts"),
    ],
)
def test_the_title_and_the_body_are_read(tmp_path: Path, text: str, title: str) -> None:
    path = tmp_path / "issue.md"
    path.write_bytes(text.encode())
    assert read_issue_file(path) == (title, "It should add.")


def test_what_only_looks_like_front_matter_is_text(tmp_path: Path) -> None:
    path = tmp_path / "issue.md"
    path.write_text("---\nadd() subtracts\n---\nIt should add.")
    assert read_issue_file(path) == ("add() subtracts", "---\nIt should add.")


@pytest.mark.parametrize("text", ["", "\ufeff\n", "---\nlabels: bug\n---\n", "---\n"])
def test_a_file_without_a_title_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "issue.md"
    path.write_text(text)
    with pytest.raises(CommandError, match=r"issue\.md is empty: write the issue's title"):
        read_issue_file(path)
