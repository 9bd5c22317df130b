"""Helpers that apply a reply to files in memory."""

from collections.abc import Mapping

import pytest

from repository.edits.apply import apply_edits
from repository.edits.apply_reply import AppliedReply, apply_reply
from repository.edits.editable_files import EditableFiles
from repository.edits.model import EditFailed
from repository.edits.policy import EditPolicy, read_policy
from repository.edits.readers import read_reply, require_edits
from repository.git import Entry
from stages.propose_patch.base_code import syntax_checker

POLICY = read_policy(None, ())


def block(path: str, search: str, replacement: str) -> str:
    """Return a search/replace block; both halves end with a line feed, or are empty."""
    return f"{path}\n<<<<<<< SEARCH\n{search}=======\n{replacement}>>>>>>> REPLACE\n"


def editable(files: Mapping[str, bytes]) -> EditableFiles:
    entries = [Entry("100644", "", len(data), path) for path, data in files.items()]
    return EditableFiles(entries, lambda entry: files[entry.path])


def apply_to_bytes(
    reply: str, files: Mapping[str, bytes], policy: EditPolicy = POLICY
) -> AppliedReply:
    entries = editable(files)
    return apply_reply(reply, entries, policy, syntax_checker(lambda: entries, ()))


def refusal_of_bytes(reply: str, files: Mapping[str, bytes], policy: EditPolicy = POLICY) -> str:
    with pytest.raises(EditFailed) as raised:
        apply_to_bytes(reply, files, policy)
    return str(raised.value)


def apply_to_texts(reply: str, files: Mapping[str, str]) -> dict[str, str | None]:
    """Apply a reply without the checks of the result."""
    edits = require_edits(read_reply(reply, files))
    return apply_edits(edits, files.get, files, POLICY.refusal).after


def refusal_of_texts(reply: str, files: Mapping[str, str]) -> str:
    with pytest.raises(EditFailed) as raised:
        apply_to_texts(reply, files)
    return str(raised.value)
