"""What one sentence of a policy says about contributions that a model made."""

import re
from enum import Enum, auto

from repository.ai_policy import vocabulary as words
from repository.ai_policy.bans import find_ban
from repository.ai_policy.files import Kind
from repository.ai_policy.plain_words import plain_words
from repository.ai_policy.prose import Sentence
from repository.ai_policy.setting import MAX_CHARACTERS, TOPIC, Setting, read_setting


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
_BEFORE_RULE = 40
"""Characters before a ban that may limit it."""
_REASON = re.compile(
    r"\b(?:because|since|due to|owing to|given that|as (?:it|they|these|this|we|the|there)"
    r"|for (?:legal|licens\w+|copyright|ethical|quality|the following) reasons?|so (?:we|please))\b"
)
_CLAUSE = re.compile(r"\s*(?:;|\bbut\b|\bhowever\b|\balthough\b|\bthough\b|\bwhile\b|\bnor\b)\s*")
_STRICT_WORK = re.compile(
    rf"\b{words.STRONG_WORK}\b|\b(?:submit|contribut)\w*\b"
    r"|\b(?:we|i|project|repository|repo) (?:do|does|will|can) not (?:\w+ )?(?:accept|merge|take)\b"
)
_ONLY_LINKS = re.compile(r"(?:!?\[[^\]]*\](?:\([^)]*\)|\[[^\]]*\])[\s:,;.|–—-]*)+")
#: The name of a page of others: no rule has so many words in a link.
_TITLE = re.compile(r"\[[^\]\s]+(?:\s+[^\]\s]+){4,}\]\(https?:[^)]*\)")
_CODE = re.compile(r"\bcode\b(?! (?:review|comments?|of conduct))")
_OTHER_OBJECT = re.compile(
    rf"{words.AI} (?:to|for) (?:\w+ ){{0,2}}?(?:\w+(?:e|t|ing)) (?:\w+ ){{0,2}}?"
    rf"{words.OTHER_SUBMISSION}\b"
)
_OTHER_USE = re.compile(
    rf"{words.AI}{words.GAP}\b(?:for|in|to|when) {words.GAP}\b{words.OTHER_SUBMISSION}\b"
)


def read_meaning(sentence: Sentence, kind: Kind) -> Meaning:
    """Return what a sentence says; ``kind`` is that of its file."""
    if len(sentence.text) > MAX_CHARACTERS or _is_reference(sentence):
        return Meaning.NOTHING
    setting = read_setting(sentence, kind)
    if setting.is_about_others:
        return Meaning.NOTHING
    text = plain_words(_TITLE.sub("", sentence.text) if sentence.is_item else sentence.text)
    if sentence.is_checkbox and text.startswith("no "):
        return Meaning.NOTHING  # one of several answers
    if sentence.intro and setting.intro:
        text = f"{setting.intro}, {text}"
    is_about_ai = TOPIC.search(text) is not None or setting.follows
    if not is_about_ai or len(text.split()) > _MAX_WORDS or _is_incomplete(sentence):
        return Meaning.NOTHING
    for clause in _CLAUSE.split(text):
        meaning = _read_clause(clause, setting)
        if meaning is not Meaning.NOTHING:
            return meaning
    if words.PERMITS.search(text):
        return Meaning.PERMITS
    is_rule = setting.is_about_contributing and not sentence.is_heading
    if is_rule and words.CONDITION.search(text):
        return Meaning.CONDITION
    return Meaning.NOTHING


def _is_reference(sentence: Sentence) -> bool:
    """Return whether it is an entry of a list of links, whose names are no rules."""
    return sentence.is_item and _ONLY_LINKS.fullmatch(sentence.text) is not None


def _is_incomplete(sentence: Sentence) -> bool:
    """Return whether it states nothing: a question, or the words before a list."""
    return sentence.text.rstrip("*_`\"' ").endswith(("?", ":"))


def _read_clause(clause: str, setting: Setting) -> Meaning:
    match = find_ban(clause, setting)
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


def _is_about_other_things(clause: str, setting: Setting) -> bool:
    """Return whether a clause forbids something besides contributions."""
    other = _OTHER_OBJECT.search(clause)
    if other is not None and not _STRICT_WORK.search(clause, other.end()):
        return True
    if _STRICT_WORK.search(clause):
        return False
    is_of_others = words.OTHER_ONLY.search(clause) or _OTHER_USE.search(clause)
    if is_of_others and not _CODE.search(clause):
        return True
    return not setting.is_about_contributing
