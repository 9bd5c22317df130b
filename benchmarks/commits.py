"""Measure on a repository's own commits whether a fix with a test is proven red to green here.

    python -m benchmarks.commits --repos DIR [--only owner/name,...] [--per-repository N] \\
        [--since DATE] [--until DATE] [--seed N] [--work DIR] [--json OUT]

DIR contains git repositories (bare or not) named owner__name, in any language. From each, commits
that fix something and add a test are chosen by chance. Each commit's change is proposed, as a
model's reply would be, for its parent, with its message as the issue, and goes through the real
pipeline without configuration. ``not_a_fix`` counts commits whose tests also pass without it: they
are not in the share.
"""

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import report
from benchmarks.arguments import make_parser
from benchmarks.fix_commits import FixCommit, choose_commits
from benchmarks.instances import find_source, make_repository, read_changes, read_texts
from benchmarks.oracle import Oracle, as_reply
from benchmarks.this_machine import load_settings
from benchmarks.watched_engine import Ending, WatchedTests, Wrap, watched_engine
from cli import wiring
from console.history.intervals import wilson
from pipeline.github.local import LocalForge, local_issue_url
from pipeline.job import FixIssueJob
from pipeline.outcome import RunResult, Verification
from pipeline.settings import Settings
from pipeline.stage import Back, RunContext, Stop
from pipeline.worker import one_job
from repository.files import belongs_to_tests, is_test_file
from repository.git import Mirror
from repository.testing.models import Suite, TestReport
from sandbox import Sandbox
from stages.apply_patch import Candidates
from stages.prepare_tests import open_test_bed
from stages.run_tests import RunTests, Verdict

_MAX_REASON_CHARS = 400
_COLUMNS = ("repository", "commit", "runner", "python", "base", "word", "seconds", "reason")


@dataclass
class Row:
    """A commit's result."""

    repository: str
    commit: str
    word: str = ""
    """The verification, or the outcome of a run without one."""
    reason: str = ""
    runner: str | None = None
    python: str | None = None
    base: str = ""
    """Numbers of tests on the base commit."""
    own_tests: str = ""
    """What the commit's tests do without its fix: ``red``, ``green`` or ``not run``."""
    seconds: float = 0.0

    @property
    def is_proven(self) -> bool:
        return self.word == Verification.RED_TO_GREEN

    @property
    def is_no_fix(self) -> bool:
        """Whether the commit's tests pass without it."""
        return self.own_tests == "green" and not self.is_proven


@dataclass
class _Watch:
    """Fills in the fields of a row that are not in the run's event."""

    row: Row
    sandbox: Sandbox
    changes: dict[str, bytes | None]

    async def measure(
        self, ending: Ending, suite: Suite, candidates: Candidates, run: RunContext
    ) -> None:
        self.row.runner = suite.runner
        self.row.python = suite.python
        self.row.base = _describe(suite.base)
        self.row.reason = _reason_of(ending)
        bed = open_test_bed(self.sandbox, suite, run)
        if bed is None:
            return
        patterns = bed.recipe.patterns
        own: dict[str, bytes | None] = {}
        for path, content in self.changes.items():
            if belongs_to_tests(path, patterns):
                own[path] = content
        files = [path for path in own if is_test_file(path, patterns)]
        report = await bed.run(own, files, label="own-tests")
        self.row.own_tests = describe_own_tests(report, suite.base)


def _reason_of(ending: Ending) -> str:
    """Return why a change has its word, on one line."""
    match ending:
        case Verdict():
            reason = ending.reason
        case Back():
            reason = ending.because
        case Stop():
            reason = ending.reason
    return " ".join(reason.split())[:_MAX_REASON_CHARS]


def _describe(base: TestReport | None) -> str:
    if base is None:
        return "not run"
    return f"{len(base.green)} green, {len(base.red)} red of {len(base.results)}"


def describe_own_tests(own: TestReport, base: TestReport | None) -> str:
    """Return what a commit's tests do without its fix, apart from those that fail before it."""
    if not own.results:
        return "not run"
    before = base.red if base is not None else frozenset()
    return "green" if own.completed and own.red <= before else "red"


