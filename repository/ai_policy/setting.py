"""Where a sentence of a policy stands: what its headings and the words before it are about."""

import re
from dataclasses import dataclass

from repository.ai_policy import vocabulary as words
from repository.ai_policy.files import Kind
from repository.ai_policy.plain_words import plain_words
from repository.ai_policy.prose import Sentence

MAX_CHARACTERS = 1_500
"""That are read of a sentence, or of the words before it."""
_AI = re.compile(words.AI)
_WORK = re.compile(rf"{words.AI_WORK}|{words.AGENTS}")
TOPIC = re.compile(
    rf"\b(?:{words.AI}|agents?|agentic|autonomous|automated|bots?|machine|vibe|humans?)\b"
)
_RULES = re.compile(
    r"\b(?:polic\w+|contribut\w*|rules?|guidelines?|pull requests?|usage|use|accept"
    r"|generated|assisted)\b"
)
_ONLY_AI = re.compile(rf"(?:.*; )?{words.AI}[.!: ]*")
_CONTRIBUTING = re.compile(r"\b(?:contribut\w+|pull requests?)\b")
_BANNING_INTRO = re.compile(
    rf"{words.BANNED_AFTER}|\b(?:prohibited|forbidden|banned|not allowed|not accepted"
    rf"|unacceptable|disallowed)\b|{words.BANNED_BEFORE}$"
    r"|\b(?:(?:do|does|must|should|may|can|shall|will) not|never)\b[\w ]{0,40}$"
)
_OTHERS = re.compile(
    r"\b(?:other|similar) (?:projects|policies)\b"
    r"|\b(?:projects?|repositories|communities|organi[sz]ations) (?:that|which|who|with)\b"
)


@dataclass(frozen=True)
class Setting:
    """Where a sentence stands."""

    in_section: bool
    """Its headings are about contributions and models."""
    follows: bool
    """It may refer to models that its headings, or the sentence before it, name."""
    refers_to_work: bool
    """``They`` may be contributions that a model made."""
    intro: str
    """The words that introduce its list, if they forbid what is in it."""

    is_about_contributing: bool
    is_about_others: bool
    """It is in a part about other projects."""


def read_setting(sentence: Sentence, kind: Kind) -> Setting:
    """Return where a sentence of a file of this kind stands."""
    section = _plain_start(" ; ".join(sentence.headings[-2:]))
    in_section = TOPIC.search(section) is not None and _RULES.search(section) is not None
    in_section = in_section or _ONLY_AI.fullmatch(section) is not None
    intro = _plain_start(sentence.intro)
    if sentence.is_item and not intro and sentence.headings:
        intro = _plain_start(sentence.headings[-1])
    before = _plain_start(f"{sentence.before} {sentence.intro}")
    return Setting(
        in_section,
        follows=in_section or _AI.search(before) is not None,
        refers_to_work=in_section or _WORK.search(before) is not None,
        intro=intro if _BANNING_INTRO.search(intro) else "",
        is_about_contributing=(
            in_section
            or kind in (Kind.AI_POLICY, Kind.CONTRIBUTING)
            or _CONTRIBUTING.search(section) is not None
        ),
        is_about_others=_OTHERS.search(f"{section} ; {_plain_start(sentence.intro)}") is not None,
    )


def _plain_start(text: str) -> str:
    return plain_words(text[:MAX_CHARACTERS])
