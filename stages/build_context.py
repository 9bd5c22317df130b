"""What the model gets to read: the files that the issue is most likely about, within a token limit."""

import asyncio
from pathlib import PurePosixPath

from pydantic import BaseModel, ConfigDict

from pipeline.stage import RunContext
from prompts.filters import tokens_of
from repository.context.excerpts import excerpt
from repository.context.ranking import Query, Ranked, rank
from repository.context.sources import read_sources
from repository.files import Kind
from repository.git import Entry, Mirror, Mirrors
from stages.checkout import Checkout
from stages.fetch_issue import Issue

MAX_TOKENS = 24_000
"""Of files and paths shown, estimated on the high side."""
_MAX_FILES = 10
_MAX_RANKING = 100
_MIN_TOKENS = 500
"""Less of a large file tells nothing."""


class ContextFile(BaseModel):
    model_config = ConfigDict(frozen=True)

    path: str
    content: str
    """As in the base commit, line ends as LF; where not whole, pieces of it, a mark for the lines between."""
    whole: bool
    why: str
    """What ranked it: for the person who asks why this file, in a few words."""


class Context(BaseModel):
    model_config = ConfigDict(frozen=True)

    files: tuple[ContextFile, ...]
    """Most likely first, the test file last."""
    ranking: tuple[str, ...]
    """Paths that are no tests, likeliest first, longer than ``files``."""
    listing: tuple[str, ...]
    """Paths of the repository that are shown by name alone."""
    tokens: int
    """Estimated, on the high side."""


class BuildContext:
    name = "build_context"

    def __init__(self, mirrors: Mirrors, *, max_tokens: int = MAX_TOKENS):
        self._mirrors = mirrors
        self._max_tokens = max_tokens

    async def run(self, issue: Issue, checkout: Checkout, run: RunContext) -> Context:
        mirror = self._mirrors.at(checkout.repository)
        query = Query.of(issue.title, issue.text)
        context = await asyncio.to_thread(build, mirror, checkout.base_sha, query, self._max_tokens)
        run.progress(f"{len(context.files)} files shown, about {context.tokens} tokens")
        return context


def build(mirror: Mirror, sha: str, query: Query, max_tokens: int) -> Context:
    """Rank the commit's files and show the likeliest. A sixth of the tokens is the test's, a
    twelfth the listing's.
    """
    entries = mirror.files(sha)
    written = {path.rsplit("/", 1)[-1] for path in query.paths}
    named = {entry.path for entry in entries if entry.path.rsplit("/", 1)[-1] in written}
    ranked = rank(read_sources(mirror, entries, named), query)
    sources = [item for item in ranked if item.kind is not Kind.TEST]
    test = _related_test(ranked, sources)
    left = max_tokens - max_tokens // 12 - (max_tokens // 6 if test else 0)
    files: list[ContextFile] = []
    used = 0
    for item in sources[:_MAX_FILES]:
        # Half of what is left for each: the likeliest gets most, and what small files leave goes to
        # later ones.
        share = (left - used) // 2
        if share < _MIN_TOKENS:
            break
        if shown := _show(mirror, sha, item, query, share):
            files.append(shown[0])
            used += shown[1]
    if test is not None and (shown := _show(mirror, sha, test, query, max_tokens // 6)):
        files.append(shown[0])
        used += shown[1]
    listing = _listing(entries, ranked, {file.path for file in files}, max_tokens // 12)
    used += sum(tokens_of(path) + 1 for path in listing)
    ranking = tuple(item.path for item in sources[:_MAX_RANKING])
    return Context(files=tuple(files), ranking=ranking, listing=listing, tokens=used)


def _show(
    mirror: Mirror, sha: str, item: Ranked, query: Query, max_tokens: int
) -> tuple[ContextFile, int] | None:
    """A file, and the tokens that it takes with its path."""
    path_tokens = tokens_of(item.path) + 10
    data = mirror.read(sha, item.path)
    part = excerpt(data.decode(), query, max_tokens - path_tokens) if data is not None else None
    if part is None:
        return None
    return (
        ContextFile(path=item.path, content=part.text, whole=part.whole, why=item.why),
        part.tokens + path_tokens,
    )


def _related_test(ranked: list[Ranked], sources: list[Ranked]) -> Ranked | None:
    """The test file that the issue's words rank first; one named after a likely source counts
    double.
    """
    stems = {PurePosixPath(item.path).stem.lower() for item in sources[:3]}

    def worth(item: Ranked) -> float:
        words = set(PurePosixPath(item.path).stem.lower().replace("-", "_").split("_"))
        bare = "_".join(sorted(words - {"test", "tests", "spec"}))
        alike = any("_".join(sorted(stem.strip("_").split("_"))) == bare for stem in stems)
        return item.score * (2 if alike else 1)

    helpers = ("conftest", "__init__")
    tests = [
        item
        for item in ranked
        if item.kind is Kind.TEST and PurePosixPath(item.path).stem not in helpers
    ]
    return max(tests, key=worth, default=None)


def _listing(
    entries: list[Entry], ranked: list[Ranked], shown: set[str], max_tokens: int
) -> tuple[str, ...]:
    """Paths within the limit, ranked ones first in choosing; in order of the alphabet."""
    chosen: list[str] = []
    for path in dict.fromkeys(
        [*(item.path for item in ranked), *(entry.path for entry in entries)]
    ):
        if path in shown or not path.isprintable():
            continue
        max_tokens -= tokens_of(path) + 1
        if max_tokens < 0:
            break
        chosen.append(path)
    return tuple(sorted(chosen))
