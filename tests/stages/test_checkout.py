"""Checking out, with real git and a bare repository beside the mirrors."""

import os
import subprocess
from pathlib import Path

import pytest

from pipeline.errors import Family, judge
from pipeline.github import ForgeRefused
from pipeline.github.issue_pulls import branch_name
from pipeline.job import FixIssueJob
from pipeline.outcome import Outcome
from pipeline.stage import Stop
from repository.git import GitRefused, GitUnavailable, Identity, Mirrors
from stages.checkout import Checkout, CheckoutStage
from stages.fetch_issue import Issue
from tests.stand_ins.forge import StaticForge
from tests.stand_ins.runs import StageRun, job

SECONDS = 1_700_000_000


class Remote:
    """A bare repository, as a forge keeps it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.git("init", "--quiet", "--bare", "--initial-branch=main", str(folder))

    def git(self, *arguments: str, stdin: str = "") -> str:
        ann = (("NAME", "ann"), ("EMAIL", "a@example.com"), ("DATE", f"{SECONDS} +0000"))
        identity = {
            f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER") for part, value in ann
        }
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": "/nonexistent",
            "GIT_CONFIG_NOSYSTEM": "1",
        } | identity
        where = [f"--git-dir={self.folder}"] if self.folder.exists() else []
        process = subprocess.run(
            ["git", *where, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        )
        return process.stdout.strip()

    def commit(self, branch: str, files: dict[str, str], *, parent: str | None = None) -> str:
        lines = [
            f"100644 blob {self.git('hash-object', '-w', '--stdin', stdin=text)}\t{name}"
            for name, text in files.items()
        ]
        tree = self.git("mktree", stdin="\n".join(lines))
        sha = self.git(
            "commit-tree",
            tree,
            "-m",
            f"{branch} {files}"[:200],
            *(["-p", parent] if parent else []),
        )
        self.git("update-ref", f"refs/heads/{branch}", sha)
        return sha


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return Remote(tmp_path / "remote.git")


def issue(remote: Remote, branch: str = "main") -> Issue:
    return Issue(
        url=job().issue_url,
        repository="octo/repo",
        number=42,
        title="t",
        body="b",
        author="ann",
        association="NONE",
        comments=(),
        clone_url=str(remote.folder),
        default_branch=branch,
        private=True,
        snapshot_sha256="0" * 64,
        hidden=(),
    )


def machine(tmp_path: Path, name: str = "one") -> CheckoutStage:
    forge = StaticForge(clone_url=str(tmp_path / "remote.git"))
    return CheckoutStage(forge, Mirrors(tmp_path / name, lambda _: None))


async def look(
    tmp_path: Path,
    remote: Remote,
    requested: FixIssueJob | None = None,
    *,
    pushed: str | None = None,
) -> Checkout | Stop:
    run = StageRun(tmp_path, requested)
    if pushed is not None:
        run.store.intend(run.claimed.lease, "push", {"sha": pushed})
        run.next_generation(id="again")
    return await machine(tmp_path).run(issue(remote), run.context())


def reason(answer: Checkout | Stop) -> str:
    assert isinstance(answer, Stop) and answer.outcome is Outcome.REJECTED, answer
    return answer.reason


async def test_the_current_base_commit_is_recorded(tmp_path: Path, remote: Remote):
    sha = remote.commit("main", {"a.py": "x = 1\n"})
    remote.git("tag", "v1.2", sha)
    answer = await look(tmp_path, remote)
    assert answer == Checkout(
        repository="octo/repo",
        clone_url=str(remote.folder),
        base_branch="main",
        base_sha=sha,
        committed_at=SECONDS,
        described=f"v1.2-0-g{sha[:7]}",
    )
    assert answer.facts().base_sha == sha


async def test_an_existing_mirror_is_updated(tmp_path: Path, remote: Remote):
    first = remote.commit("main", {"a.py": "x = 1\n"})
    await look(tmp_path, remote)
    second = remote.commit("main", {"a.py": "x = 2\n"}, parent=first)
    answer = await look(tmp_path, remote)
    assert isinstance(answer, Checkout) and answer.base_sha == second


async def test_the_requested_branch_is_the_base(tmp_path: Path, remote: Remote):
    remote.commit("main", {"a.py": "x = 1\n"})
    older = remote.commit("release/1.x", {"a.py": "x = 0\n"})
    answer = await look(tmp_path, remote, job(base_branch="release/1.x"))
    assert isinstance(answer, Checkout)
    assert (answer.base_branch, answer.base_sha, answer.described) == ("release/1.x", older, None)


async def test_a_missing_branch_is_rejected_by_name(tmp_path: Path, remote: Remote):
    remote.commit("main", {"a.py": "x = 1\n"})
    assert (
        reason(await look(tmp_path, remote, job(base_branch="nope")))
        == "octo/repo has no branch 'nope'"
    )


async def test_a_branch_deleted_on_the_remote_is_not_used(tmp_path: Path, remote: Remote):
    remote.commit("main", {"a.py": "x = 1\n"})
    remote.commit("old", {"a.py": "x = 0\n"})
    assert isinstance(await look(tmp_path, remote, job(base_branch="old")), Checkout)
    remote.git("update-ref", "-d", "refs/heads/old")
    assert "has no branch 'old'" in reason(await look(tmp_path, remote, job(base_branch="old")))


async def test_an_empty_repository_is_rejected(tmp_path: Path, remote: Remote):
    assert reason(await look(tmp_path, remote)) == "octo/repo is empty"


async def test_a_branch_without_files_is_rejected(tmp_path: Path, remote: Remote):
    remote.commit("main", {})
    assert reason(await look(tmp_path, remote)) == "octo/repo has no files on 'main'"


async def test_a_fetch_without_an_answer_is_repeated_later(tmp_path: Path, remote: Remote):
    unreachable = issue(remote).model_copy(update={"clone_url": "http://127.0.0.1:1/octo/repo"})
    with pytest.raises(GitUnavailable, match="fetch") as caught:
        await machine(tmp_path).run(unreachable, StageRun(tmp_path).context())
    assert judge(caught.value).family is Family.WAIT


async def test_a_refused_fetch_is_rejected_at_once(tmp_path: Path, remote: Remote):
    missing = issue(remote).model_copy(update={"clone_url": str(tmp_path / "gone.git")})
    result = await machine(tmp_path).run(missing, StageRun(tmp_path).context())
    assert reason(result).startswith("octo/repo can't be fetched: there is no git repository")


async def test_an_app_that_was_removed_since_the_issue_was_read_is_a_rejection(
    tmp_path: Path, remote: Remote
):
    def token(repository: str) -> str:
        raise ForgeRefused(f"the GitHub App is not installed on {repository}")

    forge = StaticForge(clone_url=str(remote.folder))
    stage = CheckoutStage(forge, Mirrors(tmp_path / "one", token))
    run = StageRun(tmp_path, job(options={"dry_run": True}))
    result = await stage.run(issue(remote), run.context())
    assert reason(result) == (
        "octo/repo can't be fetched: the GitHub App is not installed on octo/repo"
    )


async def test_a_foreign_commit_on_our_branch_is_rejected(tmp_path: Path, remote: Remote):
    base = remote.commit("main", {"a.py": "x = 1\n"})
    branch = branch_name(42, job().id)
    foreign_sha = remote.commit(branch, {"a.py": "x = 3\n"}, parent=base)
    assert (
        reason(await look(tmp_path, remote))
        == f"branch {branch} holds a commit that is not ours ({foreign_sha[:12]}): delete or rename"
        " the branch, then run this again"
    )
    assert isinstance(await look(tmp_path, remote, job(options={"dry_run": True})), Checkout)


async def test_a_branch_pushed_by_an_earlier_generation_is_ours(tmp_path: Path, remote: Remote):
    base = remote.commit("main", {"a.py": "x = 1\n"})
    pushed_sha = remote.commit(branch_name(42, job().id), {"a.py": "x = 2\n"}, parent=base)
    assert isinstance(await look(tmp_path, remote, pushed=pushed_sha), Checkout)
    remote.commit(branch_name(42, job().id), {"a.py": "theirs\n"}, parent=pushed_sha)
    assert "not ours" in reason(await look(tmp_path, remote, pushed=pushed_sha))


async def test_the_recorded_commit_is_restored_on_an_empty_disk(tmp_path: Path, remote: Remote):
    base = remote.commit("main", {"a.py": "x = 1\n"})
    result = await look(tmp_path, remote)
    assert isinstance(result, Checkout)
    remote.commit("main", {"a.py": "rewritten\n"})  # the base is on no branch any more
    other = machine(tmp_path, "another")
    await other.restore(result, StageRun(tmp_path).context())
    mirror = Mirrors(tmp_path / "another", lambda _: None).at("octo/repo")
    assert mirror.read(base, "a.py") == b"x = 1\n"
    assert mirror.commit(
        mirror.tree_of(base), base, "works", Identity("a", "a@example.com"), SECONDS
    )


async def test_a_machine_with_the_commit_fetches_nothing(tmp_path: Path, remote: Remote):
    remote.commit("main", {"a.py": "x = 1\n"})
    result = await look(tmp_path, remote)
    assert isinstance(result, Checkout)
    remote.folder.rename(tmp_path / "offline.git")
    await machine(tmp_path).restore(result, StageRun(tmp_path).context())
    with pytest.raises(GitRefused):
        await machine(tmp_path, "another").restore(result, StageRun(tmp_path).context())


@pytest.mark.parametrize("name", ["feature/#12", "release/1.0+x", "größe/日本語", "@", "it's;x"])
async def test_a_base_branch_is_checked_out_whatever_its_name(
    tmp_path: Path, remote: Remote, name: str
):
    sha = remote.commit(name, {"a.py": "x = 1\n"})
    result = await look(tmp_path, remote, job(base_branch=name))
    assert isinstance(result, Checkout)
    assert (result.base_branch, result.base_sha) == (name, sha)


async def test_the_default_branchs_configuration_applies(remote, tmp_path):
    remote.commit("main", {"a.py": "x\n", ".coding-agent.toml": "[edits]\nmax_files = 3\n"})
    remote.commit("release", {"a.py": "x\n", ".coding-agent.toml": "[edits]\nmax_files = 9\n"})
    result = await look(tmp_path, remote, job(base_branch="release"))
    assert isinstance(result, Checkout)
    assert (result.base_branch, result.config) == ("release", "[edits]\nmax_files = 3\n")


async def test_a_configuration_that_an_editor_saved_with_a_byte_order_mark_is_read(
    remote, tmp_path
):
    text = "[edits]\nmax_files = 3\n"
    remote.commit("main", {"a.py": "x\n", ".coding-agent.toml": f"\ufeff{text}"})
    result = await look(tmp_path, remote, job())
    assert isinstance(result, Checkout)
    assert result.config == text
