"""The stage ``build_context``: choose the files that the model sees.

These are the files that the issue is most likely about, within a token limit.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from pydantic import BaseModel, ConfigDict

from pipeline.stage import RunContext
from prompts.tokens import tokens_of
from repository.context.conventions import Convention, read_conventions
from repository.context.excerpts import cut_excerpt
from repository.context.named_files import (
    NamedFiles,
    find_named,
    why_not_readable,
    why_not_text,
)
from repository.context.query import Query
from repository.context.ranking import RankedFile, rank
from repository.context.sources import MAX_PATH, read_sources
from repository.files import Kind, is_test_helper
from repository.git import Entry, Mirror, Mirrors
from repository.text_encoding import read_text
from stages.checkout import Checkout
from stages.fetch_issue import Issue

MAX_TOKENS = 24_000
"""For the files and paths shown; an overestimate."""
_TEST_SHARE = 6
"""The test file gets one sixth of the tokens, the listing one twelfth."""
_LISTING_SHARE = 12
_TEST_WORDS = frozenset({"test", "tests", "spec"})
_LIKELY_SOURCES = 3
_MAX_FILES = 10
_MAX_RANKING = 100
_MAX_NOT_SHOWN = 20
_MIN_TOKENS = 500
"""A smaller excerpt of a large file is useless."""
_PATH_TOKENS = 10
"""Upper limit of what a template adds around a path."""


class ContextFile(BaseModel):
    model_config = ConfigDict(frozen=True)

    path: str
    content: str
    """The content in the base commit, with LF line endings; if not ``whole``, excerpts with a mark
    for the omitted lines.
    """
    whole: bool
    why: str
    """Why the file was ranked, in a few words for a human reader."""


class NotShown(BaseModel):
    model_config = ConfigDict(frozen=True)

    path: str
    """As written in the issue, if there is no such file."""
    reason: str
    """In our words."""


class Context(BaseModel):
    model_config = ConfigDict(frozen=True)

    files: tuple[ContextFile, ...]
    """Most likely first, the test file last."""
    ranking: tuple[str, ...]
    """Paths of non-test files, likeliest first; more of them than in ``files``."""
    listing: tuple[str, ...]
    """Paths of which only the name is shown."""
    tokens: int
    """Of the files and the listing, an overestimate."""
    conventions: tuple[Convention, ...] = ()
    """The repository's instructions for contributors, the most specific to agents first."""
    not_shown: tuple[NotShown, ...] = ()
    """Files that the issue names and that are not in ``files``."""


class BuildContext:
    name = "build_context"

    def __init__(self, mirrors: Mirrors):
        self._mirrors = mirrors

    async def run(self, issue: Issue, checkout: Checkout, run: RunContext) -> Context:
        mirror = self._mirrors.at(checkout.repository)
        query = Query.from_issue(issue.title, issue.text)
        context = await asyncio.to_thread(build, mirror, checkout.base_sha, query, MAX_TOKENS)
        run.progress(f"{len(context.files)} files shown, about {context.tokens} tokens")
        for file in context.not_shown:
            run.progress(f"the issue names {file.path}, which is not shown: {file.reason}")
        return context


def build(mirror: Mirror, sha: str, query: Query, max_tokens: int) -> Context:
    """Rank the commit's files and choose excerpts of the likeliest ones."""
    entries = mirror.files(sha)
    named = find_named(mirror, entries, query)
    ranked = rank(read_sources(mirror, entries, named.entries), query)
    sources = [file for file in ranked if file.kind is not Kind.TEST]
    test = _related_test(ranked, sources, named)

    listing_tokens = max_tokens // _LISTING_SHARE
    test_tokens = max_tokens // _TEST_SHARE if test is not None else 0
    source_tokens = max_tokens - listing_tokens - test_tokens
    reader = _Reader(mirror, sha, query, named)
    candidates = [file for file in ranked if file != test and _is_candidate(file, named)]
    shown = reader.show_likeliest(_likeliest(candidates, named), source_tokens)
    if test is not None:
        shown += reader.show(test, test_tokens)

    paths_shown = {one.file.path for one in shown}
    listing = _list_paths(entries, ranked, paths_shown, listing_tokens)
    ranking = [file.path for file in sources[:_MAX_RANKING]]
    return Context(
        files=tuple(one.file for one in shown),
        ranking=tuple(ranking),
        listing=listing,
        tokens=_total_tokens(shown, listing),
        conventions=read_conventions(mirror, entries, ranking[:_LIKELY_SOURCES]),
        not_shown=_not_shown(mirror, named, paths_shown),
    )


def _is_candidate(file: RankedFile, named: NamedFiles) -> bool:
    """Whether a file may be shown among the sources: a test only if the issue names it."""
    return file.kind is not Kind.TEST or file.path in named.entries


