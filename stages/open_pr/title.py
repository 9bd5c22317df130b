"""The title of the pull request, which is also the subject of its commit."""

import re
from collections.abc import Collection
from dataclasses import replace

from prompts.filters import one_line
from stages.open_pr.convention import CommitSubject, Convention, without_type, word_subject
from stages.propose_patch.description import MAX_TITLE, find_title_fault

#: A kind of issue, which its title may begin with.
_KIND = re.compile(r"(?:bug|fix|issue)\s*[:-]\s*|\[[^\]]{1,30}\]\s*", re.IGNORECASE)
#: References, which close or mention an issue in a title.
_REFERENCE = re.compile(
    r"(?:,?\s*\(?\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?|see):?\s+|\s*\(?)(?:#|\bGH-)\d+\)?",
    re.IGNORECASE,
)


def choose_title(
    proposed: str,
    issue_title: str,
    convention: Convention,
    *,
    paths: Collection[str],
    number: int | None,
) -> CommitSubject:
    """Return the model's title if it can be used; else one that is made of the issue's.

    Args:
        proposed: the model's title; empty if it gave none.
        issue_title: the issue's title.
        convention: of the repository's subjects.
        paths: the changed files.
        number: the issue's number, if it has one.
    """
    own = word_title(proposed, convention, paths=paths, number=number)
    return own or _fix_of(issue_title, convention, paths=paths, number=number)


def word_title(
    proposed: str, convention: Convention, *, paths: Collection[str], number: int | None
) -> CommitSubject | None:
    """Return the model's title in the words of the convention; None if it can't be used.

    For the arguments, see ``choose_title``.
    """
    if find_title_fault(proposed) is not None:
        return None
    return word_subject(one_line(proposed), convention, paths=paths, number=number)


def _fix_of(
    issue_title: str, convention: Convention, *, paths: Collection[str], number: int | None
) -> CommitSubject:
    """Return ``Fix: `` and the issue's title: a title that says what is wrong, not what changes."""
    text = without_type(_REFERENCE.sub("", one_line(issue_title)).strip())
    text = _shortened(_KIND.sub("", text, count=1) if _KIND.match(text) else text)
    small = False if convention.capital is False else None
    wording = replace(convention, capital=small, full_stop=None)
    subject = word_subject(text or "the issue", wording, paths=paths, number=number)
    says_fix = "fix" in f"{subject.prefix}{text[:4]}".lower()
    return subject if says_fix else replace(subject, prefix=f"{subject.prefix}Fix: ")


def _shortened(text: str) -> str:
    """Return the text, cut at the end of a word."""
    if len(text) <= MAX_TITLE:
        return text
    cut = text[: MAX_TITLE - 1]
    at_word = cut.rpartition(" ")[0]
    return f"{at_word or cut}…"
