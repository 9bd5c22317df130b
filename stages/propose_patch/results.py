"""What ``propose_patch`` gives."""

from pydantic import BaseModel, ConfigDict

from pipeline.outcome import Facts


class Proposal(BaseModel):
    model_config = ConfigDict(frozen=True)

    reply: str
    """The model's text, raw; of an agent, its words at the end and all its edits in order."""
    exchange_key: str
    """Artifact: what was sent and what came back, with usage and cost; of an agent, the transcript."""
    model: str


class Reproduction(BaseModel):
    """A test made from the issue that fails on the base for the issue's reason. It judges candidates; it is not part
    of them unless they hold it themselves."""

    model_config = ConfigDict(frozen=True)

    files: dict[str, str]
    """Path -> text; no such files are in the base."""
    tests: tuple[str, ...]
    """Ids of those that fail on the base, as a report tells them."""
    failure: str
    """What one of them says there."""
    log_key: str
    """Artifact: the runner's output on the base."""


class Proposals(BaseModel):
    model_config = ConfigDict(frozen=True)

    proposals: tuple[Proposal, ...]
    templates: dict[str, str]
    """template name -> hash, of those that were used"""
    template_set: str
    """hash of the whole set"""
    reproduction: Reproduction | None = None
    transcript_key: str | None = None
    """Artifact: an agent's steps."""

    def facts(self) -> Facts:
        artifacts = {"transcript": self.transcript_key} if self.transcript_key else {}
        return Facts(templates=self.templates, artifacts=artifacts)
