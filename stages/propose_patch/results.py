"""The result of ``propose_patch``."""

from pydantic import BaseModel, ConfigDict

from pipeline.outcome import Facts

#: Name of the stage.
STAGE = "propose_patch"
#: Name of the artifact with an agent's steps.
TRANSCRIPT = "transcript"


class Proposal(BaseModel):
    model_config = ConfigDict(frozen=True)

    reply: str
    """The model's unchanged text; for an agent, its summary of the change."""
    title: str = ""
    """An agent's title of the change; empty if it gave none."""
    exchange_key: str
    """Artifact: the request and the reply, with usage and cost; for an agent, of its first step."""
    model: str
    attempt: int = 1
    """Number of the agent's attempt that made it."""
    changes_key: str | None = None
    """Artifact: a ProposedFiles, which is the change if it is not written as edits in ``reply``."""
    transcript_key: str | None = None
    """Artifact: the agent's steps, for people."""
    conversation_key: str | None = None
    """Artifact: the agent's conversation, which a run that answers a review continues."""
    replies: dict[str, str] = {}
    """The model's replies to review comments, by the comment's name: untrusted text."""

    @property
    def artifacts(self) -> dict[str, str]:
        """Name -> artifact, for the run's result."""
        return {TRANSCRIPT: self.transcript_key} if self.transcript_key else {}


class ProposedFile(BaseModel):
    """A file of a change; ``content`` is None if the file is deleted."""

    model_config = ConfigDict(frozen=True, ser_json_bytes="base64", val_json_bytes="base64")

    content: bytes | None
    executable: bool = False


class ProposedFiles(BaseModel):
    """A change as the files of a workspace that differ from the base commit."""

    model_config = ConfigDict(frozen=True)

    files: dict[str, ProposedFile]
    """By path."""
    left_out: dict[str, str] = {}
    """Path -> why a file that differs is not part of the change."""


class Reproduction(BaseModel):
    """A test made from the issue that fails on the base because of the issue.

    It judges candidates; it is not part of them unless they contain it themselves.
    """

    model_config = ConfigDict(frozen=True)

    files: dict[str, str]
    """Path -> text of the new files."""
    tests: tuple[str, ...]
    """Ids of the tests that fail on the base, in the form of a TestReport."""
    failure: str
    """The output of one of them."""
    log_key: str
    """Artifact: the runner's output on the base."""


class Proposals(BaseModel):
    """The changes proposed in a round."""

    model_config = ConfigDict(frozen=True)

    proposals: tuple[Proposal, ...]
    templates: dict[str, str]
    """Template -> hash, for the templates used."""
    template_set: str
    """Hash of the whole set."""
    reproduction: Reproduction | None = None

    def attempt_of(self, index: int) -> int:
        """Return the number of the attempt that made a proposal."""
        return self.proposals[index].attempt

    def facts(self) -> Facts:
        artifacts = dict(self.proposals[0].artifacts)
        if len(self.proposals) > 1:
            for proposal in self.proposals:
                for name, key in proposal.artifacts.items():
                    artifacts[f"{name}-{proposal.attempt}"] = key
        return Facts(templates=self.templates, artifacts=artifacts)
