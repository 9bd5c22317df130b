"""The repository's own instructions: which files are read, and how much of them."""

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from repository.context.conventions import (
    MAX_FILE_CHARS,
    MAX_TOTAL_CHARS,
    Convention,
    read_conventions,
)
from repository.git import Mirrors

Read = Callable[..., tuple[Convention, ...]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Return a function that commits files and links, and reads the commit's conventions."""

    def read_committed(
        files: Mapping[str, str | bytes],
        links: Mapping[str, str] | None = None,
        likely: tuple[str, ...] = (),
    ) -> tuple[Convention, ...]:
        origin = tmp_path / "origin"
        for path, content in {"kept.py": "", **files}.items():
            file = origin / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        for path, target in (links or {}).items():
            (origin / path).symlink_to(target)
        environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null"}
        identity = ("-c", "user.name=a", "-c", "user.email=a@b")
        for command in (
            ("init", "-q", "-b", "main"),
            ("add", "-A"),
            (*identity, "commit", "-q", "-m", "first"),
        ):
            subprocess.run(["git", *command], cwd=origin, env=environment, check=True)
        mirror = Mirrors(tmp_path / "mirrors", lambda _: None).at("octo/shop")
        mirror.fetch(origin.as_uri(), ["main"])
        sha = mirror.branch("main")
        assert sha
        return read_conventions(mirror, mirror.files(sha), likely)

    return read_committed


def paths_of(conventions: tuple[Convention, ...]) -> list[str]:
    return [convention.path for convention in conventions]


def test_instructions_for_agents_come_before_those_for_contributors(read: Read) -> None:
    files = {
        "CONTRIBUTING.rst": "Run tox.",
        ".github/copilot-instructions.md": "Use double quotes.",
        "AGENTS.md": "Use tabs.\r\n",
        "docs/guide.md": "no instruction",
    }
    conventions = read(files)
    assert paths_of(conventions) == [
        "AGENTS.md",
        ".github/copilot-instructions.md",
        "CONTRIBUTING.rst",
    ]
    assert conventions[0].text == "Use tabs."


def test_nested_instructions_are_read_for_the_likely_files_only_nearest_first(read: Read) -> None:
    files = {
        "shop/AGENTS.md": "shop",
        "shop/cart/AGENTS.md": "cart",
        "other/AGENTS.md": "other",
        "shop/cart/total.py": "",
    }
    conventions = read(files, likely=("shop/cart/total.py",))
    assert paths_of(conventions) == ["shop/cart/AGENTS.md", "shop/AGENTS.md"]


@pytest.mark.parametrize("claude", ["Use tabs.\n", "@AGENTS.md\n", "AGENTS.md"])
def test_a_copy_of_another_file_or_a_reference_to_it_is_read_once(read: Read, claude: str) -> None:
    conventions = read({"AGENTS.md": "Use tabs.", "CLAUDE.md": claude})
    assert conventions == (Convention(path="AGENTS.md", text="Use tabs."),)


def test_links_are_followed_inside_the_commit_only(read: Read, tmp_path: Path) -> None:
    outside = tmp_path / "secret.md"
    outside.write_text("secret")
    links = {
        "AGENTS.md": "docs/agents.md",
        "CLAUDE.md": str(outside),
        ".cursorrules": "../secret.md",
        ".windsurfrules": ".windsurfrules",
        "GEMINI.md": "missing.md",
    }
    conventions = read({"docs/agents.md": "Use tabs."}, links)
    assert conventions == (Convention(path="AGENTS.md", text="Use tabs."),)


def test_binary_empty_and_huge_files_are_left_out(read: Read) -> None:
    files: dict[str, str | bytes] = {
        "AGENTS.md": b"\xff\xfe",
        "CLAUDE.md": b"a\0b",
        "GEMINI.md": " \n",
        ".cursorrules": "x\n" * 200_000,
    }
    assert read(files) == ()


def test_long_files_are_cut_and_all_of_them_together_are_bounded(read: Read) -> None:
    names = ("AGENTS.md", "CLAUDE.md", "GEMINI.md", "CONTRIBUTING.md")
    conventions = read({name: f"{name} rule\n" * 4_000 for name in names})
    assert paths_of(conventions) == ["AGENTS.md", "CLAUDE.md"]
    note = 60
    assert all(len(convention.text) <= MAX_FILE_CHARS + note for convention in conventions)
    assert sum(len(convention.text) for convention in conventions) <= MAX_TOTAL_CHARS + 2 * note
    assert "characters left out" in conventions[0].text
