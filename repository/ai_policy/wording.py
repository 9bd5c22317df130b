"""What one sentence of a policy says about contributions that a model made."""

import re
from dataclasses import dataclass
from enum import Enum, auto

from repository.ai_policy import vocabulary as words
from repository.ai_policy.files import Kind
from repository.ai_policy.plain_words import plain_words
from repository.ai_policy.prose import Sentence


class Meaning(Enum):
    FORBIDS = auto()
    FORBIDS_UNREVIEWED = auto()
    """It forbids what no person has reviewed."""
    CONDITION = auto()
    """It asks for something, such as disclosure."""
    PERMITS = auto()
    NOTHING = auto()


_MAX_WORDS = 120
"""Of a sentence; a longer one is a list or a licence."""
_MAX_CHARACTERS = 1_500
_BEFORE_RULE = 40
"""Characters before a ban that may limit it."""
_REASON = re.compile(
    r"\b(?:because|since|due to|owing to|given that|as (?:it|they|these|this|we|the|there)"
    r"|for (?:legal|licens\w+|copyright|ethical|quality|the following) reasons?|so (?:we|please))\b"
)
_CLAUSE = re.compile(r"\s*(?:;|\bbut\b|\bhowever\b|\balthough\b|\bthough\b|\bwhile\b|\bnor\b)\s*")
_GAP = r"[^.;!?]{0,90}?"
_STRICT_WORK = re.compile(rf"\b{words.STRONG_WORK}\b|\b(?:submit|contribut)\w*\b")
_AI = re.compile(words.AI)
_TOPIC = re.compile(
    rf"\b(?:{words.AI}|agents?|agentic|autonomous|automated|bots?|machine|vibe|humans?)\b"
)
_RULES = re.compile(
    r"\b(?:polic\w+|contribut\w*|rules?|guidelines?|pull requests?|usage|use|accept"
    r"|generated|assisted)\b"
)
_ONLY_AI = re.compile(rf"(?:.*; )?{words.AI}[.!: ]*")
_CONTRIBUTING = re.compile(r"\b(?:contribut\w+|pull requests?)\b")
_BARE_BAN = re.compile(
    r"(?:no|none|not (?:allowed|accepted|permitted|welcome)|(?:strictly "
    r"|explicitly )?(?:prohibited|forbidden|banned)"
    r"|please do not|do not|just do not)[.!]*"
)


def _forbids(work: str) -> re.Pattern[str]:
    """Return what matches a clause that forbids ``work``."""
    return re.compile(
        rf"{words.BANNED_BEFORE}{_GAP} ?(?:{work})|(?:{work}){_GAP} ?{words.BANNED_AFTER}"
    )


_FORBIDS_WORK = _forbids(words.AI_WORK)
_FORBIDS_USE = _forbids(words.AI_USE)
_FORBIDS_USE_FOR_WORK = _forbids(words.AI_FOR_WORK)
_NOT_OF_AI = re.compile(words.NOT_OF_AI)
_AI_WORK = re.compile(rf"{words.AI_WORK}|{words.AGENTS}")
_BANNING_INTRO = re.compile(
    rf"{words.BANNED_AFTER}|\b(?:prohibited|forbidden|banned|not allowed|not accepted"
    rf"|unacceptable|disallowed)\b|{words.BANNED_BEFORE}$"
)
_FORBIDS_SUCH = _forbids(words.SUCH_WORK)
_FORBIDS_AI = re.compile(
    rf"(?:^|: )(?:please |absolutely |strictly )?no (?:{words.AI}|bots?)(?: (?:tools?|please"
    rf"|allowed|policy|zone))*[.!]*$"
    rf"|\b(?:strict )?no {words.AI} (?:policy|zone|rule)\b"
    rf"|^{words.AI}(?: tools?)? (?:is|are) (?:\w+ly )*(?:not (?:allowed|permitted|welcome"
    rf"|accepted)|prohibited|forbidden|banned)"
    rf"|\b(?:bans?|prohibits?|forbids?|disallows?) (?:\w+ ){{0,2}}?{words.AI}"
)
_FORBIDS_AGENTS = re.compile(
    rf"{words.AGENTS} (?:must|may|can|should|shall|are|is) not (?:\w+ ){{0,3}}?"
    r"(?:contribute|(?:open|submit|create|send|file) (?:\w+ ){0,3}?(?:pull requests?|prs?"
    r"|patches|contributions))"
    rf"|(?:{words.BANNED_BEFORE}){_GAP} ?(?:autonomous|unsupervised|unattended"
    rf"|fully automated) (?:\w+ )?(?:agents?|bots?|tools?|contributions?)"
    rf"|(?:autonomous|unsupervised|unattended|fully automated) (?:\w+ )?(?:agents?|bots?"
    rf"|tools?){_GAP} ?{words.BANNED_AFTER}"
    rf"|(?:{words.BANNED_BEFORE}){_GAP} ?(?:agents?|bots?) (?:that|which"
    rf"|to) (?:\w+ ){{0,3}}?(?:open|submit|create|send|file|contribut\w+)"
)
_HUMAN_ONLY = re.compile(words.HUMAN_ONLY)
_ANYWHERE = (
    _FORBIDS_WORK,
    _FORBIDS_USE_FOR_WORK,
    _NOT_OF_AI,
    _FORBIDS_AI,
    _FORBIDS_AGENTS,
    _HUMAN_ONLY,
)
_OTHER_USE = re.compile(rf"{words.AI}{_GAP}\b(?:for|in|to|when) {_GAP}\b{words.OTHER_SUBMISSION}\b")


