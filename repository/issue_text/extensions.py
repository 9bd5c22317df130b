"""GitHub's extensions of Markdown that markdown-it has no rules for: footnotes and formulas."""

import re

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

FOOTNOTES = "footnotes"
"""The labels that are defined, in the parser's ``env``."""
_DEFINITION = re.compile(r"\[\^([^\]\s]{1,1000})\]:[ \t]*")
_REFERENCE = re.compile(r"\[\^([^\]\s]{1,1000})\]")
"""https://github.com/github/cmark-gfm/blob/master/src/scanners.re has both."""
_CONTENT_INDENT = 4
_FORMULA = re.compile(r"\$\$([^$]+)\$\$|\$(?!\s)([^$]+)(?<!\s)\$(?!\w)")
_HIDING = re.compile(
    r"\\(?:[hv]?phantom|smash|(?:math)?[rlc]lap|(?:text|page|f?box)?color(?:box)?|fcolorbox|style"
    r"|class|cssId|href|label|def|let|(?:re)?newcommand|newenvironment|require|bbox|[tT]iny"
    r"|scriptscriptstyle|mmlToken|unicode|kern|raise|lower|moveleft|moveright|[hm]?skip|hspace"
    r"|rule|space)(?![A-Za-z])|(?<!\\)%"
)
"""TeX that shows nothing, shows it without a contrast or a size, or elsewhere; or a comment."""


def add_footnotes(parser: MarkdownIt) -> None:
    """Read ``[^label]: text`` and ``[^label]``: tokens ``footnote_open``, ``footnote_close`` and
    ``footnote_reference``, with the label in ``info``.
    """
    interrupted = ["paragraph", "reference", "blockquote", "list"]
    parser.block.ruler.before("reference", "footnote", _read_definition, {"alt": interrupted})
    parser.inline.ruler.before("link", "footnote", _read_reference)


def add_formulas(parser: MarkdownIt) -> None:
    """Read a formula with hidden parts as the token ``hidden_formula``; others remain text."""
    parser.inline.ruler.before("escape", "formula", _read_hidden_formula)


def hides_something(formula: str) -> bool:
    """Return whether the page does not show all of a formula's source."""
    return _HIDING.search(formula) is not None


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
    state.env.setdefault(FOOTNOTES, set()).add(label)
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
    labels = state.env.get(FOOTNOTES, ())
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


def _read_hidden_formula(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] != "$":
        return False
    match = _FORMULA.match(state.src, state.pos, state.posMax)
    if match is None or not hides_something(match[1] or match[2]):
        return False
    if not silent:
        state.push("hidden_formula", "", 0)
    state.pos = match.end()
    return True
