"""Which checks of a commit count, and what they say, against the stand-in."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.github import ForgeRefused
from pipeline.github.conversation import MAX_ANNOTATIONS, Conversation
from pipeline.github.rest_conversation import GithubConversation
from pipeline.job import PullRef
from tests.stand_ins.github import WRITE_TOKEN, GithubStandIn
from tests.stand_ins.github.checks import ACTIONS_ID
from tests.stand_ins.github.records import CheckAnnotation

REPOSITORY = "octo/sample"
PULL = PullRef.parse(f"https://github.com/{REPOSITORY}/pull/1")


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GithubStandIn]:
    with GithubStandIn(tmp_path / "github") as server:
        server.add_repository(REPOSITORY, {"a.txt": "a\n"}, private=True)
        yield server


@pytest.fixture
def sha(github: GithubStandIn) -> str:
    return github.commit(REPOSITORY, {"b.txt": "b\n"}, branch="fix")


@pytest.fixture
def conversation(github: GithubStandIn) -> Conversation:
    return GithubConversation(github.connect(WRITE_TOKEN))


def failed_names(conversation: Conversation, sha: str) -> list[str]:
    return [check.name for check in conversation.failed_checks(PULL, "main", sha)]


def test_a_required_check_that_failed_counts_and_others_do_not(
    github: GithubStandIn, conversation: Conversation, sha: str
) -> None:
    github.checks.require(REPOSITORY, "test")
    github.checks.add_run(REPOSITORY, sha, "test")
    github.checks.add_run(REPOSITORY, sha, "lint")
    github.checks.add_run(REPOSITORY, sha, "coverage", app="codecov")
    assert failed_names(conversation, sha) == ["test"]


def test_a_ruleset_requires_checks_too(
    github: GithubStandIn, conversation: Conversation, sha: str
) -> None:
    github.checks.require_by_rule(REPOSITORY, "test", app_id=ACTIONS_ID)
    github.checks.require_by_rule(REPOSITORY, "license", app_id=-1)
    github.checks.add_run(REPOSITORY, sha, "test", app="another")
    github.checks.add_run(REPOSITORY, sha, "license", app="another")
    github.checks.add_run(REPOSITORY, sha, "test", conclusion="timed_out")
    checks = conversation.failed_checks(PULL, "main", sha)
    failed = {(check.name, check.conclusion) for check in checks}
    assert failed == {("test", "timed_out"), ("license", "failure")}


def test_a_required_status_counts(
    github: GithubStandIn, conversation: Conversation, sha: str
) -> None:
    github.checks.require(REPOSITORY, "ci/build")
    github.checks.add_status(
        REPOSITORY,
        sha,
        "ci/build",
        "error",
        description="2 tests failed",
    )
    [check] = conversation.failed_checks(PULL, "main", sha)
    assert (check.name, check.conclusion) == ("ci/build", "error")
    assert check.summary == "2 tests failed"
    assert not check.is_actions_job


def test_without_required_checks_the_jobs_of_github_actions_count(
    github: GithubStandIn, conversation: Conversation, sha: str
) -> None:
    github.checks.add_run(REPOSITORY, sha, "test")
    github.checks.add_run(REPOSITORY, sha, "preview", app="deployer")
    github.checks.add_status(REPOSITORY, sha, "cla", "failure")
    assert failed_names(conversation, sha) == ["test"]


@pytest.mark.parametrize("conclusion", ["success", "neutral", "skipped", "cancelled"])
def test_what_no_change_of_the_code_would_mend_has_not_failed(
    github: GithubStandIn, conversation: Conversation, sha: str, conclusion: str
) -> None:
    github.checks.add_run(REPOSITORY, sha, "test", conclusion=conclusion)
    assert conversation.failed_checks(PULL, "main", sha) == ()


def test_a_check_that_fails_on_the_base_too_is_not_the_changes_fault(
    github: GithubStandIn, conversation: Conversation, sha: str
) -> None:
    github.checks.require(REPOSITORY, "test", "lint", "types", "ci/build")
    base = github.sha(REPOSITORY, "main")
    assert base is not None
    for commit in (base, sha):
        github.checks.add_run(REPOSITORY, commit, "test")
        github.checks.add_status(REPOSITORY, commit, "ci/build", "failure")
    github.checks.add_run(REPOSITORY, base, "lint", conclusion="success")
    github.checks.add_run(REPOSITORY, base, "types", conclusion=None)
    github.checks.add_run(REPOSITORY, sha, "lint")
    github.checks.add_run(REPOSITORY, sha, "types")
    assert sorted(failed_names(conversation, sha)) == ["lint", "types"]


def test_a_job_that_was_run_again_counts_with_its_latest_result(
    github: GithubStandIn, conversation: Conversation, sha: str
) -> None:
    github.checks.add_run(REPOSITORY, sha, "test", conclusion="failure")
    github.checks.add_run(REPOSITORY, sha, "test", conclusion="success")
    assert failed_names(conversation, sha) == []


def test_running_and_expected_checks_have_not_failed(
    github: GithubStandIn, conversation: Conversation, sha: str
) -> None:
    github.checks.require(REPOSITORY, "test", "ci/build", "never reported")
    github.checks.add_run(REPOSITORY, sha, "test", conclusion=None)
    github.checks.add_status(REPOSITORY, sha, "ci/build", "pending")
    assert conversation.failed_checks(PULL, "main", sha) == ()


def test_more_checks_than_fit_on_a_page_are_read(
    github: GithubStandIn, conversation: Conversation, sha: str
) -> None:
    for number in range(130):
        github.checks.add_run(REPOSITORY, sha, f"test {number}")
        github.checks.add_status(REPOSITORY, sha, f"status {number}", "success")
    assert len(failed_names(conversation, sha)) == 130


def test_a_check_says_what_is_wrong_with_a_limited_number_of_annotations(
    github: GithubStandIn, conversation: Conversation, sha: str
) -> None:
    annotations = [CheckAnnotation("a.txt", line, f"bad {line}") for line in range(1, 60)]
    github.checks.add_run(
        REPOSITORY,
        sha,
        "lint",
        title="59 problems",
        summary="See below.",
        annotations=annotations,
    )
    [check] = conversation.failed_checks(PULL, "main", sha)
    assert (check.title, check.summary, check.text) == ("59 problems", "See below.", "")
    assert len(check.annotations) == MAX_ANNOTATIONS
    first = check.annotations[0]
    assert (first.path, first.start_line, first.message) == ("a.txt", 1, "bad 1")


def test_a_failed_job_comes_with_what_its_failed_step_printed(
    github: GithubStandIn, conversation: Conversation, sha: str
) -> None:
    log = (
        "\ufeff2026-01-05T09:00:00.1234567Z ##[group]Run actions/checkout@v4\n"
        "2026-01-05T09:00:01.1234567Z ##[group]Run pytest\n"
        "2026-01-05T09:00:02.1234567Z FAILED a\n"
        "2026-01-05T09:00:03.1234567Z ##[error]Process completed with exit code 1.\n"
        "2026-01-05T09:00:04.1234567Z Cleaning up orphan processes\n"
    )
    github.checks.add_run(REPOSITORY, sha, "test", log=log)
    [check] = conversation.failed_checks(PULL, "main", sha)
    assert check.log.splitlines() == [
        "##[group]Run pytest",
        "FAILED a",
        "##[error]Process completed with exit code 1.",
    ]


def test_a_log_that_is_gone_or_may_not_be_read_is_empty(
    github: GithubStandIn, conversation: Conversation, sha: str
) -> None:
    github.checks.add_run(REPOSITORY, sha, "test")
    assert [check.log for check in conversation.failed_checks(PULL, "main", sha)] == [""]
    github.checks.add_run(REPOSITORY, sha, "test", log="FAILED a")
    github.limit(WRITE_TOKEN, checks="read", statuses="read", contents="read")
    assert [check.log for check in conversation.failed_checks(PULL, "main", sha)] == [""]


def test_a_missing_permission_is_named(
    github: GithubStandIn, conversation: Conversation, sha: str
) -> None:
    github.limit(WRITE_TOKEN, contents="read", pull_requests="write")
    with pytest.raises(ForgeRefused, match="the token needs Checks: read and Commit statuses"):
        conversation.failed_checks(PULL, "main", sha)


def test_a_server_without_rulesets_requires_what_the_branch_does(
    github: GithubStandIn, conversation: Conversation, sha: str
) -> None:
    github.checks.require(REPOSITORY, "test")
    github.checks.add_run(REPOSITORY, sha, "test")
    github.fail_next("GET", "/rules/branches", status=404, message="Not Found")
    assert failed_names(conversation, sha) == ["test"]
