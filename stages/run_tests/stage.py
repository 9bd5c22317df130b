"""The same tests after the patch, compared with the base. Honest about what was not verified."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from pipeline.outcome import Facts, Verification
from pipeline.stage import Back, RunContext, Stop
from prompts.filters import clip
from repository.files import belongs_to_tests, is_test_file
from repository.git import Mirror, Mirrors
from repository.testing.covering import find_covering_tests
from repository.testing.models import Recipe, Suite, TestReport, is_load_error
from repository.testing.run.bed import TestBed, suite_seconds
from repository.testing.run.output import normalize_output
from sandbox import Sandbox
from stages.apply_patch import Candidates
from stages.checkout import Checkout
from stages.propose_patch import Proposals, Reproduction
from stages.propose_patch.round_note import Attempt
from stages.run_tests.choosing import Contender, choose, meaning
from stages.run_tests.tried import earlier_attempts, repeated_round, round_note

MAX_SAID_CHARS = 6_000
MAX_PATCH_CHARS = 3_000
MAX_TESTS_TOLD = 8
MAX_BACK_CHARS = MAX_SAID_CHARS + MAX_PATCH_CHARS + 200
#: Sources of extension modules. The environment holds what the base commit's were compiled to.
_COMPILED = (
    ".pyx",
    ".pxd",
    ".pxi",
    ".c",
    ".cc",
    ".cpp",
    ".cxx",
    ".h",
    ".hpp",
    ".f",
    ".f90",
    ".pyf",
    ".rs",
)
#: What took longer is not run a second time to see whether it ends the same.
_AGAIN_SECONDS = 60.0


class Verdict(BaseModel):
    """The candidate that was chosen, and what the tests prove of it."""

    model_config = ConfigDict(frozen=True)

    candidate: int
    """Index into Candidates.candidates."""
    verification: Verification
    reason: str
    """Why this verification and no better one, in a sentence."""
    fixed: tuple[str, ...]
    """Tests that failed before and pass after: on the base, or on the base with only the patch's tests."""
    still_failing: tuple[str, ...]
    """Tests that failed before and still do."""
    regressed: tuple[str, ...] = ()
    """Tests that passed before and fail after. A candidate with one goes back, so a verdict names none."""
    could_not_run: tuple[str, ...] = ()
    """Test files that could not be loaded, before and after."""
    flaky: tuple[str, ...] = ()
    """Tests that ended differently when run again on the same code: they prove nothing."""
    ran: int
    log_key: str | None
    proof_key: str | None = None
    """Artifact with the lists above, whole."""

    def facts(self) -> Facts:
        kept = {"test log": self.log_key, "proof": self.proof_key}
        return Facts(
            verification=self.verification,
            artifacts={name: key for name, key in kept.items() if key},
        )

    def proof(self) -> str:
        """The tests behind the verification, as JSON."""
        named = {
            "verification",
            "fixed",
            "regressed",
            "could_not_run",
            "flaky",
            "still_failing",
            "ran",
        }
        return self.model_dump_json(include=named, indent=1)


