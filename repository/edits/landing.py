"""From a reply to the new bytes of files: read, placed, held against the policy, checked."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from repository.edits.apply import Step, apply_edits
from repository.edits.checks import check
from repository.edits.encoding import decode, encode
from repository.edits.model import EditFailed
from repository.edits.policy import EditPolicy
from repository.edits.readers import edits_of, read_reply
from repository.edits.weakened_tests import weakened

MAX_FILE_BYTES = 1_000_000


@dataclass(frozen=True)
class Landed:
    format: str
    files: dict[str, bytes | None]
    """path -> its new content, None where it is removed."""
    steps: tuple[Step, ...]
    notices: tuple[str, ...]
    prose: str
    """What the reply says outside its edits."""


def land(
    reply: str, read: Callable[[str], bytes | None], paths: Collection[str], policy: EditPolicy
) -> Landed:
    """What the reply makes of the files that ``read`` gives (None: no such file; EditFailed: not to be edited).

    Raises:
        EditFailed: nothing of the reply is applied; the text tells a model why.
    """
    found = read_reply(reply)
    edits = edits_of(found)
    before: dict[str, str | None] = {}
    codecs: dict[str, str] = {}

    def text(path: str) -> str | None:
        data = read(path)
        before[path], codecs[path] = (None, "utf-8") if data is None else decode(path, data)
        return before[path]

    applied = apply_edits(text, edits, paths, refusal=policy.refusal)
    policy.check(before, applied.files)
    if inside := next(
        (path for path in applied.files for other in applied.files if other.startswith(f"{path}/")),
        None,
    ):
        raise EditFailed(f"{inside} would be a file and a folder")
    check(before, applied.files)
    files = {}
    for path, new in applied.files.items():
        files[path] = None if new is None else encode(new, codecs[path], before[path] or "")
    notices = weakened(before, applied.files)
    return Landed(found.format or "", files, applied.steps, notices, found.prose)
