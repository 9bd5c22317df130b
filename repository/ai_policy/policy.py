"""What a repository says about contributions that a model made."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from prompts.filters import one_line
from repository.ai_policy.files import MAX_CHARACTERS, Kind, kind_of
from repository.ai_policy.prose import Sentence, read_sentences
from repository.ai_policy.wording import Meaning, read_meaning

MAX_CONDITIONS = 3
MAX_QUOTE = 300


@dataclass(frozen=True)
class Quote:
    """A sentence of a repository's file."""

    text: str
    path: str
    line: int

    def __str__(self) -> str:
        return f"“{self.text}” ({self.path}, line {self.line})"


@dataclass(frozen=True)
class AiPolicy:
    """What the files of a repository say."""

    forbidden_by: Quote | None = None
    """The sentence that forbids what this service does."""
    conditions: tuple[Quote, ...] = ()
    """Sentences that ask something of such contributions, such as disclosure."""


def read_ai_policy(files: Mapping[str, str]) -> AiPolicy:
    """Read the texts of a repository's files, by path; see ``select_policy_files``.

    Where the use of models is expressly permitted, a rule against work that nobody has reviewed is
    a condition: a person reads the pull request before it is merged.
    """
    said: dict[Meaning, list[Quote]] = defaultdict(list)
    for path, text in files.items():
        for meaning, quote in _read_file(path, text[:MAX_CHARACTERS]):
            said[meaning].append(quote)
    forbidding = said[Meaning.FORBIDS]
    conditions = said[Meaning.CONDITION]
    if said[Meaning.PERMITS]:
        conditions += said[Meaning.FORBIDS_UNREVIEWED]
    else:
        forbidding += said[Meaning.FORBIDS_UNREVIEWED]
    forbidden_by = forbidding[0] if forbidding else None
    return AiPolicy(forbidden_by, tuple(conditions[:MAX_CONDITIONS]))


def _read_file(path: str, text: str) -> Iterator[tuple[Meaning, Quote]]:
    """Return what each sentence of a file says."""
    kind = kind_of(path)
    if kind is None:
        return
    # Whoever fills in a template, and each agent, sees comments.
    sees_comments = kind is Kind.AGENTS or "pull_request_template" in path.lower()
    for sentence in read_sentences(text, with_comments=sees_comments):
        yield read_meaning(sentence, kind), _quote(sentence, path)


def _quote(sentence: Sentence, path: str) -> Quote:
    text = f"{sentence.intro}: {sentence.text}" if sentence.intro else sentence.text
    if len(text) > MAX_QUOTE:
        text = f"{text[: MAX_QUOTE - 1]}…"
    return Quote(one_line(text), one_line(path), sentence.line)