@dataclass(frozen=True)
class _Setting:
    """Where a sentence stands."""

    kind: Kind
    in_section: bool
    """Its headings are about contributions and models."""
    follows: bool
    """It may refer to models that its headings, or the sentence before it, name."""
    intro: str
    """The words that introduce its list, if they forbid what is in it."""

    is_about_contributing: bool


def read_meaning(sentence: Sentence, kind: Kind) -> Meaning:
    """Return what a sentence says; ``kind`` is that of its file."""
    if len(sentence.text) > _MAX_CHARACTERS:
        return Meaning.NOTHING
    setting = _setting_of(sentence, kind)
    text = plain_words(sentence.text)
    if sentence.is_checkbox and text.startswith("no "):
        return Meaning.NOTHING  # one of several answers
    if sentence.intro:
        text = f"{_plain_start(sentence.intro)}, {text}"
    is_about_ai = _TOPIC.search(text) is not None or setting.follows
    if not is_about_ai or len(text.split()) > _MAX_WORDS or _is_incomplete(sentence):
        return Meaning.NOTHING
    for clause in _CLAUSE.split(text):
        meaning = _read_clause(clause, setting)
        if meaning is not Meaning.NOTHING:
            return meaning
    if words.PERMITS.search(text):
        return Meaning.PERMITS
    if setting.is_about_contributing and words.CONDITION.search(text):
        return Meaning.CONDITION
    return Meaning.NOTHING


def _setting_of(sentence: Sentence, kind: Kind) -> _Setting:
    section = _plain_start(" ; ".join(sentence.headings[-2:]))
    in_section = _TOPIC.search(section) is not None and _RULES.search(section) is not None
    in_section = in_section or _ONLY_AI.fullmatch(section) is not None
    intro = _plain_start(sentence.intro)
    if sentence.is_item and not intro and sentence.headings:
        intro = _plain_start(sentence.headings[-1])
    return _Setting(
        kind,
        in_section,
        follows=in_section or _AI.search(_plain_start(sentence.before)) is not None,
        intro=intro if _BANNING_INTRO.search(intro) else "",
        is_about_contributing=(
            in_section
            or kind in (Kind.AI_POLICY, Kind.CONTRIBUTING)
            or _CONTRIBUTING.search(section) is not None
        ),
    )


def _plain_start(text: str) -> str:
    return plain_words(text[:_MAX_CHARACTERS])


def _is_incomplete(sentence: Sentence) -> bool:
    """Return whether it states nothing: a question, or the words before a list."""
    return sentence.text.rstrip("*_`\"' ").endswith(("?", ":"))


def _read_clause(clause: str, setting: _Setting) -> Meaning:
    match = _find_ban(clause, setting)
    if match is None:
        return Meaning.NOTHING
    rule = _without_reason(clause, match)
    if words.NOT_A_BAN.search(rule) or words.OTHER_TOPIC.search(rule):
        return Meaning.NOTHING
    if _is_about_other_things(rule, setting):
        return Meaning.NOTHING
    if words.WITHOUT_PERSON.search(rule):
        return Meaning.FORBIDS
    if words.UNREVIEWED.search(rule):
        return Meaning.FORBIDS_UNREVIEWED
    for limit in (words.LOW_QUALITY, words.EXCEPTION, words.DISCRETION):
        if limit.search(rule):
            return Meaning.CONDITION
    return Meaning.FORBIDS


def _without_reason(clause: str, match: re.Match[str]) -> str:
    """Return the rule in a clause, without the reason that is given for it after or before."""
    start = max(match.start() - _BEFORE_RULE, 0)
    reason = _REASON.search(clause, match.end())
    return clause[start : reason.start() if reason else None]


def _find_ban(clause: str, setting: _Setting) -> re.Match[str] | None:
    if setting.intro:
        listed = _AI_WORK.search(clause)
        if listed is not None:
            return listed
    bare = _BARE_BAN.fullmatch(clause)
    if setting.in_section and bare is not None:
        return bare
    patterns = list(_ANYWHERE)
    if setting.is_about_contributing:
        patterns.append(_FORBIDS_USE)
    if setting.follows:
        patterns.append(_FORBIDS_SUCH)
    for pattern in patterns:
        match = pattern.search(clause)
        if match is not None:
            return match
    return None


def _is_about_other_things(clause: str, setting: _Setting) -> bool:
    """Return whether a clause forbids something besides contributions."""
    if _STRICT_WORK.search(clause):
        return False
    if words.OTHER_ONLY.search(clause) or _OTHER_USE.search(clause):
        return True
    return not setting.is_about_contributing