@dataclass(frozen=True)
class Measurement:
    """Measures commits; repositories, caches and runs are stored below ``work``."""

    repos: Path
    work: Path
    settings: Settings

    def choose(self, names: Sequence[str], arguments: argparse.Namespace) -> list[FixCommit]:
        commits: list[FixCommit] = []
        for name in names:
            commits += choose_commits(
                self._source(name),
                name,
                since=arguments.since,
                until=arguments.until,
                number=arguments.per_repository,
                seed=arguments.seed,
            )
        return commits

    async def run(self, commits: Sequence[FixCommit]) -> list[Row]:
        rows: list[Row] = []
        for number, commit in enumerate(commits, 1):
            row = await self._measure(commit)
            rows.append(row)
            line = f"[{number}/{len(commits)}] {row.repository} {row.commit} {row.seconds:.0f} s"
            print(
                f"{line}, {row.word}: {row.reason}; base: {row.base}", file=sys.stderr, flush=True
            )
        return rows

    async def _measure(self, commit: FixCommit) -> Row:
        started = time.monotonic()
        row = Row(commit.repository, commit.sha[:12])
        source = self._source(commit.repository)
        changes = read_changes(source, commit.parent, commit.sha)
        name = commit.repository.rpartition("/")[2]
        folder = self.work / "instances" / row.commit / name
        repository = make_repository(source.folder, commit.parent, folder)
        app = wiring.build(
            self.settings,
            _issue(repository, commit),
            host="file",
            model=Oracle(_reply(source, commit, list(changes))),
        )
        with closing(app.store):
            watch = _Watch(row, app.sandbox, changes)
            result = await _run_job(app, watch, repository)
        row.word = result.verification or result.outcome
        row.reason = row.reason or result.reason
        row.seconds = round(time.monotonic() - started, 1)
        return row

    def _source(self, name: str) -> Mirror:
        folder = find_source(self.repos, name)
        if folder is None:
            raise SystemExit(f"no repository {name} in {self.repos}")
        return Mirror(folder, lambda: None)


def _issue(repository: Mirror, commit: FixCommit) -> LocalForge:
    title, _, body = commit.message.partition("\n")
    return LocalForge(repository.folder, title.strip(), body.strip())


def _reply(source: Mirror, commit: FixCommit, paths: list[str]) -> str:
    before = read_texts(source, commit.parent, paths)
    reply, _ = as_reply(before, read_texts(source, commit.sha, paths))
    return reply


async def _run_job(app: wiring.App, watch: _Watch, repository: Mirror) -> RunResult:
    wrappers: dict[type, Wrap] = {RunTests: lambda stage: WatchedTests(stage, watch.measure)}
    engine = watched_engine(app, wrappers)
    url = local_issue_url(repository.folder, str(time.time_ns()))
    event, _ = await one_job.run_job(
        FixIssueJob(issue_url=url), app.store, engine, on_wait=_report_wait
    )
    assert isinstance(event.data, RunResult)
    return event.data


def _report_wait(seconds: float, reason: str) -> None:
    print(f"waiting {seconds:.0f} s: {reason}", file=sys.stderr, flush=True)


def summary(rows: Sequence[Row]) -> dict[str, float]:
    """Return the counts, and the share of proven fixes with its 95 % interval."""
    proven = sum(row.is_proven for row in rows)
    not_a_fix = sum(row.is_no_fix for row in rows)
    fixes = len(rows) - not_a_fix
    low, high = wilson(proven, fixes)
    return {
        "commits": len(rows),
        "not_a_fix": not_a_fix,
        "red_to_green": proven,
        "share": proven / max(1, fixes),
        "share_low": low,
        "share_high": high,
    }


def _parser() -> argparse.ArgumentParser:
    parser = make_parser(__doc__)
    parser.add_argument(
        "--repos", type=Path, required=True, help="repositories, in folders owner__name"
    )
    parser.add_argument("--only", help="owner/name of repositories, comma-separated")
    parser.add_argument("--per-repository", type=int, default=2, help="commits of each")
    parser.add_argument("--since", default="3 years ago", help="a date as git reads it")
    parser.add_argument("--until", default="now", help="a date as git reads it")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--work", type=Path, help="keep runs and caches here (default: a temporary folder)"
    )
    parser.add_argument("--json", type=Path)
    return parser


def _names(arguments: argparse.Namespace) -> list[str]:
    if arguments.only:
        return list(arguments.only.split(","))
    folders = sorted(path.name for path in arguments.repos.iterdir() if "__" in path.name)
    return [name.replace("__", "/", 1) for name in folders]


def main() -> None:
    parser = _parser()
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    with ExitStack() as stack:
        work = arguments.work
        if work is None:
            work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="commits-")))
        work.mkdir(parents=True, exist_ok=True)
        work = work.resolve()
        settings = load_settings(work, model="oracle", strategy="single", max_rounds=1)
        measurement = Measurement(arguments.repos, work, settings)
        commits = measurement.choose(_names(arguments), arguments)
        if not commits:
            parser.error("no commit there fixes something and adds a test")
        rows = asyncio.run(measurement.run(commits))
    fields = [asdict(row) for row in rows]
    result = report.report("commits", summary(rows), fields)
    report.write(result, arguments.json)
    lines = [[row[name] for name in _COLUMNS] for row in fields]
    report.show("commits", _COLUMNS, lines, result["summary"])


if __name__ == "__main__":
    main()
