"""The stage ``prepare_tests``."""

import asyncio
import os
import re
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.version import InvalidVersion, Version

from pipeline.stage import RunContext
from repository.git import Entry, Mirror, Mirrors
from repository.testing.detect.detection import Detected, detect
from repository.testing.environment import BuiltEnvironment, EnvironmentFailed
from repository.testing.folders import make_readable
from repository.testing.install import toolchains
from repository.testing.install.environment import Builder
from repository.testing.install.installer import DatedInstaller, index_settings
from repository.testing.install.interpreters import choose_minor, find_interpreters
from repository.testing.models import BuildStep, Recipe, Suite, TestReport
from repository.testing.run.bed import TestBed, suite_seconds
from repository.testing.selection import choose_tests
from sandbox import Sandbox
from stages.build_context import Context
from stages.checkout import Checkout
from stages.fetch_issue import Issue

_READ_BYTES = 1_000_000
#: Read at once, since one by one takes a process each.
_LIKELY = re.compile(
    r"(?:^|/)(?:tests?|conftest|test_[^/]*|[^/]*_test|[^/]*[.](?:test|spec)|[^/]*Tests?)\.\w+$"
    r"|require[^/]*\.txt$|^[^/]*$|^\.github/"
)
_LIKELY_FILES = 1200
#: Of those chosen, what is left when they were too slow together.
_FEWER = 2
#: A run that gave up sooner than that is tried again file by file.
_QUICK_SECONDS = 30.0
_CLOSED = (
    "nothing is fetched for a private repository, unless CODING_AGENT_FETCH_FOR_PRIVATE allows it"
)


@dataclass(frozen=True)
class Plan:
    found: Detected
    sizes: Mapping[str, int]
    recipe: Recipe | None
    """None: the tests can't be run here."""
    why: str


