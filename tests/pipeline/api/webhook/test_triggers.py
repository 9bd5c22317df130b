"""What each event asks for."""

from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.api.webhook.triggers import CancelRequest, Ignored, read_trigger
from pipeline.job import AddressReviewJob, FixIssueJob
from tests.pipeline.api.conftest import RULES
from tests.pipeline.api.webhook.conftest import BOT, REPOSITORY
from tests.stand_ins.github import GithubStandIn
from tests.stand_ins.github.records import ReviewState
from tests.stand_ins.github.reviews import OnLine
from tests.stand_ins.github.webhooks import Event


def read(event: Event) -> Any:
    return read_trigger(event.kind, event.body, lambda _repository: RULES)


def reason(event: Event) -> str:
    trigger = read(event)
    assert isinstance(trigger, Ignored), trigger
    return trigger.reason


# Fixes


def test_the_trigger_label_asks_for_a_fix(github: GithubStandIn, issue: int):
    job = read(github.webhooks.issue_labeled(REPOSITORY, issue, "Coding-Agent", sender="ada"))
    assert isinstance(job, FixIssueJob)
    assert job.issue_url == f"https://github.com/{REPOSITORY}/issues/{issue}"
    assert (job.requested_by, job.requested_at) == ("ada", github.now())


def test_the_job_is_the_one_that_a_backend_sends_for_the_issue(github: GithubStandIn, issue: int):
    job = read(github.webhooks.issue_labeled(REPOSITORY, issue, "coding-agent", sender="ada"))
    sent = FixIssueJob(issue_url=f"https://github.com/{REPOSITORY}/issues/{issue}")
    assert (job.id, job.digest) == (sent.id, sent.digest)


def test_another_label_asks_for_nothing(github: GithubStandIn, issue: int):
    assert "only the labels" in reason(
        github.webhooks.issue_labeled(REPOSITORY, issue, "bug", sender="ada")
    )


def test_assignment_to_the_bot_asks_for_a_fix(github: GithubStandIn, issue: int):
    job = read(github.webhooks.issue_assigned(REPOSITORY, issue, BOT, sender="ada"))
    assert isinstance(job, FixIssueJob)
    assert job.requested_by == "ada"


def test_assignment_to_somebody_else_asks_for_nothing(github: GithubStandIn, issue: int):
    event = github.webhooks.issue_assigned(REPOSITORY, issue, "ada", sender="ada")
    assert "not assigned to octo-bot" in reason(event)


def comment(github: GithubStandIn, number: int, text: str, author: str = "ada") -> Event:
    github.add_comment(REPOSITORY, number, author, text)
    return github.webhooks.comment_created(REPOSITORY, number)


def test_a_mention_asks_for_a_fix_as_of_the_comment(github: GithubStandIn, issue: int):
    event = comment(github, issue, "@octo-bot please fix this")
    job = read(event)
    assert isinstance(job, FixIssueJob)
    assert job.model_dump(mode="json")["requested_at"] == event.payload["comment"]["created_at"]


def test_a_comment_without_a_mention_asks_for_nothing(github: GithubStandIn, issue: int):
    assert "does not mention" in reason(comment(github, issue, "> @octo-bot fix\n\nno"))


def test_a_mention_by_somebody_whose_comments_are_not_read_asks_for_nothing(
    github: GithubStandIn, issue: int
):
    event = comment(github, issue, "@octo-bot fix", author="stranger")
    assert "CODING_AGENT_COMMENT_AUTHORS" in reason(event)


@pytest.mark.parametrize("action", ["edited", "deleted"])
def test_an_edited_or_deleted_comment_asks_for_nothing(
    github: GithubStandIn, issue: int, action: str
):
    event = comment(github, issue, "@octo-bot fix")
    event.payload["action"] = action
    assert f"the action {action}" in reason(event)


@pytest.mark.parametrize("sender", [BOT, "triage[bot]"])
def test_what_a_bot_does_asks_for_nothing(github: GithubStandIn, issue: int, sender: str):
    webhooks = github.webhooks
    for event in (
        webhooks.issue_labeled(REPOSITORY, issue, "coding-agent", sender=sender),
        webhooks.issue_assigned(REPOSITORY, issue, BOT, sender=sender),
        comment(github, issue, "@octo-bot fix", author=sender),
    ):
        assert reason(event) in ("this service caused the event itself", f"{sender} is a bot")


# Reviews


def assert_asks(event: Event, pull: int, request: str, by: str | None = "ada") -> None:
    job = read(event)
    assert isinstance(job, AddressReviewJob), job
    assert job.pull_request_url == f"https://github.com/{REPOSITORY}/pull/{pull}"
    assert (job.request, job.requested_by) == (request, by)


def review(
    github: GithubStandIn, number: int, state: ReviewState, body: str = "", author: str = "ada"
) -> Event:
    review_id, *_ = github.reviews.submit(REPOSITORY, number, author, body, state=state)
    return github.webhooks.review_submitted(REPOSITORY, number, review_id)


def line_comment(github: GithubStandIn, number: int, text: str) -> Event:
    comments = [OnLine("a.txt", 1, text)]
    _, comment_id = github.reviews.submit(REPOSITORY, number, "ada", comments=comments)
    return github.webhooks.line_comment_created(REPOSITORY, number, comment_id)


@pytest.mark.parametrize(
    ("state", "body"),
    [
        ("CHANGES_REQUESTED", ""),
        ("CHANGES_REQUESTED", "See below."),
        ("COMMENTED", "Please rename it."),
        ("APPROVED", "Fine, but @octo-bot, rename it."),
    ],
)
def test_a_review_that_asks_for_a_change_is_answered(
    github: GithubStandIn, pull: int, state: ReviewState, body: str
):
    event = review(github, pull, state, body)
    assert_asks(event, pull, f"review-{event.payload['review']['id']}")


