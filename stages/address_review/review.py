"""The review of a pull request as a frozen snapshot: the result of ``fetch_review``."""

from pydantic import BaseModel, ConfigDict

from pipeline.job import CHECKS_REQUEST
from pipeline.outcome import Facts
from pipeline.run_key import RunKey
from stages.propose_patch import FollowUp, ReviewCheck, ReviewComment


class RemarkToAnswer(BaseModel):
    """Something that a person wrote on the pull request and that has no answer yet."""

    model_config = ConfigDict(frozen=True)

    key: str
    """Unique on the pull request, such as ``comment-55``: names its reply."""
    thread_id: int | None
    """The thread of the diff to which the reply belongs; None if it goes below the pull request."""
    comment: ReviewComment


class Review(BaseModel):
    """What is to be answered on a pull request of ours, and how it came about."""

    model_config = ConfigDict(frozen=True)

    pull_request_url: str
    pull_request_number: int
    branch: str
    head_sha: str
    """The newest commit, which this service has pushed."""
    remarks: tuple[RemarkToAnswer, ...]
    checks: tuple[ReviewCheck, ...]
    """The failed checks of ``head_sha``, if they are to be answered."""
    omitted: tuple[str, ...]
    """Descriptions of the remarks that are not shown."""
    source: RunKey
    """The newest run that ended with the files of ``head_sha``: its results hold for this one."""
    max_usd: float
    """What the run may spend: what is left for the reviews of the pull request."""
    conversation_key: str | None
    """Artifact: the agent's conversation in it; None if it is not stored, or there was none."""

    def follow_up(self, tree: str) -> FollowUp:
        """Return the review as a task. ``tree`` is that of ``head_sha``."""
        return FollowUp(
            number=self.pull_request_number,
            comments=tuple(remark.comment for remark in self.remarks),
            checks=self.checks,
            omitted=self.omitted,
            tree=tree,
            conversation_key=self.conversation_key,
        )

    def money_limit(self) -> float:
        """See ``pipeline.stage.HasMoneyLimit``."""
        return self.max_usd

    def facts(self) -> Facts:
        return Facts(
            pull_request_url=self.pull_request_url,
            pull_request_number=self.pull_request_number,
            branch=self.branch,
        )


def checks_key(sha: str) -> str:
    """Return what names the reply to the failed checks of a commit."""
    return f"{CHECKS_REQUEST}{sha}"
