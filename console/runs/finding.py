"""Find the run that somebody names, in a constant number of calls to the store."""

from collections.abc import Sequence

from console.runs.references import (
    MIN_PREFIX,
    JobReference,
    NumberReference,
    Reference,
    parse_reference,
)
from console.runs.run_result import parse_result
from pipeline.job import ADDRESS_REVIEW
from pipeline.store.contract import RunRow
from pipeline.store.reader import StoreReader

#: Matches that are read, and so at most named in a message, when a name is ambiguous.
MAX_MATCHES = 10


class NoSuchRun(LookupError):
    """No run has this name; the message says what was looked for."""


class AmbiguousName(LookupError):
    """Several runs have this name.

    ``matches`` are the newest runs of up to ``MAX_MATCHES`` jobs.
    """

    def __init__(self, text: str, matches: Sequence[RunRow]):
        super().__init__(f"{text!r} names several jobs")
        self.matches = tuple(matches)


def find_run(store: StoreReader, text: str, generation: int | None = None) -> RunRow:
    """Return the run that ``text`` names: the newest one of a job, issue or pull request, unless
    it ends in ``/GENERATION``.

    Args:
        generation: the same as ``/GENERATION``.

    Raises:
        UnreadableReference: the text is no name of a run.
        NoSuchRun, AmbiguousName: see each.
    """
    reference = parse_reference(text)
    if isinstance(reference, JobReference) and reference.generation is not None:
        if generation not in (None, reference.generation):
            raise NoSuchRun(f"{text!r} and generation {generation} are two different runs")
        generation = reference.generation
    run = _newest_run(store, text, reference)
    if generation is None or generation == run.generation:
        return run
    earlier = store.run(run.job_id, generation)
    if earlier is None:
        raise NoSuchRun(f"there is no generation {generation} of job {run.job_id}")
    return earlier


def _newest_run(store: StoreReader, text: str, reference: Reference) -> RunRow:
    if isinstance(reference, JobReference):
        run = store.run(reference.job_id)
        if run is not None:
            return run
        matches = _jobs_beginning_with(store, reference)
    else:
        matches = _numbered(store, reference)
    if not matches:
        raise NoSuchRun(_describe_failure(reference))
    if len(matches) > 1 and not _are_of_one_pull(matches):
        raise AmbiguousName(text, matches[:MAX_MATCHES])
    return matches[0]


def _are_of_one_pull(matches: Sequence[RunRow]) -> bool:
    """Return whether runs are the fix that opened a pull request and the answers to its reviews.

    The pull request's number then means the newest of them.
    """
    pulls: set[str | None] = set()
    for run in matches:
        result = parse_result(run)
        pulls.add(result.pull_request_url if result is not None else run.issue_url)
    is_reviewed = any(run.job_type == ADDRESS_REVIEW for run in matches)
    return is_reviewed and len(pulls) == 1


def _jobs_beginning_with(store: StoreReader, reference: JobReference) -> list[RunRow]:
    """Return the newest run of each job that may be meant. Digits may also be a number."""
    matches: list[RunRow] = []
    if reference.is_long_enough:
        matches = store.jobs_beginning_with(reference.job_id, limit=MAX_MATCHES)
    if reference.number is not None:
        known = {run.job_id for run in matches}
        numbered = store.runs_numbered(reference.number)
        matches += [run for run in numbered if run.job_id not in known]
    return matches


def _numbered(store: StoreReader, reference: NumberReference) -> list[RunRow]:
    runs = store.runs_numbered(reference.number, reference.repository)
    return [run for run in runs if reference.matches(run.issue_url)]


def _describe_failure(reference: Reference) -> str:
    if isinstance(reference, NumberReference):
        place = f" of {reference.repository}" if reference.repository else ""
        return f"no run is about issue or pull request #{reference.number}{place}"
    if reference.number is not None:
        what = f"no job's id begins with {reference.job_id!r}"
        return f"{what}, and no run is about issue or pull request #{reference.number}"
    if not reference.is_long_enough:
        return (
            f"there is no job {reference.job_id!r}; the first {MIN_PREFIX} characters of an id are"
            " enough"
        )
    return f"there is no job {reference.job_id!r}, and none whose id begins so"
