"""The proof decides whether a pull request is ready, and whether it closes the issue."""

import pytest

from pipeline.outcome import Outcome, Verification
from stages.open_pr import PullSettings, ReadyIf
from tests.stages.open_pr.scenario import REPOSITORY, VERDICT, Scenario
from tests.stand_ins.runs import claim

PROVEN = Verification.RED_TO_GREEN
PASSES = Verification.SUITE_PASSES
UNVERIFIED = Verification.NOT_VERIFIED


@pytest.mark.parametrize(
    ("verification", "ready_if", "is_ready"),
    [
        (PROVEN, "red to green", True),
        (PASSES, "red to green", False),
        (UNVERIFIED, "red to green", False),
        (PROVEN, "suite passes", True),
        (PASSES, "suite passes", True),
        (UNVERIFIED, "suite passes", False),
    ],
)
async def test_only_a_proven_change_is_ready_and_closes_the_issue(
    scenario: Scenario, verification: Verification, ready_if: ReadyIf, is_ready: bool
) -> None:
    scenario.verdict = VERDICT.model_copy(update={"verification": verification})
    scenario.settings = PullSettings(ready_if=ready_if)
    await scenario.open(claim(scenario.store))
    (pull,) = scenario.pulls
    body = pull.issue.body or ""
    assert pull.draft is not is_ready
    assert ("\nFixes #42\n" in body) is is_ready
    assert ("\nRefs #42\n" in body) is not is_ready
    assert body.startswith("**Not proven**: ") is not is_ready
    assert ("\n    Fixes: #42\n" in scenario.commit()) is is_ready
    assert ("\n    Refs: #42\n" in scenario.commit()) is not is_ready


async def test_a_job_may_ask_for_a_draft_of_a_proven_change(scenario: Scenario) -> None:
    await scenario.open(claim(scenario.store), draft=True)
    (pull,) = scenario.pulls
    assert pull.draft
    assert "\nFixes #42\n" in (pull.issue.body or "")


async def test_without_drafts_the_first_line_says_that_nothing_is_proven(
    scenario: Scenario,
) -> None:
    scenario.github.forbid_drafts(REPOSITORY)
    scenario.verdict = VERDICT.model_copy(update={"verification": UNVERIFIED})
    stop = await scenario.open(claim(scenario.store))
    (pull,) = scenario.pulls
    assert (stop.outcome, pull.draft) == (Outcome.PR_OPENED, False)
    assert (pull.issue.body or "").startswith("**Not proven**: no test shows")
    assert stop.reason.endswith("not a draft, which the repository does not support")


async def test_what_was_planned_is_opened_although_the_settings_have_changed(
    scenario: Scenario,
) -> None:
    scenario.verdict = VERDICT.model_copy(update={"verification": PASSES})
    first = claim(scenario.store)
    await scenario.fail_to_open(first)
    scenario.settings = PullSettings(ready_if="suite passes")
    await scenario.open(scenario.deliver_again(first))
    (pull,) = scenario.pulls
    assert pull.draft
    assert "\nRefs #42\n" in (pull.issue.body or "")


async def test_a_title_and_a_summary_skip_no_checks_and_close_nothing(scenario: Scenario) -> None:
    scenario.title = "[skip ci] add() subtracts, fixes #1"
    scenario.summary = "> [!IMPORTANT]\n> Reviewed.\n\n/approve\n\nSigned-off-by: x <y@z>"
    scenario.verdict = VERDICT.model_copy(update={"verification": UNVERIFIED})
    await scenario.open(claim(scenario.store))
    (pull,) = scenario.pulls
    for text in (pull.issue.title, pull.issue.body or "", scenario.commit()):
        assert "[skip ci]" not in text
        assert "[!IMPORTANT]" not in text
        assert "/approve" not in text
        assert "Signed-off-by:" not in text
        assert "#1" not in text