@dataclass(frozen=True)
class _Trial:
    """One candidate's runs. ``own``: the patch's test files on the base, without the rest of the
    patch.
    """

    candidate: int
    whole: bool
    patterns: tuple[str, ...]
    base: TestReport
    own: TestReport | None
    after: TestReport
    unbuilt: tuple[str, ...] = ()
    """Changed sources of extension modules, which are not compiled again for the tests."""
    flaky: frozenset[str] = frozenset()

    @cached_property
    def red_before(self) -> frozenset[str]:
        return self.base.red | (self.own.red if self.own else frozenset())

    @cached_property
    def fixed(self) -> frozenset[str]:
        """The whole patch mends them, and not only its own version of the tests. One that errs for want of something
        new, such as an import, counts as failing."""
        blocked = self.own is not None and not self.own.completed
        new = self.after.green - self.base.results.keys() if blocked else frozenset()
        before = self.own.green if self.own else frozenset[str]()
        return (self.red_before | new) & self.after.green - self.flaky - before

    @cached_property
    def broken(self) -> frozenset[str]:
        """Green before and red now; or new, and red at once."""
        were_red = self.base.red
        return frozenset(test for test in self.after.red if test not in were_red | self.flaky)

    @cached_property
    def _gone(self) -> frozenset[str]:
        """Green before, and not run or skipped now; what the time did not last for is no news."""
        if self.base.cut_short or self.after.cut_short:
            return frozenset()
        return self.base.green - {
            test for test, status in self.after.results.items() if status != "skipped"
        }

    @cached_property
    def lost(self) -> frozenset[str]:
        """Gone from modules that the patch's tests do not rewrite."""
        rewritten = {test.partition("::")[0] for test in (self.own.results if self.own else ())}
        return frozenset(test for test in self._gone if test.partition("::")[0] not in rewritten)

    @property
    def dropped(self) -> int:
        """Green before, and taken out by the patch's own version of its test file."""
        return len(self._gone - self.lost)

    @property
    def verdict(self) -> Verdict:
        report = self.after
        if self.fixed:
            kind = Verification.RED_TO_GREEN
            number = len(self.fixed)
            passes = "passes" if number == 1 else "pass"
            why = (
                f"{_tests(number)} failed before the change and {passes} with it; none that passed"
                " fails"
            )
            why += (
                f"; {_tests(len(self.flaky))} ended differently when run again"
                if self.flaky
                else ""
            )
        elif (
            self.whole
            and report.completed
            and report.green
            and not (report.red or self.unbuilt or self.dropped)
        ):
            kind = Verification.SUITE_PASSES
            why = f"the whole suite passes ({len(report.green)} tests)"
        else:
            kind = Verification.NOT_VERIFIED
            why = f"no test failed before and passes now; of {_tests(len(report.results))} run, "
            left = "" if self.whole and report.completed else ", but not all were run"
            why += (
                f"{len(report.red)} fail as they did before" if report.red else f"none fails{left}"
            )
        why += f"; the change takes out {_tests(self.dropped)} that passed" if self.dropped else ""
        why += "; the time did not last for all of them" if report.cut_short else ""
        if self.unbuilt:
            why += (
                f"; the tests did not see what it changes in {', '.join(self.unbuilt[:3])}: that is"
                " not compiled anew"
            )
        return Verdict(
            candidate=self.candidate,
            verification=kind,
            reason=why,
            fixed=tuple(sorted(self.fixed)),
            still_failing=tuple(sorted(self.red_before & report.red)),
            ran=len(report.results),
            log_key=report.log_key,
            could_not_run=tuple(
                sorted(test.rpartition("::")[2] for test in report.results if is_load_error(test))
            ),
            flaky=tuple(sorted(self.flaky)),
        )


