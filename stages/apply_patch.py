"""Turn a reply into a candidate: every edit applies, or none does."""

import asyncio

from pydantic import BaseModel, ConfigDict

from pipeline.outcome import Facts
from pipeline.stage import Back, RunContext
from repository.edits.model import FORMAT, EditFailed
from repository.edits.writing import policy_of, write_reply
from repository.git import GitError, Mirrors
from stages.checkout import Checkout
from stages.propose_patch import Proposals

MAX_SUMMARY = 1_500
"""Characters."""
MAX_FEEDBACK = 8_000
"""Characters, over all proposals."""


class Candidate(BaseModel):
    """One change, as a patch against the base commit. Trees and commits are made from it anew on
    any machine.
    """

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
    notices: tuple[str, ...] = ()
    """What a reviewer must be told of the change, such as tests that it weakens."""


class Candidates(BaseModel):
    model_config = ConfigDict(frozen=True)

    repository: str
    base_sha: str
    candidates: tuple[Candidate, ...]

    def facts(self) -> Facts:
        return Facts(artifacts={"patch": self.candidates[0].patch_key})


class ApplyPatch:
    name = "apply_patch"

    def __init__(self, mirrors: Mirrors, *, protected: tuple[str, ...] = ()):
        """``protected``: patterns of paths that the deployment lets no proposal write."""
        self._mirrors = mirrors
        self._protected = protected

    async def run(
        self, checkout: Checkout, proposals: Proposals, run: RunContext
    ) -> Candidates | Back:
        mirror = self._mirrors.at(checkout.repository)
        policy, told = policy_of(checkout.config, self._protected)
        candidates: list[Candidate] = []
        refusals: list[str] = []
        for index, proposal in enumerate(proposals.proposals):
            try:
                tree, landed = await asyncio.to_thread(
                    write_reply, mirror, checkout.base_sha, proposal.reply, policy
                )
            except EditFailed as error:
                refusals.append(str(error))
                continue
            if tree in {candidate.tree for candidate in candidates}:
                continue
            diff = await asyncio.to_thread(mirror.diff, checkout.base_sha, tree)
            key = await run.save(f"candidate-{len(candidates)}.diff", diff)
            paths = tuple(sorted(landed.files))
            notices = (*told, *landed.notices)
            summary = (
                landed.prose
                if len(landed.prose) <= MAX_SUMMARY
                else landed.prose[: MAX_SUMMARY - 4] + " ..."
            )
            candidates.append(
                Candidate(
                    proposal=index,
                    patch_key=key,
                    tree=tree,
                    paths=paths,
                    summary=summary,
                    notices=notices,
                )
            )
        if not candidates:
            return Back(to="propose_patch", because=_feedback(refusals))
        return Candidates(
            repository=checkout.repository, base_sha=checkout.base_sha, candidates=tuple(candidates)
        )

    async def restore(self, result: Candidates, run: RunContext) -> None:
        """Write the candidates' trees into this machine's mirror.

        Raises:
            GitError: a stored patch does not give the tree that was recorded.
        """
        mirror = self._mirrors.at(result.repository)
        for candidate in result.candidates:
            patch = await run.load(candidate.patch_key)
            tree = await asyncio.to_thread(mirror.apply, result.base_sha, patch)
            if tree != candidate.tree:
                raise GitError(f"{candidate.patch_key} gives tree {tree}, not {candidate.tree}")


def _feedback(refusals: list[str]) -> str:
    room = MAX_FEEDBACK // max(len(refusals), 1)
    told = "\n\n".join(refusal[:room] for refusal in dict.fromkeys(refusals))
    return (
        f"{told}\n\nNone of the edits was applied. Write every edit again, all of them, as"
        f" blocks:\n\n{FORMAT}"
    )
