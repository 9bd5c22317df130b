"""Turn the files of a workspace that differ from the base commit into a change.

They pass the same policy and checks as the edits of a reply. A refused file is left out with the
reason; the others are still a change.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from prompts.filters import code
from repository.edits.checks import check_new_lines, check_paths, check_syntax
from repository.edits.editable_files import MAX_FILE_BYTES, EditableFiles
from repository.edits.encoding import decode
from repository.edits.model import EditFailed
from repository.edits.policy import EditPolicy
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


@dataclass
class _Change:
    """The change so far, as text."""

    before: dict[str, str | None] = field(default_factory=dict)
    after: dict[str, str | None] = field(default_factory=dict)


def apply_files(
    files: Mapping[str, NewFile], base: EditableFiles, policy: EditPolicy
) -> AppliedFiles:
    """Return the change that these files make to the base, without writing it.

    Raises:
        EditFailed: there is no change, or it is too large; the message tells the model why.
    """
    left_out = _refused_paths(files, policy)
    permitted = {path: file for path, file in files.items() if path not in left_out}
    if len(permitted) > MAX_FILES:
        raise EditFailed(f"policy: {len(permitted)} files differ from the base commit")
    change = _Change()
    applied: dict[str, NewFile] = {}
    for path, file in sorted(permitted.items()):
        try:
            before = _read_base(base, path)
            after = _read_new(path, file)
            _check_file(path, before, after, policy)
        except EditFailed as error:
            left_out[path] = str(error)
            continue
        if before == after and file.executable == base.is_executable(path):
            continue
        change.before[path] = before
        change.after[path] = after
        applied[path] = file
    if not applied:
        raise EditFailed(_describe_nothing(left_out))
    policy.check_change(change.before, change.after)
    check_paths(applied.keys())
    notices = describe_weakened_tests(change.before, change.after)
    return AppliedFiles(applied, left_out, notices)


def _refused_paths(files: Mapping[str, NewFile], policy: EditPolicy) -> dict[str, str]:
    refused: dict[str, str] = {}
    for path in sorted(files):
        reason = policy.refusal(path)
        if reason:
            refused[path] = reason
    return refused


def _read_base(base: EditableFiles, path: str) -> str | None:
    data = base.read(path)
    return None if data is None else decode(path, data).text


def _read_new(path: str, file: NewFile) -> str | None:
    if file.content is None:
        return None
    if len(file.content) > MAX_FILE_BYTES:
        raise EditFailed(f"it has {len(file.content)} bytes; at most {MAX_FILE_BYTES} are allowed")
    return decode(path, file.content).text


def _check_file(path: str, before: str | None, after: str | None, policy: EditPolicy) -> None:
    """Check one file by itself, so that a refusal does not affect the others.

    Raises:
        EditFailed: it must be left out.
    """
    if after is not None:
        old_lines = set((before or "").splitlines())
        new_lines = [line for line in after.splitlines() if line not in old_lines]
        check_new_lines(new_lines, before)
    policy.check_change({path: before}, {path: after})
    check_syntax({path: before}, {path: after})


def _describe_nothing(left_out: Mapping[str, str]) -> str:
    if not left_out:
        return "No file differs from the base commit."
    reasons = [f"{code(path)}: {reason}" for path, reason in left_out.items()]
    return "\n".join(["No file that may be changed differs from the base commit.", *reasons])
