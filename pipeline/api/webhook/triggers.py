"""What an event on GitHub asks for. docs/webhook.md has the table.

Whether the person who asked may do so is not decided here but by the run, for every way in which
jobs arrive; an event that can't be of such a person is ignored.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pipeline.api.webhook.payloads import (
    Account,
    AnyEvent,
    CheckSuiteEvent,
    Issue,
    IssueCommentEvent,
    IssuesEvent,
    Label,
    LineCommentEvent,
    PullRequest,
    PullRequestEvent,
    PullRequestReviewEvent,
)
from pipeline.github import labels
from pipeline.github.issue_pulls import BRANCHES
from pipeline.github.mentions import mentions
from pipeline.job import CHECKS_REQUEST, AddressReviewJob, FixIssueJob

_FAILURES = ("failure", "timed_out")
"""Conclusions of a check suite that a change of the code may mend."""


@dataclass(frozen=True)
class CancelRequest:
    """Nobody wants our work on an issue or a pull request any longer."""

    repository: str
    number: int


@dataclass(frozen=True)
class Ignored:
    """The event asks for nothing."""

    reason: str
    """One sentence for whoever looks at the delivery on GitHub."""


Trigger = FixIssueJob | AddressReviewJob | CancelRequest | Ignored


@dataclass(frozen=True)
class Rules:
    """What this deployment reacts to."""

    login: str
    """Of the account with which it works on GitHub."""
    label: str
    """The label that asks for a fix of an issue."""
    comment_authors: tuple[str, ...]
    """GitHub's names for the roles of those whose comments are read."""

    def is_own(self, account: Account | None) -> bool:
        return account is not None and account.login.lower() == self.login.lower()

    def refuse_sender(self, sender: Account) -> Ignored | None:
        """Ignore what this service did itself, and other bots: they repeat what strangers write."""
        if self.is_own(sender):
            return Ignored("this service caused the event itself")
        if sender.is_bot:
            return Ignored(f"{sender.login} is a bot")
        return None

    def refuse_author(self, association: str) -> Ignored | None:
        if association in self.comment_authors:
            return None
        return Ignored(
            f"comments of authors that GitHub calls {association} are not read; see"
            " CODING_AGENT_COMMENT_AUTHORS"
        )


def read_trigger(event: str, body: bytes, rules_of: Callable[[str], Rules]) -> Trigger:
    """Return what an event asks for.

    Args:
        event: GitHub's name of its kind, such as ``issue_comment``.
        body: its payload as JSON.
        rules_of: returns what the deployment reacts to in a repository.

    Raises:
        pydantic.ValidationError: the payload is not one of this kind of event.
    """
    read = _READERS.get(event)
    if read is None:
        return Ignored(f"{event} events ask for nothing")
    repository = AnyEvent.model_validate_json(body).repository
    return read(body, rules_of(repository.full_name))


def _read_issues(body: bytes, rules: Rules) -> Trigger:
    event = IssuesEvent.model_validate_json(body)
    if event.action == "labeled" and _is_label(event.label, labels.STOP):
        return CancelRequest(event.repository.full_name, event.issue.number)
    if event.action == "labeled" and not _is_label(event.label, rules.label):
        return Ignored(f"only the labels {rules.label} and {labels.STOP} ask for something")
    if event.action == "assigned" and not rules.is_own(event.assignee):
        return Ignored(f"the issue was not assigned to {rules.login}")
    if event.action not in ("labeled", "assigned"):
        return _other_action("issues", event.action)
    refusal = rules.refuse_sender(event.sender)
    if refusal is not None:
        return refusal
    # GitHub tells no time of the event; the issue changed last when it happened.
    return _fix_job(event.issue, event.sender, event.issue.updated_at)


def _read_issue_comment(body: bytes, rules: Rules) -> Trigger:
    event = IssueCommentEvent.model_validate_json(body)
    if event.action != "created":
        return _other_action("issue_comment", event.action)
    # Whether the comment mentions the bot comes last: strangers' Markdown is not even parsed.
    refusal = rules.refuse_sender(event.sender)
    refusal = refusal or rules.refuse_author(event.comment.author_association)
    refusal = refusal or _refuse_unaddressed(event.comment.body, rules)
    if refusal is not None:
        return refusal
    if event.issue.pull_request is None:
        return _fix_job(event.issue, event.sender, event.comment.created_at)
    refusal = _refuse_pull(event.issue, rules)
    if refusal is not None:
        return refusal
    return _review_job(event.issue.html_url, f"comment-{event.comment.id}", event.sender)


