"""What a run intends to push and to open, as it is stored before it is done."""

from pydantic import BaseModel, ConfigDict

from repository.git import Identity

#: Name of the effect that opens the pull request.
PULL_REQUEST = "pull_request"
#: The author of every commit that was planned before the author was a part of the plan.
_EARLIER_AUTHOR = Identity("coding-agent", "coding-agent@users.noreply.github.com")


class PlannedCommit(BaseModel):
    """The commit that a run intends to push. The same plan always makes the same commit."""

    model_config = ConfigDict(frozen=True)

    branch: str
    seconds: int
    """The commit's time, in seconds since the epoch."""
    message: str
    sha: str
    author: Identity = _EARLIER_AUTHOR


class PlannedPull(BaseModel):
    """The text of the pull request that a run intends to open."""

    model_config = ConfigDict(frozen=True)

    title: str
    body: str
    draft: bool = False