def _likeliest(ranked: Sequence[RankedFile], named: NamedFiles) -> list[RankedFile]:
    """Return the files that the issue names, and then the first others."""
    of_issue = [file for file in ranked if file.path in named.entries][:_MAX_FILES]
    others = [file for file in ranked if file.path not in named.entries]
    return [*of_issue, *others[: _MAX_FILES - len(of_issue)]]


def _not_shown(mirror: Mirror, named: NamedFiles, shown: Collection[str]) -> tuple[NotShown, ...]:
    """Return the files that the issue names and that are not shown, with the reasons."""
    reasons = dict(named.missing)
    for path, entry in named.entries.items():
        if path not in shown and len(reasons) < _MAX_NOT_SHOWN:
            reasons[path] = _why_not_shown(mirror, entry)
    not_shown: list[NotShown] = []
    for path, reason in reasons.items():
        if path.isprintable() and len(path) <= MAX_PATH:
            not_shown.append(NotShown(path=path, reason=reason))
    return tuple(not_shown[:_MAX_NOT_SHOWN])


def _why_not_shown(mirror: Mirror, entry: Entry) -> str:
    reason = why_not_readable(entry)
    if reason is None:
        (data,) = mirror.read_many([entry.sha])
        reason = why_not_text(data)
    return reason or "there was no room for it, or its lines are too long"


@dataclass(frozen=True)
class _ShownFile:
    file: ContextFile
    tokens: int
    """Of the content and the path."""


@dataclass(frozen=True)
class _Reader:
    """Reads the parts of a commit's files that are relevant to an issue."""

    mirror: Mirror
    sha: str
    query: Query
    named: NamedFiles

    def show_likeliest(self, files: Sequence[RankedFile], max_tokens: int) -> list[_ShownFile]:
        """Return the files; each may use half of the tokens that are left.

        The first file gets the most, and tokens that a small file leaves go to later ones. Files
        that the issue names share alike.
        """
        shown: list[_ShownFile] = []
        left = max_tokens
        named = sum(file.path in self.named.entries for file in files)
        for number, file in enumerate(files):
            share = left // max(2, named - number)
            if share < _MIN_TOKENS:
                break
            for one in self.show(file, share):
                shown.append(one)
                left -= one.tokens
        return shown

    def show(self, ranked: RankedFile, max_tokens: int) -> list[_ShownFile]:
        """Return the file, or an empty list if no useful part of it fits."""
        path_tokens = tokens_of(ranked.path) + _PATH_TOKENS
        data = self.mirror.read(self.sha, ranked.path)
        if data is None:
            return []
        lines = self.named.lines.get(ranked.path)
        part = cut_excerpt(read_text(data), self.query, max_tokens - path_tokens, lines)
        if part is None:
            return []
        file = ContextFile(path=ranked.path, content=part.text, whole=part.whole, why=ranked.reason)
        return [_ShownFile(file, part.tokens + path_tokens)]


def _related_test(
    ranked: Sequence[RankedFile], sources: Sequence[RankedFile], named: NamedFiles
) -> RankedFile | None:
    """Return the best test file, one that the issue names if there is any.

    The score of one named after a likely source is doubled.
    """
    likely_names = [_words_in_name(source.path) for source in sources[:_LIKELY_SOURCES]]

    def weighted_score(test: RankedFile) -> tuple[bool, float]:
        words = _words_in_name(test.path) - _TEST_WORDS
        factor = 2 if words in likely_names else 1
        return test.path in named.entries, test.score * factor

    return max(filter(_is_test, ranked), key=weighted_score, default=None)


def _is_test(file: RankedFile) -> bool:
    return file.kind is Kind.TEST and not is_test_helper(file.path)


def _words_in_name(path: str) -> frozenset[str]:
    stem = PurePosixPath(path).stem.lower().replace("-", "_")
    return frozenset(stem.strip("_").split("_"))


def _list_paths(
    entries: Sequence[Entry],
    ranked: Sequence[RankedFile],
    shown: Collection[str],
    max_tokens: int,
) -> tuple[str, ...]:
    """Return paths within the limit, in alphabetical order; ranked ones are chosen first."""
    ranked_paths = [file.path for file in ranked]
    all_paths = [entry.path for entry in entries]
    candidates = dict.fromkeys(ranked_paths + all_paths)
    chosen: list[str] = []
    left = max_tokens
    for path in candidates:
        if path in shown or not path.isprintable():
            continue
        left -= _listing_tokens(path)
        if left < 0:
            break
        chosen.append(path)
    return tuple(sorted(chosen))


def _total_tokens(shown: Sequence[_ShownFile], listing: Sequence[str]) -> int:
    of_files = sum(one.tokens for one in shown)
    of_listing = sum(_listing_tokens(path) for path in listing)
    return of_files + of_listing


def _listing_tokens(path: str) -> int:
    return tokens_of(path) + 1
