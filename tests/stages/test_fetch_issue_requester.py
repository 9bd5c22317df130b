"""Who may ask for a fix: whoever the job names must be able to write to the repository."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.github import ForgeRefused
from pipeline.github.conversation import Permission
from pipeline.job import Subject
from pipeline.outcome import Outcome
from pipeline.stage import Stop
from stages.fetch_issue import FetchIssue, Issue, IssueRules
from tests.stand_ins.forge import StaticForge, snapshot
from tests.stand_ins.runs import StageRun, job

RULES = IssueRules(("OWNER",), takes_assigned=False, max_open_pulls=1)


@dataclass
class StaticPermissions:
    """Only knows ada."""

    of_ada: Permission

    def permission(self, subject: Subject, login: str) -> Permission:
        if login == "unknown":
            raise ForgeRefused(f"the token may not ask who may write to {subject.repository}")
        return self.of_ada if login == "ada" else Permission.NONE


async def fetch(folder: Path, requested_by: str | None, of_ada: Permission) -> Issue | Stop:
    forge = StaticForge(issues={42: snapshot()})
    stage = FetchIssue(forge, StaticPermissions(of_ada), None, RULES)
    fields = {} if requested_by is None else {"requested_by": requested_by}
    return await stage.run(StageRun(folder, job(**fields)).context())


@pytest.mark.parametrize("permission", [Permission.ADMIN, Permission.MAINTAIN, Permission.WRITE])
async def test_somebody_who_may_write_may_ask(tmp_path: Path, permission: Permission):
    assert isinstance(await fetch(tmp_path, "ada", permission), Issue)


@pytest.mark.parametrize("permission", [Permission.TRIAGE, Permission.READ, Permission.NONE])
async def test_somebody_who_may_not_write_may_not_ask(tmp_path: Path, permission: Permission):
    answer = await fetch(tmp_path, "ada", permission)
    assert isinstance(answer, Stop)
    assert answer.outcome is Outcome.REJECTED
    assert answer.reason.startswith("ada asked for it, who may not write to octo/repo")


async def test_a_token_that_may_not_ask_for_permissions_ends_the_run(tmp_path: Path):
    answer = await fetch(tmp_path, "unknown", Permission.WRITE)
    assert isinstance(answer, Stop)
    assert answer.outcome is Outcome.REJECTED


async def test_a_job_that_names_nobody_is_not_asked_about(tmp_path: Path):
    assert isinstance(await fetch(tmp_path, None, Permission.NONE), Issue)