class RunTests:
    name = "run_tests"

    def __init__(self, mirrors: Mirrors, sandbox: Sandbox):
        self._mirrors = mirrors
        self._sandbox = sandbox

    async def run(
        self,
        checkout: Checkout,
        suite: Suite,
        proposals: Proposals,
        candidates: Candidates,
        run: RunContext,
    ) -> Verdict | Back | Stop:
        mirror = self._mirrors.at(checkout.repository)
        reproduction = proposals.reproduction
        before = {each.tree: each for each in earlier_attempts(run)}
        passed: list[tuple[Contender, Verdict]] = []
        failed: list[tuple[Attempt, str]] = []
        for number, candidate in enumerate(candidates.candidates):
            if candidate.tree in before and before[candidate.tree].red:
                continue
            patch = await run.load(candidate.patch_key)
            changes = await asyncio.to_thread(
                _changes, mirror, checkout.base_sha, patch, candidate.paths
            )
            if not suite.runnable or suite.base is None or suite.recipe is None:
                passed.append((_contender(number, changes, patch), _untested(number, suite)))
                continue
            run.progress(f"testing candidate {number + 1} of {len(candidates.candidates)}")
            trial = await self._try(number, changes, suite, suite.base, suite.recipe, run, checkout)
            red = len(trial.broken) + len(trial.lost)
            if red or not trial.after.results:
                told = f"{_told(trial, run.workspace)}{_shown(patch)}"
                failed.append(
                    (
                        Attempt(
                            tree=candidate.tree, patch_key=candidate.patch_key, red=red or 10**6
                        ),
                        told,
                    )
                )
                continue
            contender = _contender(number, changes, patch, trial)
            verdict = trial.verdict
            if reproduction is not None:
                still = await self._reproduced(number, changes, reproduction, run, suite.recipe)
                contender = replace(contender, reproduced=still is None)
                verdict = _with_reproduction(verdict, reproduction, still)
                if still is not None:
                    each = Attempt(tree=candidate.tree, patch_key=candidate.patch_key, red=0)
                    failed.append((each, f"{clip(still, MAX_SAID_CHARS)}{_shown(patch)}"))
            passed.append((contender, verdict))
        if not passed and not failed:
            return repeated_round(run, candidates.candidates[0].tree)
        if passed:
            chosen = choose([contender for contender, _ in passed])
            insisted = (
                run.round >= run.limits.max_rounds
                or candidates.candidates[chosen.number].tree in before
            )
            if chosen.reproduced or insisted:
                verdict = next(verdict for contender, verdict in passed if contender is chosen)
                proof = await run.save(f"proof-{run.round}.json", verdict.proof())
                return verdict.model_copy(update={"proof_key": proof})
        because = min(failed, key=lambda each: each[0].red)[1]
        return Back("propose_patch", because, round_note(run, [each for each, _ in failed]))

    async def _reproduced(
        self,
        number: int,
        changes: Mapping[str, bytes | None],
        reproduction: Reproduction,
        run: RunContext,
        recipe: Recipe,
    ) -> str | None:
        """None where the reproduction test passes with the change; else what it says."""
        files = {path: text.encode() for path, text in reproduction.files.items()}
        report = await self._test(
            run, recipe, {**changes, **files}, sorted(files), f"reproduction-{run.round}-{number}"
        )
        red = [test for test in reproduction.tests if test not in report.green]
        said = "\n\n".join(
            [f"{test}\n{report.failures.get(test, '')}" for test in red] or [report.output]
        )
        told = f"With your change, the test that was made from the issue still fails:\n\n{said}"
        return normalize_output(told, run.workspace) if red else None

    async def _try(
        self,
        number: int,
        changes: Mapping[str, bytes | None],
        suite: Suite,
        base: TestReport,
        recipe: Recipe,
        run: RunContext,
        checkout: Checkout,
    ) -> _Trial:
        of_tests = {
            path: data for path, data in changes.items() if belongs_to_tests(path, recipe.patterns)
        }
        files = [
            path
            for path, data in of_tests.items()
            if data is not None and is_test_file(path, recipe.patterns)
        ]
        own = None
        label = f"{run.round}-{number}"
        if of_tests:
            own = await self._test(
                run, recipe, of_tests, files or list(suite.tests), f"tests-own-{label}"
            )
        base, more = await self._more(base, changes, files, suite, recipe, run, checkout)
        tests = [] if suite.whole else list(dict.fromkeys([*suite.tests, *more, *files]))
        after = await self._test(run, recipe, changes, tests, f"tests-{label}")
        unbuilt = tuple(path for path in changes if recipe.packaged and path.endswith(_COMPILED))
        trial = _Trial(number, suite.whole, recipe.patterns, base, own, after, unbuilt)
        if after.seconds > _AGAIN_SECONDS:
            return trial
        flaky = frozenset[str]()
        if trial.broken:
            repeated = await self._test(run, recipe, changes, tests, f"tests-again-{label}")
            flaky |= trial.broken & repeated.green
        if trial.fixed:
            repeated = await self._test(
                run, recipe, of_tests, files or tests, f"tests-base-again-{label}"
            )
            flaky |= trial.fixed & repeated.green
        return replace(trial, flaky=flaky)

    async def _more(
        self,
        base: TestReport,
        changes: Mapping[str, bytes | None],
        files: list[str],
        suite: Suite,
        recipe: Recipe,
        run: RunContext,
        checkout: Checkout,
    ) -> tuple[TestReport, list[str]]:
        """Where the suite does not run whole, also the test files that the patch changes, and those that cover what
        else it changes; on the base first."""
        if suite.whole:
            return base, []
        mirror = self._mirrors.at(checkout.repository)
        sha = checkout.base_sha
        more = [file for file in files if file not in suite.tests]
        more = [
            file for file in more if await asyncio.to_thread(mirror.read, sha, file) is not None
        ]
        if base.seconds <= _AGAIN_SECONDS:
            others = await asyncio.to_thread(
                find_covering_tests, mirror, sha, recipe, list(changes), [*suite.tests, *more]
            )
            more += others
        report = (
            await self._test(run, recipe, {}, more, f"tests-base-more-{run.round}")
            if more
            else None
        )
        return (base.merge(report), more) if report and report.ran else (base, [])

    async def _test(
        self,
        run: RunContext,
        recipe: Recipe,
        changes: Mapping[str, bytes | None],
        tests: list[str],
        label: str,
    ) -> TestReport:
        bed = TestBed.open(
            self._sandbox,
            run.workspace,
            recipe,
            seconds=suite_seconds(run.limits.max_minutes),
            save=run.save,
        )
        return await bed.run(changes, tests, label=label)


