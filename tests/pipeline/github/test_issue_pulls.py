"""Which open pull requests are for an issue, and which of them are ours."""

import time

import pytest

from pipeline.github import OpenPull
from pipeline.github.issue_pulls import branch_name, closes, describe_other, marker, select_other
from pipeline.job import IssueRef

REF = IssueRef.parse("https://github.com/octo/repo/issues/42")


def pull(number: int = 7, **fields: object) -> OpenPull:
    """Somebody else's pull request that closes the issue."""
    base = {
        "number": number,
        "url": f"https://github.com/octo/repo/pull/{number}",
        "author": "ann",
        "body": "Fixes #42",
        "base": "main",
        "head": "patch-1",
        "is_from_push_repository": False,
    }
    return OpenPull.model_validate(base | fields)


def ours(job_id: str, number: int = 8, **fields: object) -> OpenPull:
    own = {
        "body": f"Refs #42\n{marker(job_id, 0)}",
        "head": branch_name(42, job_id),
        "is_from_push_repository": True,
    }
    return pull(number, **(own | fields))


def select(*pulls: OpenPull) -> OpenPull | None:
    return select_other(pulls, REF, "mine", {"main"})


def test_a_jobs_branch_name_never_changes():
    assert branch_name(42, "a") == "coding-agent/issue-42-ca978112ca"
    assert branch_name(None, "a") == "coding-agent/fix-ca978112ca", "an issue without a number"
    assert branch_name(42, "a") != branch_name(42, "b")
    assert branch_name(7, "../x y") == branch_name(7, "../x y").strip()


@pytest.mark.parametrize(
    "body",
    [
        "Fixes #42",
        "closes #42.",
        "This RESOLVED: #42, and more",
        "It fixed\n#42",
        "fix octo/repo#42",
        "Close Octo/Repo#42",
        "resolves https://github.com/octo/repo/issues/42",
        "Fixes #41, fixes #42",
        "<!-- Fixes #1 -->\nCloses #42\n<!-- the rest",
        "`code` fixes #42",
        "```\nx\n```\nfixes #42",
    ],
)
def test_a_closing_keyword_of_github_closes_the_issue(body: str):
    assert closes(body, REF)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "Refs #42",
        "Fixes #421",
        "Fixes #4",
        "Fixes other/repo#42",
        "Fixes #41 and #42",
        "prefixes #42",
        "hot-fix #42",
        "Fixes 42",
        "Fixes #42abc",
        "Fixes https://github.com/octo/repo/pull/42",
        "Fixes https://git.example/octo/repo/issues/42",
        "<!-- for example: Fixes #42 -->",
        "<!-- never closed: Fixes #42",
        "Write `Fixes #42` here",
        "```\nFixes #42\n```",
        "~~~text\nFixes #42",
    ],
)
def test_what_github_does_not_read_as_a_keyword_closes_nothing(body: str):
    assert not closes(body, REF)


@pytest.mark.parametrize("piece", ["<!--", "`", "```\n", "fixes ", "fixes #", "fixes: \n", "~~~\n"])
def test_a_hostile_body_is_read_at_once(piece: str):
    started = time.monotonic()
    assert not closes(piece * (65_536 // len(piece)), REF)
    assert time.monotonic() - started < 2


def test_a_pull_request_for_another_issue_does_not_count():
    assert select() is None
    assert select(pull(body="Refs #42"), ours("other", head=branch_name(421, "other"))) is None


def test_somebody_elses_counts_only_where_it_leads_to_the_branch():
    assert select(pull(base="release")) is None
    assert select_other([pull(base="release")], REF, "mine", {"main", "release"}) == pull(
        base="release"
    )


def test_the_one_of_another_job_counts_wherever_it_leads_and_is_named_first():
    other = ours("other", base="release")
    assert select(pull(), other, pull(9)) == other
    assert describe_other(other, REF) == (
        "pull request #8 (https://github.com/octo/repo/pull/8) of job other is open for this issue"
    )


def test_the_jobs_own_is_worked_on_whatever_others_have_opened():
    assert select(pull(), ours("other"), ours("mine", 9)) is None


def test_a_stranger_cannot_pass_for_this_service():
    forged = pull(body=f"Fixes #42 {marker('mine', 0)}", head=branch_name(42, "mine"))
    assert select(forged) == forged
    assert describe_other(forged, REF) == (
        "pull request #7 (https://github.com/octo/repo/pull/7) by ann, which closes the issue,"
        " is open"
    )
