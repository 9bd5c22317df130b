"""Footnotes, which markdown-it has no rules for: ``[^label]: text`` and ``[^label]``.

As cmark-gfm does it (https://github.com/github/cmark-gfm/blob/master/src/scanners.re): a footnote
that nothing refers to is not on the page, and the others have numbers there instead of labels.
"""

import re
from collections import deque
from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from repository.issue_text.hidden import HiddenParts

_LABELS = "footnotes"
"""The labels that are defined, in the parser's ``env``."""
_DEFINITION = re.compile(r"\[\^([^\]\s]{1,1000})\]:[ \t]*")
_REFERENCE = re.compile(r"\[\^([^\]\s]{1,1000})\]")
_CONTENT_INDENT = 4


def add_footnotes(parser: MarkdownIt) -> None:
    """Read ``[^label]: text`` and ``[^label]``: tokens ``footnote_open``, ``footnote_close`` and
    ``footnote_reference``, with the label in ``info``.
    """
    interrupted = ["paragraph", "reference", "blockquote", "list"]
    parser.block.ruler.before("reference", "footnote", _read_definition, {"alt": interrupted})
    parser.inline.ruler.before("link", "footnote", _read_reference)


def without_unused_footnotes(tokens: Sequence[Token], hidden: HiddenParts) -> list[Token]:
    """Return the tokens without the footnotes that nothing refers to; number the others."""
    numbers = _number_footnotes(tokens)
    shown: list[Token] = []
    skipped_levels = 0
    for token in tokens:
        for each in (token, *(token.children or ())):
            each.meta["number"] = numbers.get(each.info, 0)
        if token.type == "footnote_open" and (skipped_levels or token.info not in numbers):
            skipped_levels += 1
            hidden.add("unused footnote")
        elif token.type == "footnote_close" and skipped_levels:
            skipped_levels -= 1
        elif not skipped_levels:
            shown.append(token)
    return shown


def _number_footnotes(tokens: Sequence[Token]) -> dict[str, int]:
    """Return label -> number of each footnote that the text, or a used footnote, refers to."""
    references: dict[str | None, list[str]] = {}
    inside: list[str | None] = [None]
    for token in tokens:
        if token.type == "footnote_open":
            inside.append(token.info)
        elif token.type == "footnote_close":
            inside.pop()
        for child in token.children or ():
            if child.type == "footnote_reference":
                references.setdefault(inside[-1], []).append(child.info)
    numbers: dict[str, int] = {}
    unread = deque(references.get(None, ()))
    while unread:
        label = unread.popleft()
        if label not in numbers:
            numbers[label] = len(numbers) + 1
            unread.extend(references.get(label, ()))
    return numbers


def _read_definition(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    first = state.bMarks[start] + state.tShift[start]
    if state.is_code_block(start) or state.level >= state.md.options.maxNesting - 1:
        return False
    match = _DEFINITION.match(state.src, first, state.eMarks[start])
    if match is None:
        return False
    if silent:
        return True
    label = _normalize(match[1])
    state.env.setdefault(_LABELS, set()).add(label)
    state.push("footnote_open", "", 1).info = label
    _read_content(state, start, end, match.end())
    state.push("footnote_close", "", -1).info = label
    return True


def _read_content(state: StateBlock, start: int, end: int, content: int) -> None:
    """Read the blocks of a footnote, whose text begins at ``content`` in its first line."""
    saved = (
        state.bMarks[start],
        state.tShift[start],
        state.sCount[start],
        state.blkIndent,
        state.parentType,
    )
    state.bMarks[start] = content
    state.tShift[start] = 0
    state.blkIndent += _CONTENT_INDENT
    state.sCount[start] = state.blkIndent
    state.parentType = "footnote"
    state.md.block.tokenize(state, start, end)
    if state.line <= start:
        state.line = start + 1
    (
        state.bMarks[start],
        state.tShift[start],
        state.sCount[start],
        state.blkIndent,
        state.parentType,
    ) = saved


def _read_reference(state: StateInline, silent: bool) -> bool:
    labels = state.env.get(_LABELS, ())
    match = _REFERENCE.match(state.src, state.pos, state.posMax) if labels else None
    if match is None:
        return False
    label = _normalize(match[1])
    if label not in labels:
        return False
    if not silent:
        state.push("footnote_reference", "", 0).info = label
    state.pos = match.end()
    return True


def _normalize(label: str) -> str:
    return label.casefold()
