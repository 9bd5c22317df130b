"""The patterns of bans on work that a model made."""

import re

from repository.ai_policy import vocabulary as words
from repository.ai_policy.setting import Setting

_BARE_BAN = re.compile(
    r"(?:no|none|not (?:allowed|accepted|permitted|welcome)|(?:strictly "
    r"|explicitly )?(?:prohibited|forbidden|banned)"
    r"|please do not|do not|just do not)[.!]*"
)


def _forbids(work: str) -> re.Pattern[str]:
    """Return what matches a clause that forbids ``work``."""
    return re.compile(
        rf"{words.BANNED_BEFORE}{words.GAP} ?(?:{work})|(?:{work}){words.GAP} ?{words.BANNED_AFTER}"
    )


_FORBIDS_WORK = _forbids(words.AI_WORK)
_FORBIDS_USE = _forbids(words.AI_USE)
_FORBIDS_USE_FOR_WORK = _forbids(words.AI_FOR_WORK)
_NOT_OF_AI = re.compile(words.NOT_OF_AI)
_MODEL = re.compile(words.AI)
_LISTED = re.compile(rf"{words.AI_WORK}|{words.AGENTS}")
_NO_PART = re.compile(
    rf"\b(?:none|no part|nothing) of (?:this|the|your|my|it|these)\b{words.GAP}"
    rf"\b(?:by|with|from|using) (?:\w+ )?{words.AI}"
)
_FORBIDS_SUCH = _forbids(words.SUCH_WORK)
_FORBIDS_AI = re.compile(
    rf"(?:^|: )(?:please |absolutely |strictly )?no (?:{words.AI}|bots?)(?: (?:tools?|please"
    rf"|allowed|policy|zone))*[.!]*$"
    rf"|\b(?:strict )?no {words.AI} (?:policy|zone|rule)\b"
    rf"|^{words.AI}(?: tools?)? (?:is|are) (?:\w+ly )*(?:not (?:allowed|permitted|welcome"
    rf"|accepted)|prohibited|forbidden|banned)"
    rf"|\b(?:bans?|prohibits?|forbids?|disallows?) (?:\w+ ){{0,2}}?{words.AI}"
    rf"|^{words.AI}(?: tools?)? (?:has|have) no place\b|\bthat {words.AI} (?:has|have) no place\b"
    rf"|\bnothing (?:\w+ ){{0,2}}?(?:by|from|with) (?:\w+ )?{words.AI}{words.GAP}"
    r" ?\b(?:may|can|will|should|must) be\b"
    rf"|^{words.AI}[^.;]{{0,60}} (?:is|are) (?:\w+ly )*(?:not (?:allowed|permitted|welcome)"
    r"|prohibited|forbidden|banned) (?:in|from|on) (?:this|the|our)\b"
)
_FORBIDS_AGENTS = re.compile(
    rf"{words.AGENTS} (?:must|may|can|should|shall|are|is) not (?:\w+ ){{0,3}}?"
    r"(?:contribute|(?:open|submit|create|send|file) (?:\w+ ){0,3}?(?:pull requests?|prs?"
    r"|patches|contributions))"
    rf"|(?:{words.BANNED_BEFORE}){words.GAP} ?(?:autonomous|unsupervised|unattended"
    rf"|fully automated) (?:\w+ )?(?:agents?|bots?|tools?|contributions?)"
    rf"|(?:autonomous|unsupervised|unattended|fully automated) (?:\w+ )?(?:agents?|bots?"
    rf"|tools?){words.GAP} ?{words.BANNED_AFTER}"
    rf"|\bif you are an? (?:\w+ )?(?:{words.AI}|agent|bot)[,:]? (?:please )?stop\b"
    rf"|^(?:to |all )?{words.AI}[:,] (?:please )?do not (?:open|submit|create|send|file) (?:\w+ )"
    r"{0,3}?(?:pull requests?|prs?|patches|contributions)\b"
    rf"|\bnot (?:let|allow|have) (?:\w+ ){{0,2}}?(?:{words.AI}|agents?|bots?) (?:to )?"
    r"(?:open|submit|create|send|contribute|write code)\b"
    rf"|(?:{words.BANNED_BEFORE}){words.GAP} ?(?:agents?|bots?) (?:that|which"
    rf"|to) (?:\w+ ){{0,3}}?(?:open|submit|create|send|file|contribut\w+)"
)
_FORBIDS_THESE = re.compile(
    rf"^(?:these|those|they|such)(?= (?:is|are|will|can|may|must)\b)"
    rf"{words.GAP} ?{words.BANNED_AFTER}"
)
_HUMAN_ONLY = re.compile(words.HUMAN_ONLY)
#: Which say what contributions are; only outside of a condition is that a rule.
_STATEMENTS = (_NOT_OF_AI, _HUMAN_ONLY, _NO_PART)
_ANYWHERE = (
    _FORBIDS_WORK,
    _FORBIDS_USE_FOR_WORK,
    _NOT_OF_AI,
    _FORBIDS_AI,
    _FORBIDS_AGENTS,
    _HUMAN_ONLY,
    _NO_PART,
)
#: A condition that begins a clause; what follows is no rule by itself.
_CONDITIONAL = re.compile(r"\b(?:if|whether|when|where|in case)\b[^,;:]{0,40}$")
_NEGATED_CONDITION = re.compile(
    r"\b(?:if|whether) (?:you|we|it|they|(?:your|the|this|an?) (?:\w+ )?\w+) $"
)


def find_ban(clause: str, setting: Setting) -> re.Match[str] | None:
    """Return what forbids something in a clause of ``plain_words``; None if nothing does."""
    if setting.intro:
        listed = _LISTED.search(clause)
        if listed is not None:
            return listed
    bare = _BARE_BAN.fullmatch(clause)
    if setting.in_section and bare is not None:
        return bare
    patterns = list(_ANYWHERE)
    if setting.is_about_contributing:
        patterns.append(_FORBIDS_USE)
    if setting.follows or _MODEL.search(clause):
        patterns.append(_FORBIDS_SUCH)
    if setting.refers_to_work:
        patterns.append(_FORBIDS_THESE)
    for pattern in patterns:
        match = pattern.search(clause)
        if match is not None and not _is_condition(clause[: match.start()], pattern):
            return match
    return None


def _is_condition(before: str, pattern: re.Pattern[str]) -> bool:
    """Return whether the words before what a pattern has found make it a condition."""
    if _NEGATED_CONDITION.search(before):
        return True
    return pattern in _STATEMENTS and _CONDITIONAL.search(before) is not None