class PrepareTests:
    """``pythons``: folders with interpreters; ``cache``: a folder for uv's caches, one a repository; ``index``: the
    package index (None: ``index_settings`` of the worker's environment); ``fetch_for_private``: for a private
    repository, too, packages are fetched, which tells the index what they are; ``clock``: seconds since the epoch.
    """

    name = "prepare_tests"

    def __init__(
        self,
        mirrors: Mirrors,
        sandbox: Sandbox,
        *,
        pythons: tuple[Path, ...],
        uv: Path,
        cache: Path,
        index: Mapping[str, str] | None = None,
        fetch_for_private: bool = False,
        clock: Callable[[], float] = time.time,
    ):
        self._fetch_for_private = fetch_for_private
        self._mirrors = mirrors
        self._sandbox = sandbox
        self._pythons = pythons
        self._uv = uv
        self._cache = cache
        self._clock = clock
        self._index = index_settings(os.environ) if index is None else index

    async def plan(self, checkout: Checkout) -> Plan:
        """How the commit is tested, as far as its files tell; nothing of it is run."""
        mirror = self._mirrors.at(checkout.repository)
        found, sizes = await asyncio.to_thread(_look, mirror, checkout.base_sha)
        if not found.runners:
            return Plan(found, sizes, None, found.why)
        if found.other:
            return Plan(found, sizes, recipe_of(found, checkout, None), found.why)
        asked = found.config.python
        minor = choose_minor(
            find_interpreters(self._pythons),
            requires=f"=={asked}.*" if asked else found.requires_python,
            classified=() if asked else found.classified or sorted(found.said.minors),
            committed_at=checkout.committed_at,
        )
        if minor is None:
            return Plan(
                found,
                sizes,
                None,
                f"no interpreter here fits the repository's {found.requires_python!r}",
            )
        return Plan(found, sizes, recipe_of(found, checkout, minor), found.why)

    async def run(
        self, issue: Issue, checkout: Checkout, context: Context, run: RunContext
    ) -> Suite:
        plan = await self.plan(checkout)
        if (recipe := plan.recipe) is None:
            return _not_runnable(plan.why)
        if issue.private and not self._fetch_for_private:
            recipe = recipe.model_copy(update={"offline": True})
        on = f" on Python {recipe.python}" if recipe.python else ""
        run.progress(f"making an environment: {recipe.runner}{on}")
        log: list[str] = []
        try:
            await self.build(recipe, run.workspace, log)
        except EnvironmentFailed as error:
            told = f"{error}; {_CLOSED}" if recipe.offline else str(error)
            return _not_runnable(told, recipe, await run.save("environment.log", "".join(log)))
        log_key = await run.save("environment.log", "".join(log))
        found = plan.found
        sizes = plan.sizes
        tests, whole = choose_tests(
            found.test_files, found.texts, sizes, ranking=context.ranking, issue=issue.text
        )
        recipe, base, tests = await self._base(recipe, run, tests, whole)
        if not base.results:
            return _not_runnable(
                f"no test of the base commit ran: {_last_line(base.output)}", recipe, base.log_key
            )
        run.progress(f"base: {len(base.green)} tests pass, {len(base.red)} fail")
        return Suite(
            runnable=True,
            reason=found.why,
            runner=recipe.runner,
            python=recipe.python,
            tests=tests,
            whole=whole and not tests,
            base=base,
            log_key=log_key,
            recipe=recipe,
        )

    async def restore(self, result: Suite, run: RunContext) -> None:
        """The same environment on this machine; no test is run."""
        if not result.runnable or result.recipe is None:
            return
        environment = await asyncio.to_thread(BuiltEnvironment.read, run.workspace)
        if environment is None or not environment.serves(result.recipe):
            try:
                await self.build(result.recipe, run.workspace, [])
            except EnvironmentFailed as error:
                raise OSError(f"the test environment can't be made again: {error}") from error

    async def build(self, recipe: Recipe, workspace: Path, log: list[str]) -> None:
        """The environment and the tree in ``workspace``; ``log`` is what was tried. Raises
        EnvironmentFailed.
        """
        BuiltEnvironment.remove(workspace)
        source = workspace / "source"
        await asyncio.to_thread(
            _export, self._mirrors.at(recipe.repository), recipe.base_sha, source
        )
        if recipe.tools:
            await toolchains.build(self._sandbox, workspace, recipe, self._index, log, self._cache)
            await asyncio.to_thread(shutil.rmtree, source)
            return
        interpreter = find_interpreters(self._pythons).get(int(recipe.python.split(".")[1]))
        if interpreter is None:
            raise EnvironmentFailed(f"this machine has no Python {recipe.python}")
        installer = DatedInstaller(
            sandbox=self._sandbox,
            workspace=workspace,
            recipe=recipe,
            interpreter=interpreter,
            uv=self._uv.resolve(),
            cache=self._cache,
            index={**self._index, **({"UV_OFFLINE": "1"} if recipe.offline else {})},
            now=self._clock(),
            log=log,
        )
        await Builder(installer).build()
        await asyncio.to_thread(shutil.rmtree, source)

    async def _base(
        self, recipe: Recipe, run: RunContext, tests: tuple[str, ...], whole: bool
    ) -> tuple[Recipe, TestReport, tuple[str, ...]]:
        """By the first runner with which anything passes, else by the one that runs most; with fewer tests where they
        were too slow or broken together."""
        tried: list[tuple[Recipe, TestReport, tuple[str, ...]]] = []
        bed = self._bed(recipe, run)
        for runner in recipe.runners:
            bed = bed.with_runner(runner)
            run.progress(
                f"running {'all tests' if whole else f'{len(tests)} test files'} on the base with"
                f" {runner}"
            )
            report = await _run_base(bed, tests)
            if not report.ran and len(tests) > 1 and report.seconds < _QUICK_SECONDS:
                # Some need what this machine lacks, such as a database, and the runner gives up for
                # all.
                run.progress("broken together; running each apart")
                able = tuple([test for test in tests if (await _run_base(bed, (test,))).ran])
                if able:
                    tests = able
                    report = await _run_base(bed, able)
            elif not (report.results or report.completed or len(tests) <= _FEWER):
                run.progress("too slow together; running fewer")
                report = await _run_base(bed, tests[:_FEWER])
                tests = tests[:_FEWER] if report.results else tests
            tried.append((bed.recipe, report, tests))
            if report.green:
                return tried[-1]
        best = max(
            tried, key=lambda each: len(each[1].results) if each[1].ran else 0
        )  # the first of equals
        return best

    def _bed(self, recipe: Recipe, run: RunContext) -> TestBed:
        return TestBed.open(
            self._sandbox,
            run.workspace,
            recipe,
            seconds=suite_seconds(run.limits.max_minutes),
            save=run.save,
        )


