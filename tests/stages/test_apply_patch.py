"""The stage over real git objects: candidates, feedback, and coming back on another machine."""

import os
import subprocess
from pathlib import Path

import pytest

from pipeline.stage import Back
from repository.git import GitError, Mirrors
from stages.apply_patch import ApplyPatch, Candidates
from stages.checkout import Checkout
from stages.propose_patch import EditSettings, Proposal, Proposals
from stages.propose_patch.results import ProposedFile, ProposedFiles
from tests.stand_ins.runs import StageRun

FILES = {
    "src/shop.py": b"def total(items):\n    return sum(items[1:])\n",
    "src/dos.py": b"a = 1\r\nb = 2",
    "latin.py": "name = 'é'\n".encode("latin-1"),
    "logo.png": b"\x89PNG\0\0",
    "run.sh": b"#!/bin/sh\necho hi\n",
}


def git(folder: Path, *arguments: str) -> str:
    identity = {
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@b",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b",
    }
    fixed = {
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "PATH": os.environ["PATH"],
    }
    completed = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env={**identity, **fixed},
        check=True,
        capture_output=True,
        text=True,
    )
    return completed.stdout.strip()


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    folder = tmp_path / "origin"
    for path, content in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    (folder / "run.sh").chmod(0o755)
    (folder / "link.py").symlink_to("src/shop.py")
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},lib")
    git(folder, "commit", "--quiet", "-m", "first")
    return folder


class Bench:
    """A machine with a mirror of ``origin``, and a run's artifacts."""

    def __init__(self, origin: Path, folder: Path, stage_run: StageRun | None = None):
        self.mirrors = Mirrors(folder, lambda _: None)
        self.mirror = self.mirrors.at("octo/shop")
        self.mirror.fetch(origin.as_uri(), ["main"])
        self.sha = git(origin, "rev-parse", "HEAD")
        self.stage_run = stage_run or StageRun(folder)
        self.stage = ApplyPatch(self.mirrors, EditSettings())

    async def run(self, *replies: str, config: str | None = None) -> Candidates | Back:
        proposals = [Proposal(reply=reply, exchange_key="k", model="m") for reply in replies]
        return await self.apply(*proposals, config=config)

    async def run_files(
        self, files: dict[str, ProposedFile], left_out: dict[str, str]
    ) -> Candidates | Back:
        run = self.stage_run.context()
        proposed = ProposedFiles(files=files, left_out=left_out)
        key = await run.save("changes.json", proposed.model_dump_json())
        proposal = Proposal(
            reply="It adds all items.", exchange_key="k", model="m", changes_key=key
        )
        return await self.apply(proposal)

    async def apply(self, *proposed: Proposal, config: str | None = None) -> Candidates | Back:
        checkout = Checkout(
            repository="octo/shop",
            clone_url="file:///x",
            base_branch="main",
            base_sha=self.sha,
            committed_at=0,
            described=None,
            config=config,
        )
        proposals = Proposals(
            proposals=proposed,
            templates={},
            template_set="0" * 64,
        )
        return await self.stage.run(checkout, proposals, self.stage_run.context())


@pytest.fixture
def bench(origin: Path, tmp_path: Path) -> Bench:
    return Bench(origin, tmp_path / "mirrors")


def block(path: str, search: str, replace: str) -> str:
    return f"{path}\n<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n"


GOOD = "The first item was left out.\n\n" + block(
    "src/shop.py", "    return sum(items[1:])\n", "    return sum(items)\n"
)


async def test_a_reply_becomes_a_tree_a_patch_and_a_summary(bench):
    result = await bench.run(
        GOOD + block("tests/test_shop.py", "", "def test_total():\n    assert True\n")
    )
    (candidate,) = result.candidates
    assert candidate.paths == ("src/shop.py", "tests/test_shop.py")
    assert candidate.summary == "The first item was left out."
    assert (
        bench.mirror.read(candidate.tree, "src/shop.py")
        == b"def total(items):\n    return sum(items)\n"
    )
    assert (
        bench.mirror.apply(bench.sha, bench.stage_run.artifacts.get(candidate.patch_key))
        == candidate.tree
    )
    assert result.facts().artifacts == {"patch": candidate.patch_key}


async def test_the_line_with_the_title_becomes_the_candidates_title(bench):
    result = await bench.run(f"Title: Keep the first item of a total\n\n{GOOD}")
    (candidate,) = result.candidates
    assert candidate.title == "Keep the first item of a total"
    assert candidate.summary == "The first item was left out."


async def test_proposals_with_the_same_tree_are_one_candidate(bench):
    result = await bench.run("nothing", GOOD, GOOD.replace("first", "1st"))
    assert [candidate.proposal for candidate in result.candidates] == [1]


async def test_a_reply_that_does_not_apply_goes_back_with_the_nearest_lines(bench):
    result = await bench.run(
        block("src/shop.py", "    return sum(item[1:])\n", "    return sum(items)\n")
    )
    assert isinstance(result, Back)
    assert result.to == "propose_patch"
    assert "    return sum(items[1:])" in result.because
    assert "<<<<<<< SEARCH" in result.because


