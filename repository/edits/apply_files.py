"""Turn the files of a workspace that differ from the base commit into a change.

They pass the same policy and checks as the edits of a reply. A refused file is left out with the
reason; the others are still a change.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from prompts.filters import code
from repository.edits.checks import check_conflict_markers, check_new_lines, check_paths
from repository.edits.editable_files import MAX_FILE_BYTES, EditableFiles
from repository.edits.encoding import decode
from repository.edits.model import EditFailed
from repository.edits.policy import EditPolicy
from repository.edits.syntax import SyntaxChecker
from repository.edits.weakened_tests import describe_weakened_tests

MAX_FILES = 500
"""More files are not read: no policy permits as many."""


@dataclass(frozen=True)
class NewFile:
    """The new state of a file; ``content`` is None if it is deleted."""

    content: bytes | None
    executable: bool = False


@dataclass(frozen=True)
class AppliedFiles:
    """The part of the files that may be written."""

    files: dict[str, NewFile]
    left_out: dict[str, str]
    """Path -> why it is not part of the change."""
    notices: tuple[str, ...]
    """Sentences about the change for the reviewer."""

    @property
    def contents(self) -> dict[str, bytes | None]:
        return {path: file.content for path, file in self.files.items()}

    @property
    def executable(self) -> dict[str, bool]:
        return {path: file.executable for path, file in self.files.items()}


@dataclass(frozen=True)
class _TextChange:
    """The text of one file, before and after; None where it does not exist."""

    before: str | None
    after: str | None


def apply_files(
    files: Mapping[str, NewFile], base: EditableFiles, policy: EditPolicy, syntax: SyntaxChecker
) -> AppliedFiles:
    """Return the change that these files make to the base, without writing it.

    Raises:
        EditFailed: there is no change, or it is too large; the message tells the model why.
    """
    left_out = _refused_paths(files, base, policy)
    permitted = {path: file for path, file in files.items() if path not in left_out}
    if len(permitted) > MAX_FILES:
        raise EditFailed(f"policy: {len(permitted)} files differ from the base commit")
    changes: dict[str, _TextChange] = {}
    notices: list[str] = []
    for path, file in sorted(permitted.items()):
        try:
            change = _read_change(path, file, base)
            unparsed = _check_file(path, change, policy, syntax)
        except EditFailed as error:
            left_out[path] = str(error)
            continue
        has_same_mode = file.executable == base.is_executable(path)
        if change.before != change.after or not has_same_mode:
            changes[path] = change
            notices += unparsed
    if not changes:
        raise EditFailed(_describe_nothing(left_out))
    weakened = _check_together(changes, policy)
    applied = {path: permitted[path] for path in changes}
    return AppliedFiles(applied, left_out, (*weakened, *notices))


def _refused_paths(
    files: Mapping[str, NewFile], base: EditableFiles, policy: EditPolicy
) -> dict[str, str]:
    refused: dict[str, str] = {}
    for path in sorted(files):
        reason = policy.refusal(path, exists=path in base.paths)
        if reason:
            refused[path] = reason
    return refused


def _read_change(path: str, file: NewFile, base: EditableFiles) -> _TextChange:
    """Return a file's text before and after.

    Raises:
        EditFailed: it is not text, or it is too large.
    """
    size = len(file.content or b"")
    if size > MAX_FILE_BYTES:
        raise EditFailed(f"it has {size} bytes; at most {MAX_FILE_BYTES} are allowed")
    old = base.read(path)
    decoded = None if old is None else decode(old)
    before = None if decoded is None else decoded.text
    if file.content is None:
        return _TextChange(before, None)
    if decoded is None:
        return _TextChange(None, decode(file.content).text)
    return _TextChange(before, decode(file.content, before=decoded).text)


def _check_file(
    path: str, change: _TextChange, policy: EditPolicy, syntax: SyntaxChecker
) -> tuple[str, ...]:
    """Check one file by itself, so that a refusal does not affect the others.

    Returns:
        Notices for the reviewer.

    Raises:
        EditFailed: it must be left out.
    """
    if change.after is not None:
        old_lines = set((change.before or "").splitlines())
        new_lines = [line for line in change.after.splitlines() if line not in old_lines]
        check_new_lines(new_lines, change.before)
    before = {path: change.before}
    after = {path: change.after}
    policy.check_change(before, after)
    check_conflict_markers(before, after)
    return syntax.check(before, after)


def _check_together(changes: Mapping[str, _TextChange], policy: EditPolicy) -> tuple[str, ...]:
    """Check all files as one change, and return the notices about it.

    Raises:
        EditFailed: there are too many files or lines, or two paths exclude each other.
    """
    before = {path: change.before for path, change in changes.items()}
    after = {path: change.after for path, change in changes.items()}
    policy.check_change(before, after)
    check_paths(changes.keys())
    return describe_weakened_tests(before, after)


def _describe_nothing(left_out: Mapping[str, str]) -> str:
    if not left_out:
        return "No file differs from the base commit."
    reasons = [f"{code(path)}: {reason}" for path, reason in left_out.items()]
    return "\n".join(["No file that may be changed differs from the base commit.", *reasons])
