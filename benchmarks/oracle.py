"""A stand-in model that answers with the reference change as search/replace blocks: all is measured
but the model.

Where that is sent back, it answers with the reference and its author's tests: a change that rightly
breaks old tests came with their new versions, and whoever makes it anew has to write them too."""

import difflib
import re
from collections.abc import Mapping

from pipeline.model import ModelReply, ModelRequest


class Oracle:
    """Implements ``ModelClient`` for one instance, at no cost."""

    def __init__(self, *replies: str):
        """The last one is said again."""
        self._replies = list(replies)

    def worst_case_usd(self, request: ModelRequest) -> float:
        return 0.0

    async def complete(self, request: ModelRequest) -> ModelReply:
        reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
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
    """The blocks that make ``before`` into ``after`` (path -> text, None: no such file), and what
    blocks can't say.
    """
    blocks: list[str] = []
    unsaid: list[str] = []
    for path, new in after.items():
        old = before.get(path)
        if new is None:
            unsaid.append(f"{path} is removed")
        elif old is None:
            blocks.append(_block(path, [], _lines(new)))
            if new and not new.endswith("\n"):
                unsaid.append(f"{path} ends without a line end")
        else:
            blocks += [
                _block(path, search, replace) for search, replace in hunks(_lines(old), _lines(new))
            ]
            if old.endswith("\n") != new.endswith("\n"):
                unsaid.append(f"{path}: the end of its last line changes")
    return "\n\n".join(blocks) + "\n", unsaid


def hunks(old: list[str], new: list[str]) -> list[tuple[list[str], list[str]]]:
    """(search, replace) in order; each search is grown until it stands only once in the file as
    edited so far.
    """
    current = list(old)
    shift = 0
    found: list[tuple[list[str], list[str]]] = []
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(
        None, old, new, autojunk=False
    ).get_opcodes():
        if tag == "equal":
            continue
        start = i1 + shift
        end = i2 + shift
        wanted = new[j1:j2]
        top, bottom = _grown(current, start, end)
        found.append((current[top:bottom], current[top:start] + wanted + current[end:bottom]))
        current[start:end] = wanted
        shift += len(wanted) - (i2 - i1)
    # Blank lines alone can't be searched for: then the file as a whole.
    return found if all(any(map(str.strip, search)) for search, _ in found) else [(old, new)]


def _grown(lines: list[str], top: int, bottom: int) -> tuple[int, int]:
    """The range, grown by a line above and one below in turn; the whole file where nothing less
    will do.
    """
    bare = [line.rstrip() for line in lines]  # as apply_patch compares them
    upward = True
    while (top > 0 or bottom < len(lines)) and not _single(bare, bare[top:bottom]):
        if (upward and top > 0) or bottom == len(lines):
            top -= 1
        else:
            bottom += 1
        upward = not upward
    return top, bottom


def _single(lines: list[str], wanted: list[str]) -> bool:
    if not any(wanted):
        return False
    places = range(len(lines) - len(wanted) + 1)
    return (
        sum(lines[at] == wanted[0] and lines[at : at + len(wanted)] == wanted for at in places) == 1
    )


def _lines(text: str) -> list[str]:
    pieces = re.split(r"\r?\n", text)
    return pieces[:-1] if pieces[-1] == "" else pieces


def _block(path: str, search: list[str], replace: list[str]) -> str:
    return "\n".join([path, "<<<<<<< SEARCH", *search, "=======", *replace, ">>>>>>> REPLACE"])
