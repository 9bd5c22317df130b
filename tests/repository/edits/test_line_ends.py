"""The line ends of a new file are those that the repository asks for."""

import pytest

from repository.edits.editable_files import EditableFiles
from repository.edits.line_ends import CRLF, LF, line_end
from repository.git import Entry
from tests.repository.edits.applying import apply_to_bytes, block

DOS = b"a\r\nb\r\n"
UNIX = b"a\nb\n"


def end_of(path: str, files: dict[str, bytes], *, is_work_tree: bool = False) -> str:
    entries = [Entry("100644", "", len(data), name) for name, data in files.items()]
    tree = EditableFiles(entries, lambda entry: files[entry.path], is_work_tree=is_work_tree)
    return line_end(path, "x\n", tree)


@pytest.mark.parametrize(
    ("files", "path", "expected"),
    [
        ({}, "a.txt", LF),
        ({"a.bat": DOS, "b.txt": UNIX}, "new.bat", CRLF),
        ({"a.bat": DOS, "b.bat": UNIX}, "new.bat", LF),
        ({"a.bat": DOS, "b.bat": b"a\r\nb\n"}, "new.bat", LF),
        ({"src/a.cs": DOS, "b.txt": UNIX}, "lib/new.cs", CRLF),
        ({"src/a.cs": DOS, "src/b.cs": DOS, "c.md": UNIX}, "src/new.ini", CRLF),
        ({"logo.bin": b"\0\r\n", "x.bin": b""}, "new.bin", LF),
        ({".editorconfig": b"root = true\n[*]\nend_of_line = crlf\n"}, "a/new.txt", CRLF),
        ({".editorconfig": b"[*.{bat,cmd}]\nend_of_line = CRLF\n"}, "a/new.cmd", CRLF),
        ({".editorconfig": b"[*.{bat,cmd}]\nend_of_line = crlf\n"}, "a/new.txt", LF),
        ({".editorconfig": b"[win/**.txt]\nend_of_line = crlf\n"}, "win/new.txt", CRLF),
        ({".editorconfig": b"[win/**]\nend_of_line = crlf\n"}, "win/x/new.txt", CRLF),
        ({".editorconfig": b"[*]\nend_of_line = lf\n", "a.bat": DOS}, "new.bat", LF),
        (
            {
                ".editorconfig": b"[*]\nend_of_line = lf\n",
                "w/.editorconfig": b"[*.txt]\nend_of_line=crlf\n",
            },
            "w/new.txt",
            CRLF,
        ),
        (
            {
                ".editorconfig": b"[*]\nend_of_line = crlf\n",
                "w/.editorconfig": b"root=true\n[*]\nindent_size = 2\n",
            },
            "w/new.txt",
            LF,
        ),
        ({".gitattributes": b"* text=auto\n", "a.bat": DOS}, "new.bat", LF),
        ({".gitattributes": b"*.bat eol=crlf\n", "a.bat": UNIX}, "new.bat", LF),
        ({".gitattributes": b"* text\n*.bat -text\n", "a.bat": DOS}, "new.bat", CRLF),
        ({".gitattributes": b"/win/*.bat text\n", "a.bat": DOS}, "new.bat", CRLF),
    ],
)
def test_git_then_editors_then_siblings_decide(
    files: dict[str, bytes], path: str, expected: str
) -> None:
    assert end_of(path, files) == expected


def test_a_work_tree_has_the_line_ends_that_git_gives_it() -> None:
    files = {".gitattributes": b"*.bat text eol=crlf\n"}
    assert end_of("new.bat", files, is_work_tree=True) == CRLF
    assert end_of("new.bat", files) == LF


def test_only_new_files_get_other_line_ends_and_scripts_keep_theirs() -> None:
    files = {"a.cs": DOS, "unix.cs": b"", "b.sh": DOS}
    reply = block("c.cs", "", "new\n") + block("a.cs", "a\n", "aa\n")
    assert apply_to_bytes(reply, files).files == {"c.cs": b"new\r\n", "a.cs": b"aa\r\nb\r\n"}
    script = block("run.sh", "", "#!/bin/sh\nls\n")
    assert apply_to_bytes(script, files).files == {"run.sh": b"#!/bin/sh\nls\n"}
    moved = "*** Move File: a.cs -> d.txt\n"
    assert apply_to_bytes(moved, files).files == {"a.cs": None, "d.txt": DOS}


def test_hostile_settings_are_read_in_time() -> None:
    files = {
        ".gitattributes": (b"*a" * 100 + b" text\n") * 2_000,
        ".editorconfig": b"[" + b"{a,b}" * 50 + b"]\nend_of_line = crlf\n[[[\n",
    }
    assert end_of("a" * 250, files) in (LF, CRLF)
    files = {".editorconfig": b"[{" + b"," * 200_000 + b"]\nend_of_line = crlf\n"}
    assert end_of("a", files) == LF
