"""How a repository words the subjects of its commits, as the newest ones show."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from prompts.inert_text import inert
from repository.git import Mirror

_NEWEST = 20
"""How many subjects are looked at."""
_FEWEST = 5
"""Fewer subjects show no convention."""
_MAJORITY = 0.6

Form = Literal["conventional", "issue", "area", "name", "none"]

_TYPES = "build|chore|ci|docs|feat|fix|perf|refactor|style|test"
#: https://www.conventionalcommits.org/en/v1.0.0/#specification
_CONVENTIONAL = re.compile(
    rf"(?P<type>{_TYPES})(?:\((?P<scope>[\w./ -]{{1,30}})\))?!?: +(?P<rest>\S.*)"
)
_ISSUE = re.compile(r"(?P<before>#|gh-|GH-)\d+(?P<after>:? |: )(?P<rest>\S.*)")
_AREA = re.compile(r"\[(?P<name>[\w./ -]{1,30})\] *(?P<rest>\S.*)")
_NAME = re.compile(r"(?P<name>[A-Za-z0-9_./-]{1,40}): +(?P<rest>\S.*)")
_FORMS: tuple[tuple[Form, re.Pattern[str]], ...] = (
    ("conventional", _CONVENTIONAL),
    ("issue", _ISSUE),
    ("area", _AREA),
    ("name", _NAME),
)
#: What GitHub adds when it squashes a pull request.
_PULL_NUMBER = re.compile(r" \(#\d+\)$")
#: Subjects that a program wrote, or that follow their own rules.
_NOT_TYPICAL = re.compile(
    r"Merge |Revert |Bump |Release |v?\d+\.\d+|(?:build|chore)\(deps(?:-dev)?\)", re.IGNORECASE
)
#: Areas and names that stand for a kind of change, not for a part of the code.
_FIXES = ("fix", "bugfix", "bug")
_ORDINARY_WORD = re.compile(r"[A-Z][a-z]+(?=\s)")
_LOWER_WORD = re.compile(r"[a-z]+(?=\s)")


@dataclass(frozen=True)
class Convention:
    """What most subjects have in common. None and empty stand for: no clear majority."""

    form: Form = "none"
    known: frozenset[str] = frozenset()
    """Types, areas or names that occur."""
    scopes: frozenset[str] = frozenset()
    """Scopes of conventional commits that occur."""
    issue_form: tuple[str, str] = ("", "")
    """What stands before and after the number of an issue."""
    capital: bool | None = None
    """Whether the first letter is a capital."""
    full_stop: bool | None = None


@dataclass(frozen=True)
class CommitSubject:
    """A subject in two parts, since only the prefix is ours."""

    prefix: str
    text: str


def read_convention(mirror: Mirror, sha: str) -> Convention:
    """Return the convention of the newest subjects up to a commit. Blocks."""
    return find_convention(mirror.subjects(sha, _NEWEST))


def find_convention(subjects: Iterable[str]) -> Convention:
    """Return the convention of subjects, the newest first."""
    typical = []
    for subject in subjects:
        if not _NOT_TYPICAL.match(subject):
            typical.append(_PULL_NUMBER.sub("", subject.strip()))
    if len(typical) < _FEWEST:
        return Convention()
    form, matches = _main_form(typical)
    rests = [match["rest"] for match in matches] or typical
    return Convention(
        form=form,
        known=_values(matches, "type" if form == "conventional" else "name"),
        scopes=_values(matches, "scope"),
        issue_form=_issue_form(matches) if form == "issue" else ("", ""),
        capital=_majority([rest[0].isupper() for rest in rests if rest[0].isalpha()]),
        full_stop=_majority([rest.endswith(".") for rest in rests]),
    )


def word_subject(
    title: str, convention: Convention, *, paths: Collection[str], number: int | None
) -> CommitSubject:
    """Return a title in the words of a convention.

    Args:
        title: one line, perhaps with the prefix of a conventional commit.
        convention: that of the repository.
        paths: the changed files, which tell the area or the name.
        number: of the issue, if it has one.
    """
    own = _CONVENTIONAL.fullmatch(title)
    text = without_type(title)
    prefix = _prefix(convention, own, paths, number)
    return CommitSubject(prefix, _with_full_stop(_with_first_letter(text, convention), convention))


def without_type(title: str) -> str:
    """Return a title without the type and scope of a conventional commit."""
    match = _CONVENTIONAL.fullmatch(title)
    return title if match is None else match["rest"]


def _main_form(subjects: Sequence[str]) -> tuple[Form, list[re.Match[str]]]:
    """Return the form that most subjects have, and the matches of those that have it."""
    by_form: dict[Form, list[re.Match[str]]] = {}
    for subject in subjects:
        for form, pattern in _FORMS:
            match = pattern.fullmatch(subject)
            if match is not None:
                by_form.setdefault(form, []).append(match)
                break
    for form, matches in by_form.items():
        if len(matches) >= _MAJORITY * len(subjects):
            return form, matches
    return "none", []


def _values(matches: Sequence[re.Match[str]], group: str) -> frozenset[str]:
    values = set()
    for match in matches:
        value = match.groupdict().get(group)
        if value:
            values.add(value)
    return frozenset(values)


def _issue_form(matches: Sequence[re.Match[str]]) -> tuple[str, str]:
    forms = Counter((match["before"], match["after"]) for match in matches)
    return forms.most_common(1)[0][0]


def _majority(answers: Sequence[bool]) -> bool | None:
    """Return what most answers are; None if neither is clear."""
    yes = sum(answers)
    if len(answers) < _FEWEST:
        return None
    if yes >= _MAJORITY * len(answers):
        return True
    return False if len(answers) - yes >= _MAJORITY * len(answers) else None


def _prefix(
    convention: Convention,
    own: re.Match[str] | None,
    paths: Collection[str],
    number: int | None,
) -> str:
    match convention.form:
        case "conventional":
            return _conventional_prefix(convention, own)
        case "issue" if number is not None:
            before, after = convention.issue_form
            return f"{before}{number}{after}"
        case "area":
            area = _fitting(convention.known, paths)
            prefix = f"[{area}] "
            # The repository's own words may be a command all the same: [release].
            return prefix if area and inert(prefix) == prefix else ""
        case "name":
            name = _fitting(convention.known, paths)
            return f"{name}: " if name else ""
    return ""


def _conventional_prefix(convention: Convention, own: re.Match[str] | None) -> str:
    """Return a prefix without ``!``: only a person announces a breaking change."""
    if own is None:
        return "fix: "
    kind = own["type"] if own["type"] in convention.known else "fix"
    scope = f"({own['scope']})" if own["scope"] in convention.scopes else ""
    return f"{kind}{scope}: "


def _fitting(known: Collection[str], paths: Collection[str]) -> str:
    """Return the longest known name that is a part of a changed path; else one for fixes."""
    parts = _parts(paths)
    for name in sorted(known, key=lambda name: (-len(name), name)):
        if name.lower() in parts:
            return name
    for name in sorted(known):
        if name.lower() in _FIXES:
            return name
    return ""


def _parts(paths: Collection[str]) -> set[str]:
    """Return the names of files, and each piece of a path that ends with a folder."""
    parts = set()
    for path in paths:
        file = PurePosixPath(path.lower())
        parts |= {file.name, file.stem}
        for folder in file.parents:
            names = folder.parts
            parts |= {"/".join(names[start:]) for start in range(len(names))}
    return parts


def _with_first_letter(text: str, convention: Convention) -> str:
    """Return the text with the first letter of the convention, unless the word may be a name."""
    if convention.capital is False and _ORDINARY_WORD.match(text):
        return text[0].lower() + text[1:]
    if convention.capital and _LOWER_WORD.match(text):
        return text[0].upper() + text[1:]
    return text


def _with_full_stop(text: str, convention: Convention) -> str:
    if convention.full_stop is None:
        return text
    bare = text.rstrip(".")
    return f"{bare}." if convention.full_stop else bare
