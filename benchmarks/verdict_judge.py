"""The product's own word about a case: its plan, environment, test bed and decision, in the real
sandbox, without a model and without GitHub.
"""

import asyncio
import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from benchmarks.instances import AUTHOR
from benchmarks.verdict_cases import Case
from benchmarks.verdict_projects import LUCK
from benchmarks.verdict_scenes import Word
from repository.git import Mirror
from repository.testing.change_tester import ChangeTester
from repository.testing.command_log import CommandLog
from repository.testing.ecosystems import KEPT
from repository.testing.environment import BuiltEnvironment
from repository.testing.folders import Changes, make_readable
from repository.testing.install.build import build_environment
from repository.testing.install.tools import BuildTools
from repository.testing.models import Recipe, Suite, TestReport
from repository.testing.plan import BaseCommit, plan_tests
from repository.testing.run.base import run_on_base
from repository.testing.run.bed import TestBed
from repository.testing.selection import choose_tests
from sandbox import Sandbox, SandboxCommand
from stages.apply_patch import Candidate
from stages.prepare_tests import make_suite
from stages.run_tests.candidate_tester import CandidateTester, accept_untested
from stages.run_tests.results import Change, Passed, Result, Unproven

COMMITTED_AT = 1_764_547_200
"""1 December 2025: packages of the generated suites are as of then."""
TEST_SECONDS = 15.0
"""Time limit of one test run; a generated suite takes about one second."""
_EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_REPLACE = f"""set -e
find . -mindepth 1 -maxdepth 1 ! -name target ! -name node_modules ! -name {KEPT} \\
  -exec rm -rf {{}} +
cp -R ../source/. .
"""


@dataclass(frozen=True)
class Answer:
    """What the product said about a case."""

    word: Word
    reason: str


@dataclass(frozen=True)
class LuckyBed(TestBed):
    """A test bed whose runs get the numbers on which flaky tests depend, the same for a seed."""

    luck: Random = field(kw_only=True)

    async def run(self, changes: Changes, tests: Sequence[str], *, label: str) -> TestReport:
        variables = {**self.variables, LUCK: str(self.luck.randrange(10_000))}
        lucky = replace(self, variables=variables)
        return await super(LuckyBed, lucky).run(changes, tests, label=label)


@dataclass(frozen=True)
class CaseJudge:
    """Judges cases in ``folder``, one at a time.

    An environment is built once for all cases that need the same one.
    """

    tools: BuildTools
    folder: Path
    seed: int

    async def judge(self, case: Case) -> Answer:
        """Return the product's word about a case.

        Raises:
            EnvironmentFailed: no environment for its tests could be built.
            OSError: the sandbox or the disk refused.
        """
        folder = self.folder / f"{case.number:04}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        mirror = Mirror(folder / "repository.git", lambda: None)
        commit = await asyncio.to_thread(_commit, mirror, case)
        suite, bed = await self._prepare(
            mirror, commit, folder, Random(f"{self.seed}-{case.number}")
        )
        return await _decide(mirror, suite, bed, case)

    async def _prepare(
        self, mirror: Mirror, commit: BaseCommit, folder: Path, luck: Random
    ) -> tuple[Suite, TestBed | None]:
        plan = await asyncio.to_thread(plan_tests, mirror, commit, self.tools.pythons)
        if plan.recipe is None:
            return _without_tests(plan.reason), None
        logs = _Logs(folder / "logs")
        bed = await self._build(mirror, plan.recipe, logs, luck)
        tests, whole = choose_tests(
            plan.detection.tests.paths,
            plan.detection.tests.texts,
            plan.sizes,
            ranking=(),
            issue="",
        )
        base_run = await run_on_base(bed, tests, _ignore)
        suite = make_suite(base_run, plan.reason, whole)
        return suite, base_run.bed if suite.runnable else None

    async def _build(self, mirror: Mirror, recipe: Recipe, logs: "_Logs", luck: Random) -> LuckyBed:
        workspace = self.folder / recipe.runner.replace(":", "_")
        await asyncio.to_thread(workspace.mkdir, exist_ok=True)
        built = await asyncio.to_thread(BuiltEnvironment.read, workspace)
        if built is not None and _has_same_environment(recipe, built.recipe):
            await _replace_files(self.tools.sandbox, mirror, recipe.base_sha, workspace)
        else:
            log = CommandLog()
            try:
                await build_environment(self.tools, mirror, recipe, workspace, log)
            finally:
                await logs.save("environment.log", log.text)
        bed = TestBed.open(
            self.tools.sandbox, workspace, recipe, seconds=TEST_SECONDS, save=logs.save
        )
        return LuckyBed(
            bed.sandbox,
            bed.workspace,
            bed.recipe,
            bed.environment,
            bed.seconds,
            bed.save,
            luck=luck,
        )


