"""What a run intends to push and to open, as it is stored before it is done."""

from pydantic import BaseModel, ConfigDict

#: Name of the effect that opens the pull request.
PULL_REQUEST = "pull_request"


class PlannedCommit(BaseModel):
    """The commit that a run intends to push. The same plan always makes the same commit."""

    model_config = ConfigDict(frozen=True)

    branch: str
    seconds: int
    """The commit's time, in seconds since the epoch."""
    message: str
    sha: str


class PlannedPull(BaseModel):
    """The text of the pull request that a run intends to open."""

    model_config = ConfigDict(frozen=True)

    title: str
    body: str
