"""Run the same tests on each candidate, compare the results with the base, and choose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.stage import Back, RunContext, Stop
from pipeline.time_limit import finish_within
from repository.git import Mirror, Mirrors
from repository.testing.change_tester import ChangeTester
from repository.testing.install.tools import BuildTools
from repository.testing.models import Suite
from stages.apply_patch import Candidates
from stages.checkout import Checkout
from stages.fetch_issue import Issue
from stages.prepare_tests import open_test_bed
from stages.propose_patch import Proposals
from stages.propose_patch.round_note import SentBack, all_sent_back
from stages.run_tests.candidate_judge import CandidateJudge
from stages.run_tests.candidate_tester import CandidateTester, accept_untested, read_change
from stages.run_tests.choosing import SECONDS_TO_CHOOSE, choose, different
from stages.run_tests.earlier_rounds import repeated_round
from stages.run_tests.other_tests import OtherTests
from stages.run_tests.results import Change, Passed, Result, Unproven
from stages.run_tests.sending_back import send_back
from stages.run_tests.verdict import Verdict


class RunTests:
    name = "run_tests"

    def __init__(
        self,
        mirrors: Mirrors,
        tools: BuildTools,
        judge: CandidateJudge,
        *,
        fetch_for_private: bool = False,
    ):
        """Return the stage.

        Args:
            mirrors: has the base commit and the candidates.
            tools: build the environments of further tests that a change needs.
            judge: is asked if several different changes pass.
            fetch_for_private: whether packages are also fetched for private repositories.
        """
        self._mirrors = mirrors
        self._tools = tools
        self._judge = judge
        self._fetch_for_private = fetch_for_private

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
        sent_back = {candidate.tree: candidate for candidate in all_sent_back(run)}
        numbers = _numbers_worth_testing(candidates, sent_back)
        if not numbers:
            repeated = candidates.candidates[0]
            attempt = proposals.attempt_of(repeated.proposal)
            return repeated_round(run, repeated.tree, attempt=attempt)

        others = OtherTests(
            tools=self._tools,
            mirror=mirror,
            issue=issue,
            checkout=checkout,
            suite=suite,
            run=run,
            fetch_for_private=self._fetch_for_private,
        )
        tester = self._open_tester(suite, proposals, mirror, run)
        tests = _CandidateTests(tester, suite, others, sent_back, run)
        changes = [
            await read_change(mirror, number, candidates.candidates[number], run)
            for number in numbers
        ]
        results = await tests.test_each(changes)
        verdict = await self._find_verdict(issue, results, sent_back, run)
        if verdict is not None:
            return await _conclude(verdict, candidates, proposals, run)
        return send_back(results, proposals, run)

    async def _find_verdict(
        self,
        issue: Issue,
        results: Sequence[Result],
        sent_back: Mapping[str, SentBack],
        run: RunContext,
    ) -> Verdict | None:
        """Return the verdict on the best change; None if all changes must be sent back."""
        passed = [result for result in results if isinstance(result, Passed)]
        if passed:
            return await self._choose(issue, passed, run)
        unproven_results = [result for result in results if isinstance(result, Unproven)]
        if not unproven_results:
            return None
        chosen = choose(unproven_results)
        return chosen.verdict if _is_final(chosen, sent_back, run) else None

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
        bed = open_test_bed(self._tools.sandbox, suite, run)
        if bed is None or suite.base is None:
            return None
        return CandidateTester(
            tester=ChangeTester(bed, mirror, suite, suite.base),
            reproduction=proposals.reproduction,
            round=run.round,
            seconds_left=run.seconds_left,
        )


@dataclass(frozen=True)
class _CandidateTests:
    """Tests the candidates of a round within the time of the run."""

    tester: CandidateTester | None
    """None if the repository's tests can't be run."""
    suite: Suite
    others: OtherTests
    sent_back: Mapping[str, SentBack]
    run: RunContext

    async def test_each(self, changes: Sequence[Change]) -> list[Result]:
        """Return the results; once a change has passed, others don't use up the time."""
        results: list[Result] = []
        longest = 0.0
        for change in changes:
            before = self.run.seconds_left()
            allowed = before - SECONDS_TO_CHOOSE if _has_passed(results) else None
            result = None
            if allowed is None or longest <= allowed:
                result = await finish_within(allowed, self._test(change))
            if result is None:
                self.run.progress("no time is left to test the other candidates")
                break
            results.append(result)
            longest = max(longest, before - self.run.seconds_left())
        return results

    async def _test(self, change: Change) -> Result:
        """Test a change with the prepared suite, and with the others that it needs."""
        parts = await self.others.find_parts(change)
        if self.tester is None:
            return await self.others.add(change, accept_untested(change, self.suite), parts)
        self.run.progress(f"testing candidate {change.number + 1}")
        elsewhere: set[str] = set()
        for part in parts:
            if not part.is_built_elsewhere:
                elsewhere.update(part.paths)
        result = await self.tester.test(change, change.files.keys() - elsewhere)
        if isinstance(result, Unproven) and not _is_final(result, self.sent_back, self.run):
            return result
        return await self.others.add(change, result, parts)


def _numbers_worth_testing(candidates: Candidates, sent_back: Mapping[str, SentBack]) -> list[int]:
    """Return the indexes of the candidates, except those that broke tests in an earlier round."""
    numbers: list[int] = []
    for number, candidate in enumerate(candidates.candidates):
        earlier = sent_back.get(candidate.tree)
        if earlier is None or not earlier.is_broken:
            numbers.append(number)
    return numbers


def _has_passed(results: Sequence[Result]) -> bool:
    return any(isinstance(result, Passed) for result in results)


def _is_final(chosen: Unproven, sent_back: Mapping[str, SentBack], run: RunContext) -> bool:
    """Whether no better answer can follow: it was proposed before, or no round is left."""
    proposed_before = chosen.change.candidate.tree in sent_back
    return proposed_before or run.round >= run.limits.max_rounds


async def _conclude(
    verdict: Verdict, candidates: Candidates, proposals: Proposals, run: RunContext
) -> Verdict:
    """Return the final verdict, with its proof and the artifacts of the chosen proposal."""
    proof_key = await run.save(f"proof-{run.round}.json", verdict.proof())
    chosen = proposals.proposals[candidates.candidates[verdict.candidate].proposal]
    update = {"proof_key": proof_key, "proposal_artifacts": chosen.artifacts}
    return verdict.model_copy(update=update)
