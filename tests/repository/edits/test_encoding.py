"""Text outside of edits keeps its bytes, in any encoding."""

import pytest

from tests.repository.edits.applying import apply_to_bytes, block, refusal_of_bytes


@pytest.mark.parametrize(
    "data",
    [
        "# -*- coding: latin-1 -*-\nname = 'é'\nx = 1\n".encode("latin-1"),
        "\ufeffname = 'é'\r\nx = 1\r\n".encode(),
        "\ufeffname = 'é'\nx = 1\n".encode("utf-16-le"),
        "name = 'é'\nx = 1".encode("latin-1"),
    ],
    ids=["declared", "marked UTF-8 with CRLF", "UTF-16", "undeclared, without a last line end"],
)
def test_untouched_text_keeps_its_bytes(data):
    path = "a.py" if data.startswith(b"#") else "a.txt"
    wide = "utf-16-le" if data.startswith(b"\xff\xfe") else "ascii"
    expected = data.replace("x = 1".encode(wide), "x = 2".encode(wide))
    assert apply_to_bytes(block(path, "x = 1\n", "x = 2\n"), {path: data}).files == {path: expected}


def test_characters_that_the_encoding_lacks_are_refused():
    declared = "# coding: latin-1\nname = 'é'\n".encode("latin-1")
    assert "latin-1, has no '€'" in refusal_of_bytes(
        block("a.py", "name = 'é'\n", "name = '€'\n"), {"a.py": declared}
    ).replace("iso8859-1", "latin-1")
    assert "only ASCII" in refusal_of_bytes(block("a.txt", "x\n", "ü\n"), {"a.txt": b"\xe9\nx\n"})
