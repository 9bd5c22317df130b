"""``coding-agent edits``: apply a reply to a folder, and explain how."""

from pathlib import Path

import pytest

from tests.cli.console import Console, write

REPLY = """The sum was wrong.

shop/sum.py
<<<<<<< SEARCH
return 1
=======
return 2
>>>>>>> REPLACE
"""


@pytest.fixture
def repo(console: Console) -> Path:
    folder = write(
        console.folder / "repo", {"shop/sum.py": "def f():\n    return 1\n", "a.txt": "a\n"}
    )
    (folder / "shop/sum.py").chmod(0o750)
    return folder


def test_a_reply_is_applied_and_each_block_is_explained(console: Console, repo: Path) -> None:
    result = console.run("edits", "apply", "--repo", repo, stdin=REPLY)
    assert (result.exit_code, result.stdout) == (0, "written: shop/sum.py\n")
    assert "read as: search/replace" in result.stderr
    assert "block 1: shop/sum.py: indentation at line 2" in result.stderr
    assert (repo / "shop/sum.py").read_text() == "def f():\n    return 2\n"
    assert (repo / "shop/sum.py").stat().st_mode & 0o777 == 0o750
    assert [file.name for file in (repo / "shop").iterdir()] == ["sum.py"]


def test_a_link_is_refused_with_its_target(console: Console, repo: Path) -> None:
    (repo / "link.txt").symlink_to("a.txt")
    (repo / "shop/away.txt").symlink_to("/etc/hosts")
    for path, target in (("link.txt", "`a.txt`: edit that file"), ("shop/away.txt", "/etc/hosts")):
        reply = f"{path}\n<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\n"
        (output,) = console.lines("edits", "apply", "--repo", repo, "--json", code=1, stdin=reply)
        assert f"a symbolic link to {target}" in output["reason"].replace("`/", "/")
    assert (repo / "a.txt").read_text() == "a\n"


def test_files_are_moved_and_made_executable(console: Console, repo: Path) -> None:
    reply = "*** Move File: shop/sum.py -> lib/sum.py\n*** Make Executable: a.txt\n"
    result = console.run("edits", "apply", "--repo", repo, stdin=reply)
    assert result.stdout == "written: a.txt\nwritten: lib/sum.py\nremoved: shop/sum.py\n"
    assert (repo / "lib/sum.py").read_text() == "def f():\n    return 1\n"
    assert all((repo / path).stat().st_mode & 0o100 for path in ("lib/sum.py", "a.txt"))


def test_a_check_writes_nothing_and_explains_the_same(console: Console, repo: Path) -> None:
    (console.folder / "reply.md").write_text(REPLY)
    output = console.json("edits", "apply", "--repo", repo, "--check", "--json", "reply.md")
    step = {"block": 1, "path": "shop/sum.py", "how": "indentation at line 2"}
    assert output == {
        "status": "checked",
        "files": ["shop/sum.py"],
        "steps": [step],
        "notices": [],
        "reason": "",
    }
    assert (repo / "shop/sum.py").read_text().endswith("return 1\n")


def test_a_refused_reply_writes_nothing_and_has_a_reason(console: Console, repo: Path) -> None:
    both = REPLY + "\na.txt\n<<<<<<< SEARCH\nb\n=======\nc\n>>>>>>> REPLACE\n"
    assert console.refused("edits", "apply", "--repo", repo, code=1, stdin=both).startswith(
        "refused"
    )
    (output,) = console.lines("edits", "apply", "--repo", repo, "--json", code=1, stdin=both)
    assert output["status"] == "rejected" and "Block 2 (`a.txt`)" in output["reason"]
    assert (repo / "shop/sum.py").read_text().endswith("return 1\n")


def test_links_and_folders_cannot_be_edited(console: Console, repo: Path) -> None:
    outside = console.folder / "outside.txt"
    outside.write_text("a\n")
    (repo / "link.txt").symlink_to(outside)
    (repo / "out").symlink_to(console.folder)
    for path, why in (
        ("link.txt", "symbolic link"),
        ("out/outside.txt", "`out` is a symbolic link, not a folder"),
        ("shop", "folder"),
        ("a.txt/b.txt", "`a.txt` is a file, not a folder"),
    ):
        reply = f"`{path}`\n<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\n"
        (output,) = console.lines("edits", "apply", "--repo", repo, "--json", code=1, stdin=reply)
        assert why in output["reason"]
    assert outside.read_text() == "a\n"


def test_files_are_created_and_removed(console: Console, repo: Path) -> None:
    reply = "*** Begin Patch\n*** Add File: new/b.txt\n+b\n*** Delete File: a.txt\n*** End Patch\n"
    assert console.run("edits", "apply", "--repo", repo, stdin=reply).exit_code == 0
    assert (repo / "new/b.txt").read_text() == "b\n"
    assert not (repo / "a.txt").exists()


def test_the_folders_own_rules_apply_and_invalid_ones_are_an_error(
    console: Console, repo: Path
) -> None:
    config = repo / ".coding-agent.toml"
    config.write_text('[edits]\nprotected = ["shop"]\n')
    (output,) = console.lines("edits", "apply", "--repo", repo, "--json", code=1, stdin=REPLY)
    assert "policy" in output["reason"]
    config.write_text("[edits]\nprotects = 1\n")
    assert "[edits] protects" in console.refused("edits", "apply", "--repo", repo, stdin=REPLY)