def _changes(
    mirror: Mirror, base: str, patch: bytes, paths: tuple[str, ...]
) -> dict[str, bytes | None]:
    tree = mirror.apply(base, patch)
    return {path: mirror.read(tree, path) for path in paths}


def _contender(
    number: int, changes: Mapping[str, bytes | None], patch: bytes, trial: _Trial | None = None
) -> Contender:
    patterns = trial.patterns if trial else ()
    return Contender(
        number=number,
        reproduced=True,
        size=len(patch),
        verification=trial.verdict.verification if trial else Verification.NOT_VERIFIED,
        mended=len(trial.base.red & trial.after.green) if trial else 0,
        meaning=meaning(changes, lambda path: belongs_to_tests(path, patterns)),
    )


def _untested(number: int, suite: Suite) -> Verdict:
    return Verdict(
        candidate=number,
        verification=Verification.NOT_VERIFIED,
        reason=suite.reason,
        fixed=(),
        still_failing=(),
        ran=0,
        log_key=suite.log_key,
    )


def _with_reproduction(verdict: Verdict, reproduction: Reproduction, still: str | None) -> Verdict:
    """A test that is not part of the change may prove it all the same, and says that it is not."""
    if still is not None:
        reason = (
            f"{verdict.reason}; a test made from the issue, which is not part of the change, still"
            " fails"
        )
        return verdict.model_copy(update={"reason": reason})
    if verdict.verification is Verification.RED_TO_GREEN:
        return verdict
    number = len(reproduction.tests)
    why = f"{_tests(number)} made from the issue, not part of the change, failed before it and"
    why += f" {'passes' if number == 1 else 'pass'} with it; none that passed fails"
    proven = {"verification": Verification.RED_TO_GREEN, "reason": why, "fixed": reproduction.tests}
    return verdict.model_copy(update=proven)


def _told(trial: _Trial, workspace: Path) -> str:
    """What went wrong, for the next prompt: bounded, of each failure its end, and without what changes from run to
    run."""
    report = trial.after
    if not report.results:
        text = f"With your change the tests did not run to their end:\n\n{report.output}"
    else:
        text = f"With your change, tests fail that must pass ({len(trial.broken)}):\n\n"
        shown = sorted(trial.broken)[:MAX_TESTS_TOLD]
        share = MAX_SAID_CHARS // (len(shown) + 2)
        text += "".join(f"{test}\n{report.failures.get(test, '')[-share:]}\n\n" for test in shown)
        if more := sorted(trial.broken)[MAX_TESTS_TOLD:]:
            text += f"and {', '.join(more)}\n\n"
        if trial.lost:
            text += (
                "Tests that passed do not run any more:"
                f" {', '.join(sorted(trial.lost)[:20])}\n{report.output}"
            )
    return clip(normalize_output(text, workspace), MAX_SAID_CHARS)


def _shown(patch: bytes) -> str:
    return f"\n\nYour change was:\n\n{clip(patch.decode(errors='replace'), MAX_PATCH_CHARS)}"


def _tests(number: int) -> str:
    return f"{number} test{'' if number == 1 else 's'}"