async def test_a_reply_without_edits_goes_back(bench):
    assert "contains no edits" in (await bench.run("I can't help with that.")).because


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("link.py", "a symbolic link to `src/shop.py`: edit that file instead"),
        ("lib", "submodule"),
        ("lib/x.py", "`lib` is a submodule, not a folder"),
        ("src/shop.py/x.py", "`src/shop.py` is a file, not a folder"),
        ("src", "is a folder"),
        ("logo.png", "binary"),
        ("shop.py", "did you mean `src/shop.py`?"),
        (".github/workflows/ci.yml", "workflows"),
    ],
)
async def test_a_path_that_is_not_a_text_file_is_refused(bench, path, why):
    result = await bench.run(block(f"`{path}`", "x\n", "y\n"))
    assert isinstance(result, Back)
    assert why in result.because
    assert not bench.stage_run.artifacts.root.exists()


async def test_file_modes_and_line_endings_are_preserved(bench):
    result = await bench.run(
        block("run.sh", "echo hi\n", "echo ho\n") + block("src/dos.py", "b = 2\n", "b = 3\n")
    )
    tree = result.candidates[0].tree
    assert {entry.path: entry.mode for entry in bench.mirror.files(tree)}["run.sh"] == "100755"
    assert bench.mirror.read(tree, "src/dos.py") == b"a = 1\r\nb = 3"


async def test_bytes_outside_the_edit_are_preserved_in_another_encoding(bench):
    (candidate,) = (await bench.run(block("latin.py", "name = 'é'\n", "name = 'éé'\n"))).candidates
    assert bench.mirror.read(candidate.tree, "latin.py") == "name = 'éé'\n".encode("latin-1")


async def test_a_removed_file_is_among_the_candidates_paths(bench):
    result = await bench.run("*** Begin Patch\n*** Delete File: src/dos.py\n*** End Patch\n")
    (candidate,) = result.candidates
    assert candidate.paths == ("src/dos.py",)
    assert bench.mirror.read(candidate.tree, "src/dos.py") is None


async def test_a_refusal_by_the_repositorys_rules_goes_back_with_its_reason(bench):
    result = await bench.run(GOOD, config='[edits]\nprotected = ["src/*"]\n')
    assert isinstance(result, Back)
    assert (
        "policy: the repository's .coding-agent.toml protects `src/*`"
        in result.because.splitlines()[0]
    )


async def test_paths_that_the_deployment_protects_are_refused(bench):
    bench.stage = ApplyPatch(bench.mirrors, EditSettings(protected=("src",)))
    assert "the deployment protects `src`" in (await bench.run(GOOD)).because


async def test_invalid_rules_are_a_notice_to_the_reviewer(bench):
    added = block("tests/test_shop.py", "", "def test_total():\n    assert True\n")
    (candidate,) = (await bench.run(GOOD + added, config="[edits]\nprotect = 1\n")).candidates
    (notice,) = candidate.notices
    assert "[edits] protect" in notice and "default rules" in notice


async def test_another_machine_restores_the_same_trees(bench, origin, tmp_path):
    result = await bench.run(GOOD + block("src/dos.py", "a = 1\n", "a = 2\n"))
    other = Bench(origin, tmp_path / "elsewhere", bench.stage_run)
    await other.stage.restore(
        Candidates.model_validate_json(result.model_dump_json()), other.stage_run.context()
    )
    assert other.mirror.read(result.candidates[0].tree, "src/dos.py") == b"a = 2\r\nb = 2"


async def test_a_patch_that_produces_another_tree_is_not_restored(bench):
    result = await bench.run(GOOD)
    key = result.candidates[0].patch_key
    artifacts = bench.stage_run.artifacts
    patch = artifacts.get(key)
    artifacts.put(key, patch.replace(b"+    return sum(items)", b"+    return sum(other)"))
    with pytest.raises(GitError):
        await bench.stage.restore(result, bench.stage_run.context())


async def test_a_change_given_as_files_becomes_a_candidate(origin: Path, tmp_path: Path) -> None:
    bench = Bench(origin, tmp_path / "machine")
    answer = await bench.run_files(
        {
            "src/shop.py": ProposedFile(content=b"def total(items):\n    return sum(items)\n"),
            "src/tool.sh": ProposedFile(content=b"#!/bin/sh\n", executable=True),
            "run.sh": ProposedFile(content=FILES["run.sh"]),
            "latin.py": ProposedFile(content=None),
            "plot.png": ProposedFile(content=b"\0"),
        },
        {"odd\nname": "a symbolic link"},
    )
    assert isinstance(answer, Candidates)
    (candidate,) = answer.candidates
    assert candidate.paths == ("latin.py", "run.sh", "src/shop.py", "src/tool.sh")
    assert candidate.summary == "It adds all items."
    assert candidate.notices == (
        "odd name was left out of the change: a symbolic link",
        "plot.png was left out of the change: it is a binary file",
    )
    modes = {entry.path: entry.mode for entry in bench.mirror.files(candidate.tree)}
    assert (modes["src/tool.sh"], modes["run.sh"]) == ("100755", "100644")
    assert "latin.py" not in modes
    elsewhere = Bench(origin, tmp_path / "other", bench.stage_run)
    await elsewhere.stage.restore(answer, elsewhere.stage_run.context())
    assert elsewhere.mirror.files(candidate.tree) == bench.mirror.files(candidate.tree)


async def test_a_refused_change_given_as_files_goes_back_without_the_format_of_edits(
    origin: Path, tmp_path: Path
) -> None:
    bench = Bench(origin, tmp_path)
    answer = await bench.run_files({"poetry.lock": ProposedFile(content=b"x\n")}, {})
    assert isinstance(answer, Back)
    assert "`lock files`" in answer.because and "SEARCH" not in answer.because
