"""Which pull requests can't be worked on, and which of the refusals their people are told."""

from dataclasses import dataclass

from pipeline.github import ForgeRefused, labels
from pipeline.github.conversation import Conversation, PullDetails
from pipeline.job import Subject
from pipeline.pull_history import PullRuns
from pipeline.run_key import RunKey


@dataclass(frozen=True)
class ReviewLimits:
    """How much is done about the reviews of one pull request."""

    runs: int
    """Runs that ask a model."""
    usd: float
    """What they may cost together."""


@dataclass(frozen=True)
class Refusal:
    reason: str
    """A sentence with what to do."""
    notice: str | None = None
    """Names the notice on the pull request, because whoever asks can't know the reason; None if it
    gets none. There is one of each name.
    """


def find_stop(conversation: Conversation, pull: PullDetails, issue: Subject | None) -> str | None:
    """Return why nothing may be done about a pull request; None if nothing stands against it.

    Blocks. ``issue`` is the one that the pull request is for, if it is known.
    """
    name = f"pull request #{pull.number}"
    if pull.merged:
        return f"{name} is merged"
    if pull.state != "open":
        return f"{name} is closed"
    if labels.is_stopped(pull.labels):
        return f"{name} has the label {labels.STOP}"
    if pull.locked:
        return f"{name} is locked"
    if issue is not None and labels.is_stopped(_labels_of(conversation, issue)):
        return f"issue #{issue.number} has the label {labels.STOP}"
    return None


def _labels_of(conversation: Conversation, issue: Subject) -> tuple[str, ...]:
    """Return an issue's labels; none if it was deleted, which says nothing about our work."""
    try:
        return conversation.labels(issue)
    except ForgeRefused:
        return ()


def find_refusal(
    pull: PullDetails, runs: PullRuns, own: RunKey, limits: ReviewLimits
) -> Refusal | None:
    """Return why the review can't be answered by the run ``own``, although the pull request may be
    worked on; None if it can.
    """
    if not runs.pushes or not pull.is_from_push_repository:
        return Refusal(f"no run of this deployment has opened pull request #{pull.number}")
    if pull.head_sha not in runs.pushes:
        return Refusal(
            f"the newest commit of branch {pull.head} ({pull.head_sha[:12]}) is not ours, and"
            " nothing is pushed over the work of a person: remove it from the branch, or go on"
            " without the agent",
            notice=f"foreign-commit-{pull.head_sha}",
        )
    if len(runs.reviews_before(own)) >= limits.runs:
        return Refusal(
            f"the limit of {limits.runs} follow-ups for one pull request is reached: go on"
            " without the agent",
            notice=f"limit-of-{limits.runs}-runs",
        )
    if runs.review_usd_before(own) >= limits.usd:
        return Refusal(
            f"the follow-ups of this pull request have cost ${limits.usd:.2f}, which is the limit:"
            " go on without the agent",
            notice=f"limit-of-{limits.usd:g}-usd",
        )
    return None
