"""Run the same tests on each candidate, compare the results with the base, and choose."""

from collections.abc import Mapping, Sequence

from pipeline.stage import Back, RunContext, Stop
from repository.git import Mirror, Mirrors
from repository.testing.change_tester import ChangeTester
from repository.testing.models import Suite
from sandbox import Sandbox
from stages.apply_patch import Candidate, Candidates
from stages.checkout import Checkout
from stages.fetch_issue import Issue
from stages.prepare_tests import open_test_bed
from stages.propose_patch import Proposals
from stages.propose_patch.round_note import Attempt, earlier_attempts, note_attempts
from stages.run_tests.attempts import CandidateTester, accept_untested, read_change
from stages.run_tests.candidate_judge import CandidateJudge
from stages.run_tests.choosing import Rejected, choose, different, least_broken
from stages.run_tests.earlier_rounds import repeated_round
from stages.run_tests.results import DidNotRun, NotReproduced, Passed, Regressed, Result
from stages.run_tests.verdict import Verdict


class RunTests:
    name = "run_tests"

    def __init__(self, mirrors: Mirrors, sandbox: Sandbox, judge: CandidateJudge):
        """``judge`` is asked where several different changes pass."""
        self._mirrors = mirrors
        self._sandbox = sandbox
        self._judge = judge

    async def run(
        self,
        issue: Issue,
        checkout: Checkout,
        suite: Suite,
        proposals: Proposals,
        candidates: Candidates,
        run: RunContext,
    ) -> Verdict | Back | Stop:
        mirror = self._mirrors.at(checkout.repository)
        tester = self._open_tester(suite, proposals, mirror, run)
        attempts = {attempt.tree: attempt for attempt in earlier_attempts(run)}
        results: list[Result] = []
        for number, candidate in _worth_testing(candidates, attempts):
            change = await read_change(mirror, number, candidate, run)
            if tester is None:
                results.append(accept_untested(change, suite))
                continue
            run.progress(f"testing candidate {number + 1} of {len(candidates.candidates)}")
            results.append(await tester.test(change))
        if not results:
            return repeated_round(run, candidates.candidates[0].tree)

        passed = [result for result in results if isinstance(result, Passed)]
        if passed:
            return await _conclude(await self._choose(issue, passed, run), run)
        not_reproduced = [result for result in results if isinstance(result, NotReproduced)]
        if not_reproduced:
            chosen = choose(not_reproduced)
            if _is_final(chosen, attempts, run):
                return await _conclude(chosen.verdict, run)
        rejected = [result for result in results if not isinstance(result, Passed)]
        return _send_back(rejected, run)

    async def _choose(self, issue: Issue, passed: Sequence[Passed], run: RunContext) -> Verdict:
        """Return the verdict on the best change, after asking the judge if several are left."""
        left = different(passed)
        if len(left) == 1:
            return left[0].verdict
        choice = await self._judge.choose(issue, left, run)
        chosen = choice.result or choose(left)
        update = {"choice_key": choice.exchange_key, "templates": choice.templates}
        return chosen.verdict.model_copy(update=update)

    def _open_tester(
        self, suite: Suite, proposals: Proposals, mirror: Mirror, run: RunContext
    ) -> CandidateTester | None:
        """Return the tester, or None if the repository's tests can't be run."""
        bed = open_test_bed(self._sandbox, suite, run)
        if bed is None or suite.base is None:
            return None
        return CandidateTester(
            tester=ChangeTester(bed, mirror, suite, suite.base),
            reproduction=proposals.reproduction,
            round=run.round,
        )


def _worth_testing(
    candidates: Candidates, attempts: Mapping[str, Attempt]
) -> list[tuple[int, Candidate]]:
    """Return candidates with their numbers, except those that broke tests in an earlier round."""
    result: list[tuple[int, Candidate]] = []
    for number, candidate in enumerate(candidates.candidates):
        earlier = attempts.get(candidate.tree)
        if earlier is None or not earlier.is_broken:
            result.append((number, candidate))
    return result


def _is_final(chosen: NotReproduced, attempts: Mapping[str, Attempt], run: RunContext) -> bool:
    """Whether no better answer can follow: it was proposed before, or no round is left."""
    proposed_before = chosen.change.candidate.tree in attempts
    return proposed_before or run.round >= run.limits.max_rounds


async def _conclude(verdict: Verdict, run: RunContext) -> Verdict:
    proof_key = await run.save(f"proof-{run.round}.json", verdict.proof())
    return verdict.model_copy(update={"proof_key": proof_key})


def _send_back(rejected: Sequence[Rejected], run: RunContext) -> Back:
    attempts = [_attempt(result) for result in rejected]
    because = least_broken(rejected).feedback
    return Back("propose_patch", because, note_attempts(run, attempts))


def _attempt(result: Rejected) -> Attempt:
    candidate = result.change.candidate
    regressions: int | None
    match result:
        case NotReproduced():
            regressions = 0
        case Regressed():
            regressions = result.regressions
        case DidNotRun():
            regressions = None
    return Attempt(tree=candidate.tree, patch_key=candidate.patch_key, regressions=regressions)