def _read_review(body: bytes, rules: Rules) -> Trigger:
    event = PullRequestReviewEvent.model_validate_json(body)
    if event.action != "submitted":
        return _other_action("pull_request_review", event.action)
    review = event.review
    refusal = _refuse_pull(event.pull_request, rules) or rules.refuse_sender(event.sender)
    refusal = refusal or rules.refuse_author(review.author_association)
    if refusal is None and not _asks_for_work(review.state, review.body or "", rules.login):
        refusal = Ignored(
            "the review neither requests changes nor has a text; its comments on lines are read if"
            f" one of them mentions {rules.login}"
        )
    if refusal is not None:
        return refusal
    return _review_job(event.pull_request.html_url, f"review-{review.id}", event.sender)


def _asks_for_work(state: str, text: str, login: str) -> bool:
    """Return whether a review asks for a change. An approval does so only if it says so."""
    if state == "changes_requested":
        return True
    if state == "commented":
        return bool(text.strip())
    return mentions(text, login)


def _read_line_comment(body: bytes, rules: Rules) -> Trigger:
    """Read a comment on lines: the request is its review, of which there is an event, too."""
    event = LineCommentEvent.model_validate_json(body)
    if event.action != "created":
        return _other_action("pull_request_review_comment", event.action)
    comment = event.comment
    refusal = _refuse_pull(event.pull_request, rules) or rules.refuse_sender(event.sender)
    refusal = refusal or rules.refuse_author(comment.author_association)
    refusal = refusal or _refuse_unaddressed(comment.body, rules)
    if refusal is not None:
        return refusal
    if comment.pull_request_review_id is None:
        return Ignored("the comment belongs to no review")
    request = f"review-{comment.pull_request_review_id}"
    return _review_job(event.pull_request.html_url, request, event.sender)


def _read_pull_request(body: bytes, _rules: Rules) -> Trigger:
    event = PullRequestEvent.model_validate_json(body)
    is_stopped = event.action == "labeled" and _is_label(event.label, labels.STOP)
    if event.action == "closed" or is_stopped:
        return CancelRequest(event.repository.full_name, event.pull_request.number)
    if event.action == "labeled":
        return Ignored(f"on a pull request, only the label {labels.STOP} asks for something")
    return _other_action("pull_request", event.action)


def _read_check_suite(body: bytes, _rules: Rules) -> Trigger:
    """Read a check suite. Its sender is whoever pushed the commit: this service itself."""
    event = CheckSuiteEvent.model_validate_json(body)
    suite = event.check_suite
    if event.action != "completed":
        return _other_action("check_suite", event.action)
    if suite.conclusion not in _FAILURES:
        return Ignored(f"the checks ended with {suite.conclusion}")
    for pull in suite.pull_requests:
        if pull.head.sha == suite.head_sha and pull.head.ref.startswith(BRANCHES):
            url = f"{event.repository.html_url}/pull/{pull.number}"
            # Each suite asks: one that is required may fail after another that is not.
            request = f"{CHECKS_REQUEST}{suite.head_sha}-{suite.id}"
            return _review_job(url, request, sender=None)
    return Ignored("the commit is not the newest one of a pull request of this service")


def _fix_job(issue: Issue, sender: Account, requested_at: datetime) -> FixIssueJob:
    return FixIssueJob(
        issue_url=issue.html_url, requested_by=sender.login, requested_at=requested_at
    )


def _review_job(url: str, request: str, sender: Account | None) -> AddressReviewJob:
    """Return the job of a request, whose name is the same in every delivery of its event.

    ``sender`` is None if checks failed: they are of no person.
    """
    login = sender.login if sender is not None else None
    return AddressReviewJob.of(url, request, requested_by=login)


def _refuse_pull(pull: PullRequest | Issue, rules: Rules) -> Ignored | None:
    """Ignore what is said on pull requests of others."""
    if rules.is_own(pull.user):
        return None
    return Ignored(f"pull request #{pull.number} was not opened by {rules.login}")


def _refuse_unaddressed(text: str, rules: Rules) -> Ignored | None:
    """Ignore a comment that is not addressed to this service."""
    if mentions(text, rules.login):
        return None
    return Ignored(f"the comment does not mention {rules.login}")


def _is_label(label: Label | None, name: str) -> bool:
    """Return whether a label has a name. GitHub ignores the case of labels."""
    return label is not None and label.name.lower() == name.lower()


def _other_action(event: str, action: str) -> Ignored:
    return Ignored(f"{event} events with the action {action[:50]} ask for nothing")


_READERS: dict[str, Callable[[bytes, Rules], Trigger]] = {
    "issues": _read_issues,
    "issue_comment": _read_issue_comment,
    "pull_request": _read_pull_request,
    "pull_request_review": _read_review,
    "pull_request_review_comment": _read_line_comment,
    "check_suite": _read_check_suite,
}
EVENTS = tuple(_READERS)
"""The kinds of events that a hook should send."""
