"""Formulas in TeX, of which the page may hide parts."""

import re

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline

_FORMULA = re.compile(r"\$\$([^$]+)\$\$|\$(?!\s)([^$]+)(?<!\s)\$(?!\w)")
_HIDING = re.compile(
    r"\\(?:[hv]?phantom|smash|(?:math)?[rlc]lap|(?:text|page|f?box)?color(?:box)?|fcolorbox|style"
    r"|class|cssId|href|label|def|let|(?:re)?newcommand|newenvironment|require|bbox|[tT]iny"
    r"|scriptscriptstyle|mmlToken|unicode|kern|raise|lower|moveleft|moveright|[hm]?skip|hspace"
    r"|rule|space)(?![A-Za-z])|(?<!\\)%"
)
"""TeX that shows nothing, shows it without a contrast or a size, or elsewhere; or a comment."""


def add_formulas(parser: MarkdownIt) -> None:
    """Read a formula with hidden parts as the token ``hidden_formula``; others remain text."""
    parser.inline.ruler.before("escape", "formula", _read_hidden_formula)


def hides_something(formula: str) -> bool:
    """Return whether the page does not show all of a formula's source."""
    return _HIDING.search(formula) is not None


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
