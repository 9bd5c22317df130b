"""A run's checkout: its time and disk against `git clone --depth 1`, and what it fetches.

    python -m benchmarks.checkout --repo DIR [--times 7] [--json OUT]

DIR is a local git repository; the stand-in for GitHub serves it over HTTP, with a token. One run
checks it out with no mirror (cold). Each further one (warm) finds a new commit, and is compared
with a fresh `git clone --depth 1` at the same moment. A checkout is the stage of a dry run, which
asks nothing about the right to push. Goals: ``ratio_to_shallow`` is at most 0.2; a run's disk,
which is what its mirror grows by and the tree that it exports, is that of the clone's tree and the
change; a run on main of a repository with 60 MB on another branch fetches less than 5 MB.
"""

import argparse
import asyncio
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.arguments import make_parser
from benchmarks.report import report, show, write
from pipeline.github.rest import GithubForge
from repository.git import Mirror, Mirrors, run_git
from repository.git.process import git_credentials
from stages.checkout import Checkout, CheckoutStage
from stages.fetch_issue import Issue
from tests.stand_ins.github import WRITE_TOKEN, GithubStandIn
from tests.stand_ins.runs import StageRun, job

REPOSITORY = "octo/repo"
OTHER_BRANCH_BYTES = 60_000_000
_COLUMNS = ("run", "checkout", "export", "shallow", "ratio", "mirror_grew", "tree", "shallow_tree")


@dataclass(frozen=True)
class CheckoutRow:
    """One run. Times are in seconds, sizes in bytes."""

    run: str
    checkout: float
    export: float
    """To write the base commit's files, which the later stages do."""
    shallow: float
    """`git clone --depth 1` of the same commit."""
    ratio: float
    """Of the checkout to the clone."""
    mirror_grew: int
    tree: int
    """The files that were written."""
    shallow_tree: int
    """Those of the clone, without its `.git`."""


class Remote:
    """A repository on the stand-in for GitHub, and the stage that checks it out."""

    def __init__(self, github: GithubStandIn, folder: Path, source: Path):
        """``folder`` gets the mirrors and the trees of runs."""
        self.branch = branch_of(source)
        self.github = github
        try:
            self.url = github.add_repository(
                REPOSITORY, source, default_branch=self.branch, private=True
            )
        except subprocess.CalledProcessError as error:
            reason = error.stderr.decode(errors="replace").strip()
            raise SystemExit(f"--repo {source} can't be served: {reason}") from error
        self._folder = folder
        self._forge = GithubForge(github.connect(WRITE_TOKEN))
        self._mirrors = Mirrors(folder / "mirrors", self._forge.token)

    @property
    def mirror(self) -> Mirror:
        return self._mirrors.at(REPOSITORY)

    def move(self, content: str) -> None:
        """Add a commit to the default branch."""
        files = {"benchmark.txt": content}
        self.github.commit(REPOSITORY, files, branch=self.branch)

    def check_out(self) -> tuple[Checkout, float]:
        """Check out the newest commit of the default branch, as a run does; return the seconds,
        too.
        """
        run = StageRun(self._folder, job(options={"dry_run": True}))
        stage = CheckoutStage(self._forge, self._mirrors)
        issue = self._issue(run)
        begin = time.perf_counter()
        with run.held:
            result = asyncio.run(stage.run(issue, run.context()))
        seconds = time.perf_counter() - begin
        if not isinstance(result, Checkout):
            raise SystemExit(f"the checkout was refused: {result}")
        return result, seconds

    def _issue(self, run: StageRun) -> Issue:
        repository = self._forge.repository(run.job.issue)
        return Issue(
            url=run.job.issue_url,
            repository=REPOSITORY,
            number=run.job.issue.number,
            title="t",
            body="b",
            author="ann",
            association="NONE",
            comments=(),
            clone_url=repository.clone_url,
            default_branch=repository.default_branch,
            private=repository.private,
            size_kb=repository.size_kb,
            snapshot_sha256="0" * 64,
            hidden=(),
        )


def measure(remote: Remote, folder: Path, times: int) -> list[CheckoutRow]:
    """Measure one cold and several warm runs."""
    rows = [_measure_run("cold", remote, folder)]
    for number in range(1, times + 1):
        remote.move(f"{number}\n")
        rows.append(_measure_run(f"warm {number}", remote, folder))
    return rows


