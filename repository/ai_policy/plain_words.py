"""A sentence's words without their form: no markup, no capitals, no contractions."""

import re
import unicodedata

#: Words that somebody else says, or a program: more of them than a name has.
_CODE_SPAN = re.compile(r"(?<!`)`(?:[^`\s]+ +){3,}[^`\s]+`(?!`)")
_QUOTATION = re.compile(r"(?<![^\s(\[])[\"“](?:[^\s\"“”]+ +){4,}[^\s\"“”]+[\"”]")
_LINK = re.compile(r"!?\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])")
_RST_LINK = re.compile(r"`([^`<]*)<[^>]*>`_{0,2}")
_RST_ROLE = re.compile(r":[a-z-]+:(?=`)")
_TAG = re.compile(r"</?[a-zA-Z][^>]*>|https?://\S+")
_DASH = re.compile(r"\s+[-–—]+\s+|—")
_JOIN = re.compile(r"(?<=\w)[-‐‑/+&](?=\w)")
_FORMS = (
    (re.compile(r"\bcan(?:not|'t)\b"), "can not"),
    (re.compile(r"\bwon't\b"), "will not"),
    (re.compile(r"\bshan't\b"), "shall not"),
    (re.compile(r"n't\b"), " not"),
    (re.compile(r"'(?:re)\b"), " are"),
    (re.compile(r"'(?:ve)\b"), " have"),
    (re.compile(r"'(?:ll)\b"), " will"),
    (re.compile(r"\ba\.i\.?(?=\W|$)"), "ai"),
    (re.compile(r"\be\.g\.?|\bi\.e\.?"), "such as"),
)
_NOT_WORDS = re.compile(r"[^\w\s.,;:!?]+|(?<!\w)_+|_+(?!\w)")


def plain_words(text: str) -> str:
    """Return the words in lower case with single spaces, and the marks between clauses.

    Parts of compounds are words of their own, so that ``AI-generated`` and ``AI generated`` are
    the same. Quotations and code of several words are left out: they are the words of others.
    """
    words = unicodedata.normalize("NFKC", text).replace("’", "'").replace("‘", "'")
    words = _QUOTATION.sub(" ", _CODE_SPAN.sub(" ", words))
    words = _TAG.sub(" ", _RST_ROLE.sub("", _RST_LINK.sub(r"\1", _LINK.sub(r"\1", words))))
    words = _DASH.sub(" ; ", words).replace("*", "").replace("`", "").lower()
    for form, plain in _FORMS:
        words = form.sub(plain, words)
    words = _NOT_WORDS.sub(" ", _JOIN.sub(" ", words).replace("'", ""))
    return " ".join(words.split())
