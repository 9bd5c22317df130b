"""Turn replies into candidates: all edits of a reply apply and its files parse, or none applies."""

import asyncio

from pydantic import BaseModel, ConfigDict

from pipeline.outcome import Facts
from pipeline.stage import Back, RunContext
from repository.edits.apply_reply import AppliedReply, apply_reply
from repository.edits.editable_files import EditableFiles
from repository.edits.model import FORMAT, EditFailed
from repository.edits.policy import EditPolicy, read_policy
from repository.git import GitError, Mirror, Mirrors
from stages.checkout import Checkout
from stages.propose_patch import Proposals

MAX_SUMMARY = 1_500
"""Characters."""
MAX_FEEDBACK = 8_000
"""Characters, for all proposals together."""
_CUT = " ..."


class Candidate(BaseModel):
    """A change as a patch against the base commit; any machine can rebuild its tree from it."""

    model_config = ConfigDict(frozen=True)

    proposal: int
    """Index into Proposals.proposals."""
    patch_key: str
    """Artifact: the diff, in a form that ``git apply`` accepts."""
    tree: str
    """SHA of the tree with the patch applied."""
    paths: tuple[str, ...]
    summary: str
    """The model's own words about the change, for the pull request: untrusted text."""
    notices: tuple[str, ...] = ()
    """Sentences about the change that a reviewer must read, such as that it weakens tests."""


class Candidates(BaseModel):
    """The distinct changes proposed in a round, in the order of the proposals."""

    model_config = ConfigDict(frozen=True)

    repository: str
    base_sha: str
    candidates: tuple[Candidate, ...]

    def facts(self) -> Facts:
        return Facts(artifacts={"patch": self.candidates[0].patch_key})


class ApplyPatch:
    """The stage ``apply_patch``."""

    name = "apply_patch"

    def __init__(self, mirrors: Mirrors, *, protected: tuple[str, ...] = ()):
        """``protected``: patterns of paths that the deployment lets no proposal write."""
        self._mirrors = mirrors
        self._protected = protected

    async def run(
        self, checkout: Checkout, proposals: Proposals, run: RunContext
    ) -> Candidates | Back:
        """Apply each proposal; go back to the model if none applies."""
        mirror = self._mirrors.at(checkout.repository)
        base = checkout.base_sha
        policy = read_policy(checkout.config, self._protected)
        candidates: list[Candidate] = []
        refusals: list[str] = []
        for index, proposal in enumerate(proposals.proposals):
            try:
                tree, applied = await asyncio.to_thread(
                    _apply, mirror, base, proposal.reply, policy
                )
            except EditFailed as error:
                refusals.append(str(error))
                continue
            if any(candidate.tree == tree for candidate in candidates):
                continue
            diff = await asyncio.to_thread(mirror.diff, base, tree)
            candidate = Candidate(
                proposal=index,
                patch_key=await run.save(f"candidate-{len(candidates)}.diff", diff),
                tree=tree,
                paths=tuple(sorted(applied.files)),
                summary=_summary(applied.prose),
                notices=(*policy.notices, *applied.notices),
            )
            candidates.append(candidate)
        if not candidates:
            return Back(to="propose_patch", because=_feedback(refusals))
        return Candidates(
            repository=checkout.repository, base_sha=base, candidates=tuple(candidates)
        )

    async def restore(self, result: Candidates, run: RunContext) -> None:
        """Write the candidates' trees into this machine's mirror.

        Raises:
            GitError: a stored patch does not produce the recorded tree.
        """
        mirror = self._mirrors.at(result.repository)
        for candidate in result.candidates:
            patch = await run.load(candidate.patch_key)
            tree = await asyncio.to_thread(mirror.apply, result.base_sha, patch)
            if tree != candidate.tree:
                raise GitError(f"{candidate.patch_key} produces tree {tree}, not {candidate.tree}")


def _apply(mirror: Mirror, base: str, reply: str, policy: EditPolicy) -> tuple[str, AppliedReply]:
    """Apply a reply to the base commit; return the SHA of the tree and the change. Blocks."""
    applied = apply_reply(reply, EditableFiles.of_tree(mirror, base), policy)
    return mirror.write_tree(base, applied.files), applied


def _summary(prose: str) -> str:
    if len(prose) <= MAX_SUMMARY:
        return prose
    return prose[: MAX_SUMMARY - len(_CUT)] + _CUT


def _feedback(refusals: list[str]) -> str:
    """Return the reasons of all refusals, each cut to an equal share, and how to write edits."""
    share = MAX_FEEDBACK // max(len(refusals), 1)
    reasons = [refusal[:share] for refusal in dict.fromkeys(refusals)]
    request = "None of the edits was applied. Write every edit again, all of them, as blocks:"
    return "\n\n".join([*reasons, request, FORMAT])