def _measure_run(name: str, remote: Remote, folder: Path) -> CheckoutRow:
    clone = folder / "shallow"
    tree = folder / "tree"
    shallow = _clone(remote.url, clone)
    size_before = _size(remote.mirror.folder)
    result, checkout = remote.check_out()
    begin = time.perf_counter()
    remote.mirror.export(result.base_sha, tree)
    export = time.perf_counter() - begin
    shutil.rmtree(clone / ".git")
    row = CheckoutRow(
        run=name,
        checkout=checkout,
        export=export,
        shallow=shallow,
        ratio=checkout / shallow,
        mirror_grew=_size(remote.mirror.folder) - size_before,
        tree=_size(tree),
        shallow_tree=_size(clone),
    )
    shutil.rmtree(clone)
    shutil.rmtree(tree)
    return row


def _clone(url: str, folder: Path) -> float:
    """Clone without history; return the seconds."""
    begin = time.perf_counter()
    with git_credentials(WRITE_TOKEN) as secret:
        arguments = ["clone", "--quiet", "--depth=1", url, str(folder)]
        completed = run_git(arguments, cwd=folder.parent, environment=secret)
    if completed.returncode != 0:
        raise SystemExit(completed.stderr.decode(errors="replace"))
    return time.perf_counter() - begin


def bytes_for_main(folder: Path) -> int:
    """Return the size of the mirror of a repository with 60 MB on another branch, after a run on
    main.
    """
    with GithubStandIn(folder / "github") as github:
        source = folder / "source"
        make_repository(source)
        remote = Remote(github, folder, source)
        github.commit(REPOSITORY, {"large.bin": os.urandom(OTHER_BRANCH_BYTES)}, branch="other")
        remote.check_out()
        return _size(remote.mirror.folder)


def make_repository(folder: Path) -> None:
    folder.mkdir()
    (folder / "a.py").write_text("x = 1\n")
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    _git(folder, "init", "--quiet", "--initial-branch=main")
    _git(folder, "add", "--all")
    _git(folder, *identity, "commit", "--quiet", "--message=first")


def branch_of(folder: Path) -> str:
    """Return the branch that is checked out in a repository.

    Raises:
        SystemExit: there is none.
    """
    try:
        branch = _git(folder, "symbolic-ref", "--short", "HEAD").strip()
        _git(folder, "rev-parse", "--verify", f"refs/heads/{branch}")
    except (OSError, subprocess.CalledProcessError) as error:
        raise SystemExit(f"--repo {folder} has no branch that is checked out: {error}") from error
    return branch


def _git(folder: Path, *arguments: str) -> str:
    completed = subprocess.run(
        ["git", *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return completed.stdout


def _size(folder: Path) -> int:
    """Return the bytes of the files below a folder, links not followed."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())


def summarize(rows: Sequence[CheckoutRow], main_bytes: int) -> dict[str, float]:
    """Return the medians of the warm runs, and the figures of the cold one."""
    cold = rows[0]
    warm = rows[1:]
    shallow = statistics.median(row.shallow for row in warm)
    checkout = statistics.median(row.checkout for row in warm)
    exported = statistics.median(row.checkout + row.export for row in warm)
    grown = statistics.median(row.mirror_grew for row in warm)
    return {
        "ratio_to_shallow": checkout / shallow,
        "ratio_with_export": exported / shallow,
        "disk_to_tree": (warm[-1].tree + grown) / warm[-1].shallow_tree,
        "warm_seconds": checkout,
        "shallow_seconds": shallow,
        "cold_seconds": cold.checkout,
        "cold_ratio": cold.ratio,
        "cold_bytes": float(cold.mirror_grew),
        "main_bytes": float(main_bytes),
    }


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--repo", type=Path, required=True, help="a local git repository")
    parser.add_argument("--times", type=int, default=7, help="warm runs")
    parser.add_argument("--json", type=Path, help="write the results here")
    arguments: argparse.Namespace = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="checkout-") as name:
        folder = Path(name)
        with GithubStandIn(folder / "github") as github:
            remote = Remote(github, folder, arguments.repo.absolute())
            rows = measure(remote, folder, arguments.times)
        with tempfile.TemporaryDirectory(dir=folder) as other:
            main_bytes = bytes_for_main(Path(other))
    summary = summarize(rows, main_bytes)
    show("checkouts", _COLUMNS, [list(asdict(row).values()) for row in rows], summary)
    write(report("checkout", summary, [asdict(row) for row in rows]), arguments.json)


if __name__ == "__main__":
    main()
