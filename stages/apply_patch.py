"""Turn proposals into candidates. A proposal is applied as a whole, or not at all."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import BaseModel, ConfigDict

from pipeline.outcome import Facts
from pipeline.stage import Back, RunContext
from prompts.filters import clip, clip_framed, one_line
from repository.edits.apply_files import NewFile, apply_files
from repository.edits.editable_files import EditableFiles
from repository.edits.model import FORMAT, EditFailed
from repository.git import GitError, Mirrors
from stages.checkout import Checkout
from stages.propose_patch import Proposal, Proposals
from stages.propose_patch.base_code import BaseCode, EditSettings
from stages.propose_patch.description import split_title
from stages.propose_patch.results import ProposedFiles
from stages.propose_patch.round_note import SentBackNote

MAX_SUMMARY = 1_500
"""Characters."""
MAX_TITLE = 300
"""Characters."""
MAX_FEEDBACK = 8_000
"""Characters, for all proposals together."""
MAX_LEFT_OUT = 10
"""Maximum number of notices about files that are not part of the change."""
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
    title: str = ""
    """The model's title of the change, as it is; empty if it gave none."""
    agreeing: int = 1
    """Number of proposals that make exactly this change."""
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

    def __init__(self, mirrors: Mirrors, edits: EditSettings):
        self._mirrors = mirrors
        self._edits = edits

    async def run(
        self, checkout: Checkout, proposals: Proposals, run: RunContext
    ) -> Candidates | Back:
        """Apply each proposal; go back to the model if none applies."""
        base = self._edits.base_code(self._mirrors, checkout)
        changes, refusals = await _apply_all(proposals, base, run)
        if not changes:
            note = SentBackNote(attempt=proposals.attempt_of(0))
            return Back(to="propose_patch", because=_feedback(refusals, proposals), note=note)
        candidates: list[Candidate] = []
        for number, same in enumerate(_group_by_tree(changes)):
            candidates.append(await _candidate(number, same, base, run))
        return Candidates(
            repository=checkout.repository, base_sha=base.sha, candidates=tuple(candidates)
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


@dataclass(frozen=True)
class _Change:
    """A proposal's change to the base commit, written as a tree."""

    tree: str
    paths: Collection[str]
    summary: str
    notices: tuple[str, ...]
    title: str = ""
    proposal: int = 0
    """Index into Proposals.proposals."""


def _group_by_tree(changes: Sequence[_Change]) -> list[list[_Change]]:
    """Group the changes that make the same tree, in the order of the first of each group."""
    groups: dict[str, list[_Change]] = {}
    for change in changes:
        groups.setdefault(change.tree, []).append(change)
    return list(groups.values())


async def _candidate(
    number: int, same: Sequence[_Change], base: BaseCode, run: RunContext
) -> Candidate:
    """Return the candidate of changes that make the same tree, and store its patch."""
    change = same[0]
    diff = await asyncio.to_thread(base.mirror.diff, base.sha, change.tree)
    return Candidate(
        proposal=change.proposal,
        patch_key=await run.save(f"candidate-{number}.diff", diff),
        tree=change.tree,
        paths=tuple(sorted(change.paths)),
        summary=_summary(change.summary),
        title=clip(one_line(change.title), MAX_TITLE),
        agreeing=len(same),
        notices=(*base.policy.notices, *change.notices),
    )


async def _apply_all(
    proposals: Proposals, base: BaseCode, run: RunContext
) -> tuple[list[_Change], list[str]]:
    """Return the changes of the proposals that can be applied, and why the others can't."""
    changes: list[_Change] = []
    refusals: list[str] = []
    for index, proposal in enumerate(proposals.proposals):
        try:
            change = await _apply(proposal, base, run)
        except EditFailed as error:
            refusals.append(str(error))
        else:
            changes.append(replace(change, proposal=index))
    return changes, refusals


async def _apply(proposal: Proposal, base: BaseCode, run: RunContext) -> _Change:
    """Write the tree of a proposal.

    Raises:
        EditFailed: it can't be applied.
    """
    if proposal.changes_key is None:
        return await asyncio.to_thread(_apply_reply, base, proposal.reply)
    proposed = ProposedFiles.model_validate_json(await run.load(proposal.changes_key))
    change = await asyncio.to_thread(_apply_files, base, proposed)
    return replace(change, summary=proposal.reply, title=proposal.title)


def _apply_reply(base: BaseCode, reply: str) -> _Change:
    """Apply the edits of a reply to the base commit. Blocks."""
    edited = base.apply(reply)
    title, summary = split_title(edited.prose)
    return _Change(edited.sha, edited.paths, summary, edited.notices, title)


def _apply_files(base: BaseCode, proposed: ProposedFiles) -> _Change:
    """Apply a change that consists of files to the base commit. Blocks."""
    files = {path: NewFile(file.content, file.executable) for path, file in proposed.files.items()}
    tree = EditableFiles.of_tree(base.mirror, base.sha)
    applied = apply_files(files, tree, base.policy, base.syntax)
    written = base.mirror.write_tree(base.sha, applied.contents, applied.executable)
    left_out = {**proposed.left_out, **applied.left_out}
    notices = (*applied.notices, *_describe_left_out(left_out))
    return _Change(written, applied.files.keys(), "", notices)


def _describe_left_out(left_out: Mapping[str, str]) -> list[str]:
    sentences: list[str] = []
    for path, reason in sorted(left_out.items())[:MAX_LEFT_OUT]:
        sentences.append(f"{one_line(path)} was left out of the change: {one_line(reason)}")
    more = len(left_out) - MAX_LEFT_OUT
    if more > 0:
        sentences.append(f"{more} more files were left out of the change")
    return sentences


def _summary(prose: str) -> str:
    if len(prose) <= MAX_SUMMARY:
        return prose
    return prose[: MAX_SUMMARY - len(_CUT)] + _CUT


def _feedback(refusals: list[str], proposals: Proposals) -> str:
    """Return the reasons of all refusals, each with an equal share of the length, and a request."""
    share = MAX_FEEDBACK // max(len(refusals), 1)
    reasons = [clip_framed(refusal, share) for refusal in dict.fromkeys(refusals)]
    if any(proposal.changes_key is None for proposal in proposals.proposals):
        request = "None of the edits was applied. Write all of them again, as blocks:"
        return "\n\n".join([*reasons, request, FORMAT])
    return "\n\n".join([*reasons, "No part of the change was applied."])
