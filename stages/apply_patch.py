"""Turn a reply into a candidate: every edit applies, or none does."""

from pydantic import BaseModel, ConfigDict


class Candidate(BaseModel):
    """One change, as a patch against the base commit. Trees and commits are made from it anew on any machine."""

    model_config = ConfigDict(frozen=True)

    proposal: int
    """Index into Proposals.proposals."""
    patch_key: str
    """Artifact: the diff, as ``git apply`` takes it."""
    tree: str
    """SHA of the tree with the patch applied."""
    paths: tuple[str, ...]
    summary: str
    """The model's own words about the change, for the pull request: untrusted text."""


class Candidates(BaseModel):
    model_config = ConfigDict(frozen=True)

    candidates: tuple[Candidate, ...]