def _has_same_environment(recipe: Recipe, built: Recipe) -> bool:
    """Whether a recipe needs what was built, apart from the files of the repository."""
    return built == recipe.model_copy(update={"base_sha": built.base_sha})


async def _replace_files(sandbox: Sandbox, mirror: Mirror, sha: str, workspace: Path) -> None:
    """Replace the base commit's files in a workspace whose environment is built.

    The tools' caches stay. The new files get the current time, by which tools know that they are
    new.

    Raises:
        OSError: the sandbox or the disk refused.
    """
    source = workspace / "source"
    await asyncio.to_thread(mirror.export, sha, source)
    await asyncio.to_thread(make_readable, source)
    command = SandboxCommand(
        ("/bin/sh", "-c", _REPLACE),
        cwd=workspace / "prepared",
        run_folder=workspace,
        writable=(workspace / "prepared",),
        readable=(source,),
    )
    result = await sandbox.run(command)
    if result.returncode != 0:
        raise OSError(f"the files could not be replaced: {result.output.strip()[-300:]}")
    await asyncio.to_thread(shutil.rmtree, source)


async def _decide(mirror: Mirror, suite: Suite, bed: TestBed | None, case: Case) -> Answer:
    candidate = Candidate(proposal=0, patch_key="", tree="", paths=tuple(case.changes), summary="")
    change = Change(0, candidate, b"", case.changes)
    if bed is None or suite.base is None:
        return _answer(accept_untested(change, suite))
    tester = ChangeTester(bed, mirror, suite, suite.base)
    candidate_tester = CandidateTester(
        tester, reproduction=None, round=1, seconds_left=lambda: math.inf
    )
    return _answer(await candidate_tester.test(change, change.files))


def _answer(result: Result) -> Answer:
    match result:
        case Passed() | Unproven():
            return Answer(Word(result.verdict.verification.value), result.verdict.reason)
        case _:
            return Answer(Word.NO_FIX, result.feedback)


def _commit(mirror: Mirror, case: Case) -> BaseCommit:
    """Write a case's files as the only commit of its repository."""
    mirror.create()
    files = {path: text.encode() for path, text in case.files.items()}
    tree = mirror.write_tree(_EMPTY_TREE, files)
    sha = mirror.commit(tree, None, case.change, AUTHOR, COMMITTED_AT)
    # All cases of a language are one repository's, so that they share its cached environment.
    return BaseCommit(f"benchmark/{case.language.runner}", sha, COMMITTED_AT, described=None)


def _without_tests(reason: str) -> Suite:
    return Suite(
        runnable=False,
        reason=reason,
        runner=None,
        python=None,
        tests=(),
        whole=False,
        base=None,
        log_key=None,
    )


def _ignore(_: str) -> None:
    """The base run's progress is not shown."""


@dataclass(frozen=True)
class _Logs:
    folder: Path

    async def save(self, name: str, data: bytes | str) -> str:
        self.folder.mkdir(exist_ok=True)
        text = data if isinstance(data, str) else data.decode(errors="replace")
        (self.folder / name).write_text(text, encoding="utf-8")
        return name