@pytest.mark.parametrize(
    ("state", "body"), [("COMMENTED", ""), ("COMMENTED", " \n"), ("APPROVED", "Fine.")]
)
def test_a_review_that_asks_for_no_change_is_ignored(
    github: GithubStandIn, pull: int, state: ReviewState, body: str
):
    assert "neither requests changes" in reason(review(github, pull, state, body))


def test_a_mention_in_a_comment_on_lines_asks_for_an_answer_to_its_review(
    github: GithubStandIn, pull: int
):
    event = line_comment(github, pull, "@octo-bot rename it")
    assert_asks(event, pull, f"review-{event.payload['comment']['pull_request_review_id']}")
    assert "does not mention" in reason(line_comment(github, pull, "rename it"))


def test_a_mention_below_the_pull_request_asks_for_an_answer(github: GithubStandIn, pull: int):
    event = comment(github, pull, "@octo-bot rename it")
    assert_asks(event, pull, f"comment-{event.payload['comment']['id']}")


def test_reviews_of_bots_and_of_strangers_are_ignored(github: GithubStandIn, pull: int):
    assert "is a bot" in reason(review(github, pull, "COMMENTED", "Rename it.", "lint[bot]"))
    assert "itself" in reason(review(github, pull, "COMMENTED", "Done.", BOT))
    assert "COMMENT_AUTHORS" in reason(review(github, pull, "COMMENTED", "Rename it.", "stranger"))


def test_what_is_said_on_pull_requests_of_others_is_ignored(github: GithubStandIn):
    other = github.add_pull(REPOSITORY, "Mine")
    for event in (
        review(github, other, "CHANGES_REQUESTED"),
        comment(github, other, "@octo-bot fix"),
        line_comment(github, other, "@octo-bot fix"),
    ):
        assert "was not opened by octo-bot" in reason(event)


# Checks


@pytest.mark.parametrize("conclusion", ["failure", "timed_out"])
def test_red_checks_on_our_newest_commit_are_answered_whoever_started_them(
    github: GithubStandIn, pull: int, conclusion: str
):
    event = github.webhooks.checks_completed(REPOSITORY, pull, conclusion)
    assert event.payload["sender"]["login"] == BOT
    suite = event.payload["check_suite"]
    assert_asks(event, pull, f"checks-{suite['head_sha']}-{suite['id']}", by=None)


def test_each_suite_of_checks_on_a_commit_asks_for_itself(github: GithubStandIn, pull: int):
    suites = [github.webhooks.checks_completed(REPOSITORY, pull, "failure") for _ in range(2)]
    first, second = (read(suite) for suite in suites)
    assert first.id != second.id
    assert read(suites[0]).id == first.id


@pytest.mark.parametrize("conclusion", ["success", "cancelled", "skipped", "action_required"])
def test_checks_that_are_not_red_are_ignored(github: GithubStandIn, pull: int, conclusion: str):
    assert conclusion in reason(github.webhooks.checks_completed(REPOSITORY, pull, conclusion))


def test_red_checks_on_an_older_commit_or_on_somebody_elses_branch_are_ignored(
    github: GithubStandIn, pull: int
):
    checks = github.webhooks.checks_completed
    branch = github.add_branch_pull(REPOSITORY, "a-person", "Mine", author="ada")
    for event in (
        checks(REPOSITORY, pull, "failure", sha="0" * 40),
        checks(REPOSITORY, branch, "failure"),
        checks(REPOSITORY, github.add_pull(REPOSITORY, "Mine"), "failure"),
    ):
        assert "not the newest one of a pull request of this service" in reason(event)


# Cancellation


def test_closing_a_pull_request_or_the_stop_label_cancels(
    github: GithubStandIn, issue: int, pull: int
):
    webhooks = github.webhooks
    assert read(
        webhooks.issue_labeled(REPOSITORY, issue, "no-agent", sender="ada")
    ) == CancelRequest(REPOSITORY, issue)
    for event in (
        webhooks.pull_labeled(REPOSITORY, pull, "no-agent", sender="ada"),
        webhooks.pull_closed(REPOSITORY, pull, sender="ada"),
    ):
        assert read(event) == CancelRequest(REPOSITORY, pull)


def test_the_trigger_label_on_a_pull_request_asks_for_nothing(github: GithubStandIn, pull: int):
    event = github.webhooks.pull_labeled(REPOSITORY, pull, "coding-agent", sender="ada")
    assert "only the label no-agent" in reason(event)


# Others


@pytest.mark.parametrize("kind", ["push", "star", "an_event_of_the_future"])
def test_events_of_other_kinds_ask_for_nothing(kind: str):
    assert read(Event(kind, {"action": "created"})) == Ignored(f"{kind} events ask for nothing")


@pytest.mark.parametrize(
    "kind",
    [
        "issues",
        "issue_comment",
        "pull_request",
        "pull_request_review",
        "pull_request_review_comment",
        "check_suite",
    ],
)
def test_a_payload_of_another_kind_is_refused(kind: str):
    with pytest.raises(ValidationError):
        read(Event(kind, {"action": "created"}))


def test_an_address_on_no_https_host_is_refused(github: GithubStandIn, issue: int):
    event = github.webhooks.issue_labeled(REPOSITORY, issue, "coding-agent", sender="ada")
    event.payload["issue"]["html_url"] = "http://evil.example/octo/repo/issues/1"
    with pytest.raises(ValidationError, match="not an issue's address"):
        read(event)
