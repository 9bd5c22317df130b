"""From a model's reply to the new contents of files, step by step.

    reply ──read──▶ edits ──locate, apply──▶ texts ──policy, checks──▶ bytes

Every edit of a reply is applied, or none is.
"""

from dataclasses import dataclass

from repository.edits.apply import AppliedEdits, Placement, apply_edits
from repository.edits.checks import check_conflict_markers, check_paths
from repository.edits.editable_files import EditableFiles
from repository.edits.encoding import DecodedFiles
from repository.edits.line_ends import with_line_ends
from repository.edits.model import EditFailed
from repository.edits.policy import EditPolicy
from repository.edits.readers import read_reply, require_edits
from repository.edits.syntax import SyntaxChecker
from repository.edits.weakened_tests import describe_weakened_tests


@dataclass(frozen=True)
class AppliedReply:
    """The change that a reply describes, ready to be written."""

    format: str
    files: dict[str, bytes | None]
    """path -> its new content, or None if the file is removed."""
    executable: dict[str, bool]
    """path -> whether it is executable, where that is not the file's mode before."""
    placements: tuple[Placement, ...]
    notices: tuple[str, ...]
    """Sentences about the change for the reviewer."""
    prose: str
    """The text of the reply outside its edits."""


def apply_reply(
    reply: str, files: EditableFiles, policy: EditPolicy, syntax: SyntaxChecker
) -> AppliedReply:
    """Return the change that a reply makes to files, without writing it.

    Raises:
        EditFailed: the reply as a whole is refused; the message tells the model why.
    """
    parsed = read_reply(reply, files.paths)
    edits = require_edits(parsed)
    texts = DecodedFiles(files.read)

    def refusal(path: str) -> str | None:
        return policy.refusal(path, exists=path in files.paths)

    applied = apply_edits(edits, texts.read, files.paths, refusal)
    executable = _new_modes(applied, files)
    if not applied.after and not executable:
        raise EditFailed("The edits change nothing: the files already have these modes")
    before, after = applied.following_moves()
    policy.check_size(before, after)
    policy.check_contents(applied.before, applied.after)
    check_paths(applied.after.keys())
    check_conflict_markers(before, after)
    unparsed = syntax.check(before, after)
    written = {path: applied.before[path] for path in executable} | applied.after
    return AppliedReply(
        format=parsed.format,
        files=texts.encode(with_line_ends(written, applied.created, files), applied.moved),
        executable=executable,
        placements=applied.placements,
        notices=(*describe_weakened_tests(before, after), *unparsed),
        prose=parsed.prose,
    )


def _new_modes(applied: AppliedEdits, files: EditableFiles) -> dict[str, bool]:
    """Return path -> whether it is executable, for each file whose mode changes."""
    modes: dict[str, bool] = {}
    for path, source in applied.moved.items():
        modes[path] = files.is_executable(source)
    modes.update(applied.executable)
    return {path: mode for path, mode in modes.items() if mode != files.is_executable(path)}
