"""A stand-in model that answers with the reference change as search/replace blocks.

It serves to measure everything except the model. If the reference is sent back, it answers with the
reference and its author's tests, because a change may legitimately break old tests.
"""

import difflib
import re
from collections.abc import Mapping

from pipeline.model import ModelReply, ModelRequest
from pipeline.model.capabilities import ModelProfile
from pipeline.model.worst_case import WorstCase

Hunk = tuple[list[str], list[str]]
"""(lines to search, lines to replace them with)"""


class Oracle:
    """Implements ``ModelClient`` for one instance, at no cost."""

    def __init__(self, *replies: str):
        """``replies`` are returned in order, the last one repeatedly."""
        self._replies = list(replies)

    def profile(self, model: str) -> ModelProfile:
        return ModelProfile()

    def worst_case(self, request: ModelRequest) -> WorstCase:
        return WorstCase(0.0)

    def record_usage(self, request: ModelRequest, reply: ModelReply) -> None:
        """The reference costs nothing."""

    def continue_from(self, round: int) -> None:
        """Continue a run in a round: each earlier one has had its reply."""
        last = len(self._replies) - 1
        del self._replies[: min(round - 1, last)]

    async def complete(self, request: ModelRequest) -> ModelReply:
        reply = self._replies[0]
        if len(self._replies) > 1:
            del self._replies[0]
        return ModelReply(
            content=reply,
            finish_reason="stop",
            model=request.model,
            prompt_tokens=0,
            completion_tokens=0,
            cost_usd=0.0,
        )


def as_reply(
    before: Mapping[str, str | None], after: Mapping[str, str | None]
) -> tuple[str, list[str]]:
    """Return blocks that turn ``before`` into ``after``, and a list of what blocks can't express.

    Both map paths to texts; None means that the file does not exist.
    """
    blocks: list[str] = []
    inexpressible: list[str] = []
    for path, new in after.items():
        old = before.get(path)
        if new is None:
            inexpressible.append(f"{path} is removed")
        elif old is None:
            blocks.append(_block(path, [], _lines(new)))
            if new and not new.endswith("\n"):
                inexpressible.append(f"{path} has no newline at its end")
        else:
            for search, replace in hunks(_lines(old), _lines(new)):
                blocks.append(_block(path, search, replace))
            if old.endswith("\n") != new.endswith("\n"):
                inexpressible.append(f"{path}: the newline at its end changes")
    return "\n\n".join(blocks) + "\n", inexpressible


def hunks(old: list[str], new: list[str]) -> list[Hunk]:
    """Return the hunks in order; each search text is unique in the file as edited so far."""
    current = list(old)
    shift = 0
    result: list[Hunk] = []
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for tag, old_start, old_end, new_start, new_end in matcher.get_opcodes():
        if tag == "equal":
            continue
        start = old_start + shift
        end = old_end + shift
        replacement = new[new_start:new_end]
        top, bottom = _grow_until_unique(current, start, end)
        search = current[top:bottom]
        result.append((search, [*current[top:start], *replacement, *current[end:bottom]]))
        current[start:end] = replacement
        shift += len(replacement) - (old_end - old_start)
    if all(_has_text(search) for search, _ in result):
        return result
    # Blank lines can't be searched for: replace the whole file.
    return [(old, new)]


def _grow_until_unique(lines: list[str], top: int, bottom: int) -> tuple[int, int]:
    """Grow a range of lines alternately upward and downward until its text is unique.

    In the worst case it becomes the whole file.
    """
    stripped = [line.rstrip() for line in lines]  # as apply_patch compares them
    upward = True
    while not _is_unique(stripped, stripped[top:bottom]):
        if top == 0 and bottom == len(lines):
            break
        if (upward and top > 0) or bottom == len(lines):
            top -= 1
        else:
            bottom += 1
        upward = not upward
    return top, bottom


def _is_unique(lines: list[str], part: list[str]) -> bool:
    if not any(part):
        return False
    positions = range(len(lines) - len(part) + 1)
    count = 0
    for position in positions:
        if lines[position] == part[0] and lines[position : position + len(part)] == part:
            count += 1
    return count == 1


def _has_text(lines: list[str]) -> bool:
    return any(line.strip() for line in lines)


def _lines(text: str) -> list[str]:
    lines = re.split(r"\r?\n", text)
    if lines[-1] == "":
        lines.pop()
    return lines


def _block(path: str, search: list[str], replace: list[str]) -> str:
    lines = [path, "<<<<<<< SEARCH", *search, "=======", *replace, ">>>>>>> REPLACE"]
    return "\n".join(lines)