async def _run_base(bed: TestBed, tests: tuple[str, ...]) -> TestReport:
    return await bed.run({}, tests, label="tests-base")


def recipe_of(found: Detected, checkout: Checkout, minor: int | None) -> Recipe:
    """``minor`` None: the tests are not Python's."""
    first, *others = found.runners
    of_python = minor is not None
    return Recipe(
        repository=checkout.repository,
        base_sha=checkout.base_sha,
        committed_at=checkout.committed_at,
        version=described_version(checkout.described),
        runner=first,
        fallback_runners=tuple(others),
        script=found.script,
        options=found.options,
        python=f"3.{minor}" if of_python else "",
        packaged=found.packaged and of_python,
        extras=found.config.extras or tuple(found.needs.extras),
        requirements=tuple(found.needs.requirements) if of_python else (),
        modules=found.needs.modules if of_python else {},
        source_root=found.source_root,
        patterns=found.patterns,
        name=found.name,
        backend=found.backend,
        version_from_git=found.asks_git,
        environment=found.config.environment,
        tools=tuple(found.other.tools) if found.other else (),
        steps=tuple(
            BuildStep(command=command, network=network)
            for network, command in (found.other.steps if found.other else ())
        ),
    )


def described_version(described: str | None) -> str | None:
    """``git describe --long``'s answer as the version that setuptools-scm would say: the next one,
    in development.
    """
    if described is None:
        return None
    tag, distance, commit = [*described.rsplit("-", 2), "", ""][:3]
    match = re.search(r"\d+(?:\.\d+)*(?:[-_.]?(?:a|b|c|rc|alpha|beta|dev|post)[-_.]?\d*)?$", tag)
    try:
        version = Version(match[0]) if match else None
    except InvalidVersion:
        version = None
    if version is None:
        return None
    if distance in ("0", ""):
        return str(version)
    release = [*version.release[:-1], version.release[-1] + (0 if version.is_prerelease else 1)]
    return f"{'.'.join(str(part) for part in release)}.dev{distance}+{commit}"


def _look(mirror: Mirror, sha: str) -> tuple[Detected, dict[str, int]]:
    entries = {
        entry.path: entry for entry in mirror.files(sha) if entry.mode in ("100644", "100755")
    }

    likely = [
        entry
        for path, entry in entries.items()
        if entry.size <= _READ_BYTES and _LIKELY.search(path)
    ]
    likely = sorted(likely, key=lambda entry: entry.path.count("/"))[:_LIKELY_FILES]
    texts = dict(
        zip(
            [one.path for one in likely], mirror.read_many([one.sha for one in likely]), strict=True
        )
    )

    def read(path: str) -> str | None:
        entry: Entry | None = entries.get(path)
        if entry is None or entry.size > _READ_BYTES:
            return None
        data = texts[path] if path in texts else next(mirror.read_many([entry.sha]))
        return data.decode(errors="replace")

    return detect(list(entries), read), {path: entry.size for path, entry in entries.items()}


def _export(mirror: Mirror, sha: str, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    mirror.export(sha, folder)
    make_readable(folder)


def _not_runnable(reason: str, recipe: Recipe | None = None, log_key: str | None = None) -> Suite:
    return Suite(
        runnable=False,
        reason=f"the tests can't be run: {reason}",
        runner=recipe.runner if recipe else None,
        python=recipe.python if recipe else None,
        tests=(),
        whole=False,
        base=None,
        log_key=log_key,
        recipe=recipe,
    )


def _last_line(text: str) -> str:
    lines = [
        line.strip() for line in text.splitlines() if line.strip() and not line.startswith("[")
    ]
    return lines[-1][:200] if lines else "the runner said nothing"
