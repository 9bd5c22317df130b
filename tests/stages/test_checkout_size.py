"""Checking out large repositories: what is refused before and while it is fetched, and what is left
out.
"""

from pathlib import Path

import pytest

from pipeline.outcome import Outcome
from pipeline.stage import Stop
from repository.git import MirrorLimits, Mirrors
from stages.checkout import MAX_FILES, MAX_WHOLE_HISTORY_KB, Checkout, CheckoutStage
from stages.fetch_issue import Issue
from tests.stages.test_checkout import Remote, issue
from tests.stand_ins.forge import StaticForge
from tests.stand_ins.runs import StageRun, job

LARGE_KB = MAX_WHOLE_HISTORY_KB + 1


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    remote = Remote(tmp_path / "remote.git")
    remote.git("config", "uploadpack.allowFilter", "true")
    remote.git("config", "uploadpack.allowAnySHA1InWant", "true")
    return remote


def large(remote: Remote) -> Issue:
    url = remote.folder.as_uri()
    return issue(remote).model_copy(update={"size_kb": LARGE_KB, "clone_url": url})


def machine(tmp_path: Path, name: str = "one", *, limit: int | None = None) -> CheckoutStage:
    mirrors = Mirrors(tmp_path / name, lambda _: None, limits=MirrorLimits(repository=limit))
    return CheckoutStage(StaticForge(clone_url=str(tmp_path / "remote.git")), mirrors)


def reason(answer: Checkout | Stop) -> str:
    assert isinstance(answer, Stop) and answer.outcome is Outcome.REJECTED, answer
    return answer.reason


async def test_a_repository_above_the_limit_is_rejected_before_it_is_fetched(
    tmp_path: Path, remote: Remote
):
    remote.commit("main", {"a.py": "x = 1\n"})
    stage = machine(tmp_path, limit=50_000_000)
    result = await stage.run(large(remote), StageRun(tmp_path).context())
    assert reason(result) == (
        "octo/repo is too large: all its branches have 50 MB, and CODING_AGENT_MAX_REPOSITORY_MB"
        " allows 50"
    )
    assert not (tmp_path / "one").exists()


async def test_files_that_are_larger_than_their_pack_are_rejected(tmp_path: Path, remote: Remote):
    remote.commit("main", {"zeros": "0" * 3_000_000})
    stage = machine(tmp_path, limit=1_000_000)
    result = await stage.run(issue(remote), StageRun(tmp_path).context())
    assert reason(result) == (
        "octo/repo is too large: its files have 3 MB, and CODING_AGENT_MAX_REPOSITORY_MB allows 1"
    )


def commit_bomb(remote: Remote, branch: str) -> None:
    """Commit a tree with ten million files, all of which are the same one."""
    sha = remote.git("hash-object", "-w", "--stdin", stdin="x")
    kind = "100644 blob"
    for _ in range(7):
        entries = [f"{kind} {sha}\t{number}\n" for number in range(10)]
        sha = remote.git("mktree", stdin="".join(entries))
        kind = "040000 tree"
    commit = remote.git("commit-tree", sha, "-m", "many files")
    remote.git("update-ref", f"refs/heads/{branch}", commit)


async def test_a_tree_of_endlessly_many_files_is_rejected_without_listing_them(
    tmp_path: Path, remote: Remote
):
    commit_bomb(remote, "main")
    answer = await machine(tmp_path).run(issue(remote), StageRun(tmp_path).context())
    assert f"more than {MAX_FILES} files" in reason(answer)


async def test_the_default_branchs_files_are_counted_whichever_branch_the_job_names(
    tmp_path: Path, remote: Remote
):
    remote.commit("old", {"a.py": "x = 1\n"})
    commit_bomb(remote, "main")
    run = StageRun(tmp_path, job(base_branch="old"))
    answer = await machine(tmp_path).run(issue(remote), run.context())
    assert f"more than {MAX_FILES} files" in reason(answer)


async def test_of_a_large_repository_only_the_base_commits_contents_are_fetched(
    tmp_path: Path, remote: Remote
):
    old = remote.commit("main", {"a.py": "x = 1\n"})
    sha = remote.commit("main", {"a.py": "x = 2\n"}, parent=old)
    remote.git("tag", "v1.0", old)
    result = await machine(tmp_path).run(large(remote), StageRun(tmp_path).context())
    assert isinstance(result, Checkout)
    assert (result.base_sha, result.partial) == (sha, True)
    assert result.described == f"v1.0-1-g{sha[:7]}"
    mirror = Mirrors(tmp_path / "one", lambda _: None).at("octo/repo")
    assert mirror.has_contents(sha) and mirror.has(old) and not mirror.has_contents(old)


async def test_the_default_branchs_configuration_is_read_in_a_partial_mirror(
    tmp_path: Path, remote: Remote
):
    remote.commit("main", {"b.py": "y\n", ".coding-agent.toml": "[edits]\nmax_files = 3\n"})
    remote.commit("release", {"a.py": "x\n"})
    run = StageRun(tmp_path, job(base_branch="release"))
    result = await machine(tmp_path).run(large(remote), run.context())
    assert isinstance(result, Checkout)
    assert (result.base_branch, result.config) == ("release", "[edits]\nmax_files = 3\n")


async def test_another_machine_restores_the_contents_of_an_old_base(tmp_path: Path, remote: Remote):
    base = remote.commit("main", {"a.py": "x = 1\n"})
    result = await machine(tmp_path).run(large(remote), StageRun(tmp_path).context())
    assert isinstance(result, Checkout)
    remote.commit("main", {"a.py": "x = 2\n"}, parent=base)
    other = machine(tmp_path, "another")
    await other.run(large(remote), StageRun(tmp_path).context())
    mirror = Mirrors(tmp_path / "another", lambda _: None).at("octo/repo")
    assert not mirror.has_contents(base)
    await other.restore(result, StageRun(tmp_path).context())
    assert mirror.read(base, "a.py") == b"x = 1\n"


async def test_a_mirror_is_kept_until_the_run_ends(tmp_path: Path, remote: Remote):
    remote.commit("main", {"a.py": "x = 1\n"})
    run = StageRun(tmp_path)
    result = await machine(tmp_path).run(issue(remote), run.context())
    assert isinstance(result, Checkout)
    mirrors = Mirrors(tmp_path / "one", lambda _: None, limits=MirrorLimits(all_mirrors=0))
    mirrors.make_room()
    assert mirrors.at("octo/repo").has(result.base_sha)
    run.held.close()
    mirrors.make_room()
    assert not mirrors.at("octo/repo").folder.exists()
    await machine(tmp_path).restore(result, run.context())
    mirrors.make_room()
    assert mirrors.at("octo/repo").has(result.base_sha)
