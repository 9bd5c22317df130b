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
from repository.context.query import Query
from repository.context.ranking import RankedFile, rank
from repository.context.sources import read_sources
from repository.files import Kind, is_test_helper, name_of
from repository.git import Entry, Mirror, Mirrors
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


class BuildContext:
    name = "build_context"

    def __init__(self, mirrors: Mirrors):
        self._mirrors = mirrors

    async def run(self, issue: Issue, checkout: Checkout, run: RunContext) -> Context:
        mirror = self._mirrors.at(checkout.repository)
        query = Query.from_issue(issue.title, issue.text)
        context = await asyncio.to_thread(build, mirror, checkout.base_sha, query, MAX_TOKENS)
        run.progress(f"{len(context.files)} files shown, about {context.tokens} tokens")
        return context


def build(mirror: Mirror, sha: str, query: Query, max_tokens: int) -> Context:
    """Rank the commit's files and choose excerpts of the likeliest ones."""
    entries = mirror.files(sha)
    named_paths = _named_in_issue(entries, query)
    ranked = rank(read_sources(mirror, entries, named_paths), query)
    sources = [file for file in ranked if file.kind is not Kind.TEST]
    test = _related_test(ranked, sources)

    listing_tokens = max_tokens // _LISTING_SHARE
    test_tokens = max_tokens // _TEST_SHARE if test is not None else 0
    source_tokens = max_tokens - listing_tokens - test_tokens
    reader = _Reader(mirror, sha, query)
    shown = reader.show_likeliest(sources, source_tokens)
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
    )


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

    def show_likeliest(self, ranked: Sequence[RankedFile], max_tokens: int) -> list[_ShownFile]:
        """Return the first files; each may use half of the tokens that are left.

        The likeliest file gets the most, and tokens that a small file leaves go to later ones.
        """
        shown: list[_ShownFile] = []
        left = max_tokens
        for file in ranked[:_MAX_FILES]:
            share = left // 2
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
        part = cut_excerpt(data.decode(), self.query, max_tokens - path_tokens)
        if part is None:
            return []
        file = ContextFile(path=ranked.path, content=part.text, whole=part.whole, why=ranked.reason)
        return [_ShownFile(file, part.tokens + path_tokens)]


def _named_in_issue(entries: Sequence[Entry], query: Query) -> set[str]:
    """Return the paths of files whose name appears in the issue."""
    names = set(map(name_of, query.paths))
    return {entry.path for entry in entries if name_of(entry.path) in names}


def _related_test(ranked: Sequence[RankedFile], sources: Sequence[RankedFile]) -> RankedFile | None:
    """Return the best test file; the score of one named after a likely source is doubled."""
    likely_names = [_words_in_name(source.path) for source in sources[:_LIKELY_SOURCES]]

    def weighted_score(test: RankedFile) -> float:
        words = _words_in_name(test.path) - _TEST_WORDS
        if words in likely_names:
            return test.score * 2
        return test.score

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
