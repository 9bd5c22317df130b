"""Turn a reply into a candidate: every edit applies, or none does."""

import asyncio

from pydantic import BaseModel, ConfigDict

from pipeline.git import GitError, Mirror, Mirrors
from pipeline.outcome import Facts
from pipeline.stage import Back, RunContext
from stages.apply_patch.edits import FORMAT, EditFailed, parse_reply
from stages.apply_patch.matching import apply_edits
from stages.checkout import Checkout
from stages.propose_patch import Proposals

MAX_FILE_BYTES = 2_000_000
MAX_SUMMARY = 1_500
"""Characters."""
MAX_FEEDBACK = 8_000
"""Characters, over all proposals."""


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

    repository: str
    base_sha: str
    candidates: tuple[Candidate, ...]

    def facts(self) -> Facts:
        return Facts(artifacts={"patch": self.candidates[0].patch_key})


class ApplyPatch:
    name = "apply_patch"

    def __init__(self, mirrors: Mirrors):
        self._mirrors = mirrors

    async def run(self, checkout: Checkout, proposals: Proposals, run: RunContext) -> Candidates | Back:
        mirror = self._mirrors.at(checkout.repository)
        candidates: list[Candidate] = []
        refusals: list[str] = []
        for index, proposal in enumerate(proposals.proposals):
            try:
                tree, paths, summary = await asyncio.to_thread(_write, mirror, checkout.base_sha, proposal.reply)
            except EditFailed as error:
                refusals.append(str(error))
                continue
            if tree in {candidate.tree for candidate in candidates}:
                continue
            diff = await asyncio.to_thread(mirror.diff, checkout.base_sha, tree)
            key = await run.save(f"candidate-{len(candidates)}.diff", diff)
            candidates.append(Candidate(proposal=index, patch_key=key, tree=tree, paths=paths, summary=summary))
        if not candidates:
            return Back(to="propose_patch", because=_feedback(refusals))
        return Candidates(repository=checkout.repository, base_sha=checkout.base_sha, candidates=tuple(candidates))

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


def _write(mirror: Mirror, base_sha: str, reply: str) -> tuple[str, tuple[str, ...], str]:
    """The tree with the reply's edits, the paths it changes, and the reply's prose."""
    parsed = parse_reply(reply)
    if not parsed.edits:
        raise EditFailed("The reply holds no edits.")
    base = _Base(mirror, base_sha)
    changed = apply_edits(base.text, parsed.edits, base.entries.keys())
    tree = mirror.write_tree(base_sha, {path: text.encode() for path, text in changed.items()})
    prose = parsed.prose if len(parsed.prose) <= MAX_SUMMARY else parsed.prose[: MAX_SUMMARY - 4].rstrip() + " ..."
    return tree, tuple(sorted(changed)), prose


class _Base:
    """The files of the base commit, as far as they may be edited."""

    def __init__(self, mirror: Mirror, sha: str):
        self._mirror, self._sha = mirror, sha
        self.entries = {entry.path: entry for entry in mirror.files(sha)}
        self._folders = {path[:at] for path in self.entries for at, part in enumerate(path) if part == "/"}

    def text(self, path: str) -> str | None:
        """Raises EditFailed where ``path`` is no text file, and can't become one."""
        entry = self.entries.get(path)
        if entry is None:
            if path in self._folders:
                raise EditFailed("it is a folder")
            parents = (path[:at] for at, part in enumerate(path) if part == "/")
            if above := next((parent for parent in parents if parent in self.entries), None):
                raise EditFailed(f"{above} is not a folder")
            return None
        if entry.mode not in ("100644", "100755"):
            raise EditFailed("it is a symbolic link" if entry.mode == "120000" else "it is a submodule")
        if entry.size > MAX_FILE_BYTES:
            raise EditFailed(f"the file has {entry.size} bytes; {MAX_FILE_BYTES} at most can be edited")
        data = next(self._mirror.read_many([entry.sha]))
        if b"\0" in data:
            raise EditFailed("it is a binary file")
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise EditFailed("the file is not UTF-8") from error


def _feedback(refusals: list[str]) -> str:
    room = MAX_FEEDBACK // max(len(refusals), 1)
    told = "\n\n".join(refusal[:room] for refusal in dict.fromkeys(refusals))
    return f"{told}\n\nNone of the edits was applied. Write every edit again, all of them, as blocks:\n\n{FORMAT}"
