"""What maintainers and operators decide before a run works on an issue: the label that stops it,
whom the issue is assigned to, and how many pull requests may be open.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.github import OpenPull
from pipeline.github.accounts import Account
from pipeline.github.issue_pulls import branch_name
from pipeline.job import FixIssueJob
from pipeline.outcome import Outcome
from pipeline.stage import Stop
from stages.fetch_issue import FetchIssue, Issue, IssueRules
from tests.stand_ins.forge import StaticForge, snapshot
from tests.stand_ins.runs import StageRun, job

RULES = IssueRules(("OWNER",), takes_assigned=False, max_open_pulls=2)


class StaticAccounts:
    """The service's account is Fixer; nobody else is known."""

    def own(self, repository: str) -> Account:
        return Account("Fixer", 7)

    def find(self, repository: str, login: str) -> Account:
        raise AssertionError("nobody else should be looked up")


async def fetch(
    folder: Path,
    forge: StaticForge,
    *,
    requested: FixIssueJob | None = None,
    rules: IssueRules = RULES,
) -> Issue | Stop:
    stage = FetchIssue(forge, None, StaticAccounts(), rules)
    return await stage.run(StageRun(folder, requested).context())


def forge_with(**changes: object) -> StaticForge:
    return StaticForge(issues={42: snapshot(**changes)})


def reason(result: Issue | Stop) -> str:
    assert isinstance(result, Stop) and result.outcome is Outcome.REJECTED, result
    return result.reason


def open_pull(number: int, head: str, *, ours: bool = True) -> OpenPull:
    return OpenPull(
        number=number,
        url=f"https://github.com/octo/repo/pull/{number}",
        author="fixer",
        body="",
        base="main",
        head=head,
        is_from_push_repository=ours,
    )


@pytest.mark.parametrize("label", ["no-agent", "No-Agent"])
async def test_the_label_no_agent_stops_it(tmp_path: Path, label: str) -> None:
    result = await fetch(tmp_path, forge_with(labels=("bug", label)))
    assert reason(result) == ("issue #42 has the label no-agent: remove it to allow this service")


async def test_other_labels_stop_nothing(tmp_path: Path) -> None:
    assert isinstance(await fetch(tmp_path, forge_with(labels=("no-agents", "agent"))), Issue)


async def test_an_issue_of_somebody_else_is_left_to_them(tmp_path: Path) -> None:
    result = await fetch(tmp_path, forge_with(assignees=("ann", "bob")))
    assert reason(result) == (
        "issue #42 is assigned to ann, bob: unassign them, or assign it to the account of this"
        " service, too"
    )


@pytest.mark.parametrize("assignees", [("fixer",), ("ann", "fixer")])
async def test_assignment_to_the_service_is_an_invitation(
    tmp_path: Path, assignees: tuple[str, ...]
) -> None:
    assert isinstance(await fetch(tmp_path, forge_with(assignees=assignees)), Issue)


async def test_an_operator_may_let_it_work_on_assigned_issues(tmp_path: Path) -> None:
    rules = replace(RULES, takes_assigned=True)
    assert isinstance(await fetch(tmp_path, forge_with(assignees=("ann",)), rules=rules), Issue)


async def test_a_repository_has_a_limited_number_of_our_open_pull_requests(
    tmp_path: Path,
) -> None:
    forge = StaticForge(
        pulls=[open_pull(7, branch_name(1, "a")), open_pull(8, branch_name(2, "b"))]
    )
    assert reason(await fetch(tmp_path, forge)) == (
        "2 pull requests of this service are open in octo/repo, and the operator allows 2 at once:"
        " merge or close some, then send the job again"
    )
    assert forge.calls.count("open_pulls") == 1


async def test_pull_requests_of_others_do_not_count(tmp_path: Path) -> None:
    pulls = [
        open_pull(7, branch_name(1, "a")),
        open_pull(8, branch_name(2, "b"), ours=False),
        open_pull(9, "feature"),
    ]
    assert isinstance(await fetch(tmp_path, StaticForge(pulls=pulls)), Issue)


async def test_a_job_goes_on_with_its_own_pull_request_at_the_limit(tmp_path: Path) -> None:
    pulls = [open_pull(7, branch_name(1, "a")), open_pull(8, branch_name(42, job().id))]
    assert isinstance(await fetch(tmp_path, StaticForge(pulls=pulls)), Issue)


async def test_the_limit_holds_for_a_second_pull_request_too(tmp_path: Path) -> None:
    pulls = [open_pull(7, branch_name(42, "a")), open_pull(8, branch_name(42, "b"))]
    requested = job(options={"allow_second_pull_request": True})
    result = await fetch(tmp_path, StaticForge(pulls=pulls), requested=requested)
    assert "the operator allows 2 at once" in reason(result)


async def test_a_dry_run_opens_none_and_has_no_limit(tmp_path: Path) -> None:
    forge = StaticForge(pulls=[open_pull(7, branch_name(1, "a"))] * 3)
    assert isinstance(await fetch(tmp_path, forge, requested=job(options={"dry_run": True})), Issue)
    assert "open_pulls" not in forge.calls
