"""The paths of files in patches."""

import subprocess
from pathlib import Path

import pytest

from console.html.diffs import read_patch
from tests.cli.console import git

NAMES = ["a.py", "with space.py", "x b/y.py", "é/ü.py", 'quote".py', "back\\slash.py"]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message=first")
    return tmp_path


def add(repository: Path, name: str) -> None:
    file = repository / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("text\n")
    git(repository, "add", "--all")


def paths(repository: Path) -> list[str]:
    """Return the paths in the patch of what is staged."""
    command = ["git", "diff", "--cached", "--find-renames"]
    patch = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True)
    return [file.path for file in read_patch(patch.stdout)]


@pytest.mark.parametrize("name", NAMES)
def test_a_path_is_read_as_git_writes_it(repository: Path, name: str) -> None:
    add(repository, name)
    assert paths(repository) == [name]


@pytest.mark.parametrize("name", NAMES[1:])
def test_a_renamed_file_has_its_new_path(repository: Path, name: str) -> None:
    add(repository, "a.py")
    git(repository, "commit", "--quiet", "--message=second")
    (repository / "a.py").unlink()
    add(repository, name)
    assert paths(repository) == [name]


def test_control_characters_stay_escaped(repository: Path) -> None:
    add(repository, "a\n\x1b\t.py")
    assert paths(repository) == [r"a\n\033\t.py"]


def test_a_name_that_git_would_not_write_is_text() -> None:
    (file,) = read_patch('diff --git "a/\\9\\777\\" "b/\\9\\777\\"\n')
    assert file.path == r"\9\777" + "\\"
