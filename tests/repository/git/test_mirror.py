"""Mirrors with real git: HTTP with a token against the stand-in, trees and patches by plumbing
commands only.
"""

import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from repository.git import (
    GitError,
    GitRefused,
    GitUnavailable,
    Identity,
    Mirror,
    PushRejected,
)
from tests.stand_ins.github import OUTSIDER_TOKEN, READ_TOKEN, WRITE_TOKEN, GithubStandIn

AUTHOR = Identity("coding-agent", "agent@example.com")
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""The tree without files, which every git knows."""


def changed(mirror: Mirror, url: str, content: bytes = b"changed\n") -> tuple[str, str]:
    """Return (base, a commit on top of it) in a mirror that has been fetched."""
    mirror.fetch(url, ["main"])
    base = mirror.branch("main")
    assert base
    tree = mirror.write_tree(base, {"a.txt": content})
    return base, mirror.commit(tree, base, "Change a.txt", AUTHOR, 1_700_000_000)


def test_a_commit_is_pushed_to_a_new_branch(
    github: GithubStandIn, mirror: Mirror, url: str
) -> None:
    base, commit = changed(mirror, url)
    assert mirror.remote_branch(url, "agent/1") is None
    mirror.push(url, commit, "agent/1", expected=None)
    assert mirror.remote_branch(url, "agent/1") == commit == github.sha("octo/sample", "agent/1")
    assert github.files("octo/sample", "agent/1") == {"a.txt": b"changed\n", "src/b.py": b"b = 1\n"}
    assert mirror.remote_branch(url, "main") == base


def test_a_push_whose_reply_was_lost_can_be_repeated(
    github: GithubStandIn, mirror: Mirror, url: str
) -> None:
    _, commit = changed(mirror, url)
    github.fail_next("POST", "git-receive-pack$", status=502, after_effect=True)
    with pytest.raises(GitUnavailable):
        mirror.push(url, commit, "agent/1", expected=None)
    assert mirror.remote_branch(url, "agent/1") == commit
    mirror.push(url, commit, "agent/1", expected=None)


def test_a_push_that_curl_repeats_after_a_lost_reply_succeeds(
    github: GithubStandIn, mirror: Mirror, url: str
) -> None:
    _, commit = changed(mirror, url)
    github.fail_next("POST", "git-receive-pack$", status=None, after_effect=True)
    mirror.push(url, commit, "agent/1", expected=None)
    pushes = [request for request in github.requests if request.path.endswith("git-receive-pack")]
    assert [request.status for request in pushes if request.method == "POST"] == [None, 200]
    assert github.sha("octo/sample", "agent/1") == commit


def test_a_rejection_that_cannot_be_checked_is_not_one(
    github: GithubStandIn, mirror: Mirror, url: str
) -> None:
    _, commit = changed(mirror, url)
    github.fail_next("POST", "git-receive-pack$", status=None, after_effect=True)
    github.fail_next("POST", "git-upload-pack$", status=502)
    with pytest.raises(GitUnavailable):
        mirror.push(url, commit, "agent/1", expected=None)


def test_a_push_waits_for_another_one_that_the_remote_is_working_on(
    github: GithubStandIn, mirror: Mirror, url: str
) -> None:
    _, commit = changed(mirror, url)
    lock = github.path("octo/sample") / "refs/heads/agent/1.lock"
    lock.parent.mkdir()
    lock.touch()
    with pytest.raises(GitUnavailable):
        mirror.push(url, commit, "agent/1", expected=None)


def test_a_push_never_overwrites_a_branch_that_should_not_be_there(
    github: GithubStandIn, mirror: Mirror, url: str
) -> None:
    _, commit = changed(mirror, url)
    person = github.commit("octo/sample", {"a.txt": "by a person\n"}, branch="agent/1")
    with pytest.raises(PushRejected):
        mirror.push(url, commit, "agent/1", expected=None)
    assert github.sha("octo/sample", "agent/1") == person


def test_a_push_is_rejected_when_the_branch_has_moved(
    github: GithubStandIn, mirror: Mirror, url: str
) -> None:
    base, first = changed(mirror, url)
    mirror.push(url, first, "agent/1", expected=None)
    _, second = changed(mirror, url, b"again\n")
    mirror.push(url, second, "agent/1", expected=first)  # no fast-forward: both stand on the base
    assert github.sha("octo/sample", "agent/1") == second
    with pytest.raises(PushRejected):
        mirror.push(url, base, "agent/1", expected=first)
    assert github.sha("octo/sample", "agent/1") == second


def test_a_branch_that_appears_during_the_push_is_not_overwritten(
    github: GithubStandIn, mirror: Mirror, url: str
) -> None:
    base, commit = changed(mirror, url)
    hook = github.path("octo/sample") / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f'#!/bin/sh\nexec git update-ref "$1" {base}\n')
    hook.chmod(0o755)
    with pytest.raises(PushRejected):
        mirror.push(url, commit, "agent/1", expected=None)
    assert github.sha("octo/sample", "agent/1") == base


@pytest.mark.parametrize("token", [None, "ghp_wrong", OUTSIDER_TOKEN])
def test_an_invisible_repository_is_an_error_without_a_prompt(
    tmp_path: Path, url: str, token: str | None
) -> None:
    with pytest.raises(GitRefused, match=r"\((401|404)\)"):
        Mirror(tmp_path / "m.git", lambda: token).fetch(url, ["main"])


def test_a_read_only_token_fetches_and_cannot_push(tmp_path: Path, url: str) -> None:
    mirror = Mirror(tmp_path / "m.git", lambda: READ_TOKEN)
    _, commit = changed(mirror, url)
    with pytest.raises(GitRefused, match="Contents: write"):
        mirror.push(url, commit, "agent/1", expected=None)


def test_the_token_is_in_no_argument_and_no_file(
    github: GithubStandIn, mirror: Mirror, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = shutil.which("git")
    log = tmp_path / "trace"
    folder = tmp_path / "bin"
    folder.mkdir()
    # git's own trace shows the arguments of every process that it starts, including helpers.
    (folder / "git").write_text(f'#!/bin/sh\nGIT_TRACE="{log}" exec "{real}" "$@"\n')
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    _, commit = changed(mirror, url)
    mirror.push(url, commit, "agent/1", expected=None)

    trace = log.read_bytes()
    assert b"remote-http" in trace and b"askpass" in trace and WRITE_TOKEN.encode() not in trace
    files = [path for path in mirror.folder.rglob("*") if path.is_file()]
    assert files and not any(WRITE_TOKEN.encode() in path.read_bytes() for path in files)
    assert not any(WRITE_TOKEN in logged.path for logged in github.requests)


def test_a_redirect_does_not_carry_the_token_elsewhere(
    github: GithubStandIn, mirror: Mirror, url: str
) -> None:
    with GithubStandIn(mirror.folder.parent / "elsewhere") as other:
        other.add_repository("octo/sample", {"a.txt": "a\n"}, private=True)
        there = f"{other.origin}/octo/sample.git/info/refs?service=git-upload-pack"
        github.fail_next("GET", "info/refs$", status=301, headers={"Location": there})
        with pytest.raises(GitRefused, match="redirects to another one"):
            mirror.fetch(url, ["main"])
        assert other.requests == []


def test_a_large_push_arrives_in_chunks(github: GithubStandIn, mirror: Mirror, url: str) -> None:
    noise = os.urandom(3_000_000)
    _, commit = changed(mirror, url, noise)
    mirror.push(url, commit, "agent/1", expected=None)
    assert github.files("octo/sample", "agent/1")["a.txt"] == noise


def test_the_same_arguments_give_the_same_commit(local: Mirror, base: str) -> None:
    tree = local.write_tree(base, {"a": b"x"})
    commits = {local.commit(tree, base, "m \ud800\0 ü", AUTHOR, 1_700_000_000) for _ in range(2)}
    assert len(commits) == 1
    described = subprocess.run(
        ["git", "show", "-s", "--format=%an|%ae|%cn|%ad|%P|%B", "--date=raw", *commits],
        cwd=local.folder,
        capture_output=True,
        check=True,
    )
    assert described.stdout.decode().strip() == (
        f"coding-agent|agent@example.com|coding-agent|1700000000 +0000|{base}|m ? ü"
    )


@pytest.fixture(scope="module")
def local() -> Iterator[Mirror]:
    """A mirror without a remote."""
    with tempfile.TemporaryDirectory() as folder:
        mirror = Mirror(Path(folder) / "m.git", lambda: None)
        subprocess.run(["git", "init", "-q", "--bare", str(mirror.folder)], check=True)
        yield mirror


@pytest.fixture(scope="module")
def base(local: Mirror) -> str:
    """A commit with a file, an executable, a symlink, a broken one, a folder and a submodule."""
    entries = []
    for mode, path, content in (
        ("100644", "plain.txt", b"plain\n"),
        ("100755", "run.sh", b"#!/bin/sh\n"),
        ("120000", "link", b"/etc/passwd"),
        ("120000", "dir-link", b"src"),
        ("100644", "src/b.py", b"b = 1\n"),
        ("100644", ".gitattributes", b"* filter=evil diff=evil text eol=crlf\n"),
    ):
        blob = subprocess.run(
            ["git", "hash-object", "-w", "--stdin"],
            cwd=local.folder,
            input=content,
            capture_output=True,
            check=True,
        )
        entries.append(f"{mode} {blob.stdout.decode().strip()}\t{path}")
    entries.append(f"160000 {'1' * 40}\tmodule")
    environment = os.environ | {"GIT_INDEX_FILE": str(local.folder / "seed-index")}
    lines = "\n".join(entries).encode()
    subprocess.run(
        ["git", "update-index", "--index-info"],
        cwd=local.folder,
        env=environment,
        input=lines,
        check=True,
    )
    tree = subprocess.check_output(
        ["git", "write-tree", "--missing-ok"], cwd=local.folder, env=environment
    )
    parentless = ["git", "-c", "user.name=A", "-c", "user.email=a@b", "commit-tree", "-m", "base"]
    return (
        subprocess.check_output([*parentless, tree.decode().strip()], cwd=local.folder)
        .decode()
        .strip()
    )


def test_links_and_submodules_are_not_followed_on_read(local: Mirror, base: str) -> None:
    assert local.read(base, "plain.txt") == b"plain\n"
    for path in (
        "link",
        "dir-link",
        "dir-link/b.py",
        "module",
        "src",
        "missing",
        "",
        ".",
        "../m.git/HEAD",
        "/etc/passwd",
        "src//b.py",
        "src/../plain.txt",
        "pl*",
        ":(glob)**",
        "a\0b",
        "\ud800",
    ):
        assert local.read(base, path) is None, path


def test_an_export_has_the_files_but_no_git_folder(
    local: Mirror, base: str, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    local.export(base, folder)
    assert not list(folder.rglob(".git"))
    assert (folder / "src/b.py").read_text() == "b = 1\n"
    assert (folder / "link").is_symlink() and os.readlink(folder / "link") == "/etc/passwd"
    assert (
        os.access(folder / "run.sh", os.X_OK)
        and not (folder / "plain.txt").stat().st_mode & stat.S_IXUSR
    )


def test_modes_are_kept_and_a_written_link_becomes_a_file(local: Mirror, base: str) -> None:
    tree = local.write_tree(
        base, {"run.sh": b"new", "plain.txt": b"new", "link": b"new", "module": b"new"}
    )
    modes = {entry.path: entry.mode for entry in local.files(tree)}
    assert modes["run.sh"] == "100755"
    assert modes["plain.txt"] == modes["link"] == modes["module"] == "100644"
    assert modes["dir-link"] == "120000"


@pytest.mark.parametrize(
    "path",
    [
        ".git/hooks/x",
        "src/.git/config",
        "../x",
        "/etc/x",
        "a//b",
        "",
        "src",
        "plain.txt/x",
        "dir-link/b.py",
        "a\0b",
        "\ud800",
        "./x",
        " /:",
        "a ",
    ],
)
def test_a_path_that_git_forbids_or_that_collides_is_refused(
    local: Mirror, base: str, path: str
) -> None:
    with pytest.raises(GitError):
        local.write_tree(base, {path: b"x"})


def test_a_patch_that_does_not_apply_is_refused_whole(local: Mirror, base: str) -> None:
    patch = local.diff(base, local.write_tree(base, {"plain.txt": b"other\n", "new.txt": b"n"}))
    elsewhere = local.write_tree(base, {"plain.txt": b"moved on\n"})
    with pytest.raises(GitError, match="does not apply"):
        local.apply(elsewhere, patch)


def test_read_many_returns_contents_in_order(local: Mirror, base: str) -> None:
    entries = {entry.path: entry for entry in local.files(base)}
    shas = [entries[name].sha for name in ("run.sh", "plain.txt", "run.sh")]
    assert list(local.read_many(shas)) == [b"#!/bin/sh\n", b"plain\n", b"#!/bin/sh\n"]
    assert list(local.read_many([])) == []
    with pytest.raises(GitError, match="no such object"):
        list(local.read_many(["0" * 40]))


# Names that tools trip over: spaces, newlines, quotes, non-ASCII, a leading colon, dash or bang,
# and " b/".
_part = st.text(st.sampled_from("ab :-!\"'\\\n\t*?[]{}ü文,#~^"), min_size=1, max_size=6).filter(
    lambda part: part not in (".", "..") and part.lower() != ".git" and part == part.strip()
)
_path = st.lists(_part, min_size=1, max_size=3).map("/".join)
_content = st.one_of(
    st.binary(max_size=30),
    st.text("ab\n\r ", max_size=40).map(str.encode),
    st.just(b"no newline at the end"),
    st.just(b"\0binary\n\xff"),
    st.just("é\n".encode("latin-1")),
)
_files = st.dictionaries(_path, _content, max_size=5).filter(
    lambda files: not any(other.startswith(f"{path}/") for path in files for other in files)
)


@settings(deadline=None, max_examples=25)
@given(_files, _files)
@example({"a": b"1"}, {"a/b": b"2"})
@example({"a/b": b"1"}, {"a": b"2"})
@example({"a b/a": b"", ":x": b"", "-x": b"\0"}, {"c b/x b/x": b"", ":(top)x": b"", "-x": b"\0\0"})
@example({"x": b"a\r\nb\r\n"}, {"x": b"a\nb"})
def test_write_diff_and_apply_are_one_round_trip(
    local: Mirror, old: dict[str, bytes], new: dict[str, bytes]
) -> None:
    before = local.write_tree(EMPTY_TREE, old)
    after = local.write_tree(before, {path: None for path in old if path not in new} | new)
    listed = local.files(after)
    blobs = local.read_many([entry.sha for entry in listed])
    assert {entry.path: blob for entry, blob in zip(listed, blobs, strict=True)} == new
    assert all(local.read(after, path) == content for path, content in new.items())
    patch = local.diff(before, after)
    assert local.apply(before, patch) == after
    assert local.apply(after, local.diff(after, before)) == before
    assert (patch == b"") == (before == after)
