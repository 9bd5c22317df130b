"""Mark the words that differ between a line and the one that replaces it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from repository.common_edges import common_edges

#: Longer lines are not compared.
_MAX_LINE = 400
#: Words on both sides, multiplied, that are compared at most. The time grows with the third power
#: of their number: lines that somebody made for it would take half a second each.
_MAX_PAIRS = 2_500
#: Lines that are less alike than this share no words worth marking.
_MIN_RATIO = 0.4
_WORD = re.compile(r"\w+|\s+|.", re.DOTALL)


@dataclass(frozen=True)
class Part:
    """A part of a line."""

    text: str
    is_changed: bool = False


Parts = tuple[Part, ...]


def compare_words(old: str, new: str) -> tuple[Parts, Parts]:
    """Return the parts of both lines, with the words marked that differ; each line as one part if
    they are too long or too different.

    This takes up to a millisecond, so only what is shown should be compared.
    """
    unmarked = ((Part(old),), (Part(new),))
    if max(len(old), len(new)) > _MAX_LINE:
        return unmarked
    old_words = _WORD.findall(old)
    new_words = _WORD.findall(new)
    start, end = common_edges(old_words, new_words)
    old_middle = old_words[start : len(old_words) - end]
    new_middle = new_words[start : len(new_words) - end]
    if len(old_middle) * len(new_middle) > _MAX_PAIRS:
        return unmarked
    matcher = SequenceMatcher(None, old_middle, new_middle, autojunk=False)
    equal = start + end + sum(match.size for match in matcher.get_matching_blocks())
    if 2 * equal < _MIN_RATIO * (len(old_words) + len(new_words)):
        return unmarked
    old_changed: list[range] = []
    new_changed: list[range] = []
    for tag, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        if tag != "equal":
            old_changed.append(range(start + old_from, start + old_to))
            new_changed.append(range(start + new_from, start + new_to))
    return _mark(old_words, old_changed), _mark(new_words, new_changed)


def _mark(words: Sequence[str], changed: Sequence[range]) -> Parts:
    """Return the parts of a line whose words in these ranges are changed."""
    parts: list[Part] = []
    done = 0
    for words_changed in changed:
        parts.append(Part("".join(words[done : words_changed.start])))
        parts.append(
            Part("".join(words[words_changed.start : words_changed.stop]), is_changed=True)
        )
        done = words_changed.stop
    parts.append(Part("".join(words[done:])))
    return tuple(part for part in parts if part.text)
