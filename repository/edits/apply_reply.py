"""From a model's reply to the new contents of files, step by step.

    reply ──read──▶ edits ──locate, apply──▶ texts ──policy, checks──▶ bytes

Every edit of a reply is applied, or none is.
"""

from dataclasses import dataclass

from repository.edits.apply import Placement, apply_edits
from repository.edits.checks import check_conflict_markers, check_paths
from repository.edits.editable_files import EditableFiles
from repository.edits.encoding import DecodedFiles
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
    policy.check_change(applied.before, applied.after)
    check_paths(applied.after.keys())
    check_conflict_markers(applied.before, applied.after)
    unparsed = syntax.check(applied.before, applied.after)
    return AppliedReply(
        format=parsed.format,
        files=texts.encode(applied.after),
        placements=applied.placements,
        notices=(*describe_weakened_tests(applied.before, applied.after), *unparsed),
        prose=parsed.prose,
    )
