"""A local repository as a forge."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.github import Forge, ForgeRefused, NewPull
from pipeline.github.local import LocalForge, local_issue_url
from pipeline.job import IssueRef
from pipeline.message_text import REFUSED_CHARACTERS
from repository.git import Mirror


def run(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
    process = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return process.stdout.strip()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    repository = tmp_path / "a repo ü"
    repository.mkdir()
    run(repository, "init", "-q", "-b", "trunk/1")
    return repository


def commit_file(folder: Path) -> Path:
    (folder / "f.txt").write_text("f\n")
    run(folder, "add", ".")
    run(folder, "commit", "-qm", "one")
    return folder


def open_forge(path: Path) -> tuple[Forge, IssueRef]:
    return LocalForge(path, "Title", "Body"), IssueRef.parse(local_issue_url(path, "Title\nBody"))


def test_a_local_repository_is_a_forge_that_opens_nothing(folder: Path) -> None:
    forge, ref = open_forge(commit_file(folder))
    repository = forge.repository(ref)
    assert (
        repository.clone_url,
        repository.default_branch,
        repository.push_refusal,
        repository.archived,
    ) == (
        str(folder),
        "trunk/1",
        None,
        False,
    )
    issue = forge.issue(ref)
    assert (issue.title, issue.body, issue.state, issue.number) == (
        "Title",
        "Body",
        "open",
        ref.number,
    )
    assert forge.token("octo/repo") is None
    assert not forge.opens_pulls
    assert forge.find_pulls(ref, "x") == []
    with pytest.raises(ForgeRefused):
        forge.create_pull(ref, NewPull("x", "trunk/1", "T", "B", draft=False))
    with pytest.raises(ForgeRefused):
        forge.update_pull(ref, 1, NewPull("x", "trunk/1", "T", "B", draft=False))


def test_the_clone_address_can_be_fetched(folder: Path, tmp_path: Path) -> None:
    forge, ref = open_forge(commit_file(folder))
    mirror = Mirror(tmp_path / "m.git", lambda: None)
    repository = forge.repository(ref)
    mirror.fetch(repository.clone_url, ["trunk/1"])
    assert mirror.branch(repository.default_branch) == run(folder, "rev-parse", "HEAD")


def test_an_unusable_repository_is_refused_with_the_reason(folder: Path, tmp_path: Path) -> None:
    (folder / "sub").mkdir()
    for path, reason in (
        (tmp_path, "is not a readable git repository"),
        (tmp_path / "nowhere", "is not a folder"),
        (folder, "has no commit"),
        (folder / "sub", f"is a folder inside the repository {folder}: give that one"),
    ):
        forge, ref = open_forge(path)
        with pytest.raises(ForgeRefused, match=reason):
            forge.repository(ref)
    run(commit_file(folder), "checkout", "-q", "--detach")
    forge, ref = open_forge(folder)
    with pytest.raises(ForgeRefused, match="detached HEAD"):
        forge.repository(ref)


def test_a_repository_of_another_user_is_read_if_the_user_trusts_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forge, ref = open_forge(commit_file(folder))
    # What git's own tests set: the repository then counts as another user's.
    monkeypatch.setattr(
        "repository.git.process._INHERITED", ("PATH", "GIT_TEST_ASSUME_DIFFERENT_OWNER")
    )
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ForgeRefused, match=r"another user.*git config --global --add"):
        forge.repository(ref)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    (tmp_path / ".gitconfig").write_text("[safe]\n\tdirectory = ~/*\n\tdirectory = *\n")
    mirror = Mirror(tmp_path / "m.git", lambda: None)
    mirror.fetch(forge.repository(ref).clone_url, ["trunk/1"])
    assert mirror.branch("trunk/1") is not None


def test_a_partial_clone_is_refused_with_the_commands_that_complete_it(
    folder: Path, tmp_path: Path
) -> None:
    commit_file(folder)
    (folder / "f.txt").write_text("second\n")
    run(folder, "commit", "-qam", "two")
    run(folder, "config", "uploadpack.allowFilter", "true")
    partial = tmp_path / "partial"
    run(tmp_path, "clone", "-q", "--filter=blob:none", folder.as_uri(), str(partial))
    forge, ref = open_forge(partial)
    with pytest.raises(ForgeRefused, match="is a partial clone") as refusal:
        forge.repository(ref)
    _, _, commands = str(refusal.value).partition("first: ")
    subprocess.run(["sh", "-c", commands], check=True, capture_output=True)
    Mirror(tmp_path / "m.git", lambda: None).fetch(forge.repository(ref).clone_url, ["trunk/1"])


def test_sha256_object_names_are_refused(tmp_path: Path) -> None:
    run(tmp_path, "init", "-q", "--object-format=sha256")
    forge, ref = open_forge(commit_file(tmp_path))
    with pytest.raises(ForgeRefused, match="names its objects with sha256"):
        forge.repository(ref)


def test_the_repositorys_own_configuration_runs_nothing(folder: Path, tmp_path: Path) -> None:
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch '{tmp_path}/sprung'\nexec \"$@\"\n")
    trap.chmod(0o755)
    commit_file(folder)
    run(folder, "config", "core.fsmonitor", str(trap))
    run(folder, "config", "uploadpack.packObjectsHook", str(trap))
    forge, ref = open_forge(folder)
    Mirror(tmp_path / "m.git", lambda: None).fetch(forge.repository(ref).clone_url, ["trunk/1"])
    assert not (tmp_path / "sprung").exists()


_names = st.text(
    st.characters(exclude_characters="/\n\r").filter(
        lambda character: not REFUSED_CHARACTERS.search(character)
    ),
    min_size=1,
    max_size=20,
)


@settings(deadline=None, max_examples=100)
@given(st.lists(_names, min_size=1, max_size=4), st.text(max_size=50))
@example(["a b", "issues", "7", "x#y?z%41"], "ü\ud800")
@example([" ", "naïve 文字\t"], "")
def test_the_address_of_a_local_issue_is_parsed(parts: list[str], text: str) -> None:
    path = Path("/", *parts)
    url = local_issue_url(path, text)
    ref = IssueRef.parse(url)
    assert (ref.url, ref.host, ref.owner) == (url, "file", "local")
    assert ref.name == path.name or path.name in (".", "..")
    assert 0 < ref.number < 10**9
    assert ref.number == IssueRef.parse(local_issue_url(Path("/other"), text)).number
