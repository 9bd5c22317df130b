"""The replies of a follow-up, rendered from the model's answers."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from pipeline.outcome import Facts, Verification
from pipeline.run_key import RunKey
from prompts.template_set import TemplateSet
from stages.address_review.replies import PlannedReply
from stages.address_review.review import Review, checks_key
from stages.open_pr.convention import CommitSubject

#: Names of the templates.
_MESSAGE = "follow_up_message"
_REPLY = "review_reply"


@dataclass(frozen=True)
class FollowUpResult:
    """What came of a run's follow-up, which its replies tell."""

    sha: str | None
    """The commit; None if nothing is pushed."""
    verification: Verification
    """Of the whole pull request with it."""
    paths: Collection[str]
    """The files that the commit changes."""


def template_facts(templates: TemplateSet) -> Facts:
    """Return the hashes of the templates, for the run's result."""
    return Facts(templates={name: templates.hash(name) for name in (_MESSAGE, _REPLY)})


def plan_replies(
    templates: TemplateSet,
    review: Review,
    answers: Mapping[str, str],
    summary: str,
    follow_up: FollowUpResult,
) -> list[PlannedReply]:
    """Return one reply for each remark, and one for the failed checks.

    Args:
        answers: the model's, by the name of the comment.
        summary: the model's words about the follow-up, which answer the checks.
    """
    replies: list[PlannedReply] = []
    for remark in review.remarks:
        body = _render(
            templates,
            follow_up,
            answer=answers.get(remark.comment.name),
            is_touched=remark.comment.path in follow_up.paths,
        )
        replies.append(PlannedReply(key=remark.key, thread_id=remark.thread_id, body=body))
    if review.checks:
        body = _render(templates, follow_up, answer=summary or None, is_touched=False)
        key = checks_key(review.head_sha)
        replies.append(PlannedReply(key=key, thread_id=None, body=body))
    return replies


def _render(
    templates: TemplateSet, follow_up: FollowUpResult, *, answer: str | None, is_touched: bool
) -> str:
    return templates.render(
        _REPLY,
        answer=answer,
        sha=follow_up.sha,
        verification=follow_up.verification.value if follow_up.sha else None,
        is_touched=is_touched,
    )


def render_message(
    templates: TemplateSet,
    review: Review,
    *,
    title: CommitSubject | None,
    summary: str,
    verification: Verification,
    run: RunKey,
    people: Mapping[str, str | None],
) -> str:
    """Render the commit's message; ``people`` are the variables of its trailers."""
    return templates.render(
        _MESSAGE,
        pull_number=review.pull_request_number,
        title_prefix=title.prefix if title is not None else "",
        title=title.text if title is not None else None,
        summary=summary,
        verification=verification.value,
        job_id=run.job_id,
        generation=run.generation,
        **people,
    )
