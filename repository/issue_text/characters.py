"""Characters without a glyph: they can carry text that no reader sees."""

import re
import unicodedata

from repository.issue_text.hidden import HiddenParts

_CATEGORIES = ("Cf", "Cc", "Co", "Cs")
"""Unicode categories: format characters, controls, private use, surrogates."""
_IGNORABLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8"
    "\U000e0000-\U000e0fff]"
)
"""Unicode's Default_Ignorable_Code_Point outside of category Cf: fillers, joiners, variation
selectors (https://www.unicode.org/Public/UCD/latest/ucd/DerivedCoreProperties.txt)."""
_LAYOUT = "\n\t"
_PRESENTATION_SELECTORS = ("\ufe0e", "\ufe0f")
"""They choose between a text's and an emoji's form of the character before."""
_EMOJI_JOINERS = ("\u200d", "\ufe0f\u200d")
_LETTER_JOINERS = ("\u200c", "\u200d")
_FIRST_JOINED_LETTER = "\u0600"
"""Arabic and the scripts after it, in which a joiner changes how its neighbours look."""
_MAX_NAMED = 8
"""A longer run of invisible characters in code is rather a message than a character."""


def show_characters(text: str, hidden: HiddenParts, *, in_code: bool = False) -> str:
    """Return ``text`` without invisible characters; in code, some are shown as ``<U+200B>``.

    A joiner or selector that changes how its neighbours look stays.
    """
    invisible = {character for character in set(text) if _is_invisible(character)}
    if not invisible:
        return text
    parts: list[str] = []
    end = 0
    for run in re.finditer(f"[{re.escape(''.join(sorted(invisible)))}]+", text):
        parts.append(text[end : run.start()])
        end = run.end()
        if _changes_its_neighbours(run):
            parts.append(run[0])
            continue
        hidden.add("invisible character", len(run[0]))
        if in_code:
            parts.append(_name(run[0]))
    parts.append(text[end:])
    return "".join(parts)


def _is_invisible(character: str) -> bool:
    if character in _LAYOUT:
        return False
    is_ignorable = _IGNORABLE.fullmatch(character) is not None
    return is_ignorable or unicodedata.category(character) in _CATEGORIES


def _changes_its_neighbours(run: re.Match[str]) -> bool:
    before = run.string[run.start() - 1 : run.start()]
    after = run.string[run.end() : run.end() + 1]
    if not before:
        return False
    if run[0] in _PRESENTATION_SELECTORS:
        return unicodedata.category(before)[0] in "SPN"
    if not after:
        return False
    if run[0] in _EMOJI_JOINERS and unicodedata.category(after) == "So":
        return unicodedata.category(before)[0] == "S"
    if run[0] in _LETTER_JOINERS:
        return _is_joined_letter(before) and _is_joined_letter(after)
    return False


def _is_joined_letter(character: str) -> bool:
    is_letter = unicodedata.category(character)[0] in "LM"
    return is_letter and character >= _FIRST_JOINED_LETTER


def _name(run: str) -> str:
    """Return the code points of a run; nothing for controls, which terminals write into logs."""
    named = [c for c in run if unicodedata.category(c) != "Cc"]
    if len(named) > _MAX_NAMED:
        return ""
    return "".join(f"<U+{ord(character):04X}>" for character in named)
