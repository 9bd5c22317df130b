"""What each job of the crash benchmark with real stages is, and what GitHub does to its effects.

A repository has ten issues, one for each of ten jobs. The plan follows from seed and number alone.
The pull request of a ``reviewed`` job gets a review, which is a further job.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, Self

from benchmarks.crash_kinds import MAX_ROUNDS, Kind, draw_kind
from pipeline.github.issue_pulls import branch_name
from pipeline.job import ADDRESS_REVIEW, parse_job
from pipeline.outcome import Outcome
from pipeline.run_key import RunKey

Push = Literal["branch", "fork"]

OWNER = "octo"
JOBS_PER_REPOSITORY = 10
LABELS = ("bot",)
REVIEWER = "ada"
REVIEWERS = (REVIEWER,)
#: Every so many repositories, one has a test, which a sandbox runs.
TESTED_EVERY = 4


class Mode(StrEnum):
    """What happens to a request."""

    REFUSED = "refused"
    CUT = "cut"
    LIMITED = "limited"
    SILENT = "silent"
    KILLED = "killed"
    # After the effect:
    LOST = "reply lost"
    BAD_GATEWAY = "reply lost in a gateway"
    SILENT_AFTER = "reply too late"
    KILLED_AFTER = "killed after the effect"

    @property
    def after_effect(self) -> bool:
        return self in AFTER_EFFECT


AFTER_EFFECT = (Mode.LOST, Mode.BAD_GATEWAY, Mode.SILENT_AFTER, Mode.KILLED_AFTER)
#: Modes of a request that only reads, and how often each occurs.
READ_MODES = {
    Mode.REFUSED: 3,
    Mode.CUT: 3,
    Mode.LIMITED: 2,
    Mode.SILENT: 1,
    Mode.KILLED: 2,
}
EFFECT_MODES = {
    **READ_MODES,
    Mode.LOST: 6,
    Mode.BAD_GATEWAY: 3,
    Mode.SILENT_AFTER: 2,
    Mode.KILLED_AFTER: 4,
}
#: Effects on GitHub that a job may have.
EFFECTS = (
    "push",
    "create_pull",
    "update_pull",
    "labels",
    "reviewers",
    "fork",
    "follow_up",
    "reply",
    "comment",
)
#: The share of a job's effects that fail once.
FAILING = 0.5


KINDS = {
    "fixed": Kind(0.25, Outcome.PR_OPENED, 1),
    "reviewed": Kind(0.15, Outcome.PR_OPENED, 1),
    "labelled": Kind(0.2, Outcome.PR_OPENED, 1),
    "replayed": Kind(0.12, Outcome.PR_OPENED, 1),
    "fixed later": Kind(0.08, Outcome.PR_OPENED, 2),
    "not fixed": Kind(0.04, Outcome.NO_FIX, MAX_ROUNDS),
    "dry run": Kind(0.05, Outcome.PROPOSED, 1),
    "unclear": Kind(0.03, Outcome.NEEDS_INFO, 1),
    "closed": Kind(0.04, Outcome.REJECTED, 0),
    "forbidden branch": Kind(0.04, Outcome.PROPOSED, 1),
}


@dataclass(frozen=True)
class ExpectedRun:
    """A run that must end in this way."""

    key: RunKey
    outcome: Outcome
    rounds: int
    announced: bool = True
    """Whether it is admitted, so that run.started is published."""


@dataclass(frozen=True)
class Review:
    """A review of a job's pull request, with comments on lines, and the job that answers it."""

    pull: int
    """Number of the pull request."""
    id: int
    comments: tuple[int, ...]
    """Ids of its comments."""
    repository: str
    number: int
    """Of the job that opened the pull request."""

    @property
    def body(self) -> str:
        message = {
            "type": ADDRESS_REVIEW,
            "schema_version": 2,
            "pull_request_url": f"https://github.com/{self.repository}/pull/{self.pull}",
            "request": f"review-{self.id}",
            "metadata": {"number": str(self.number)},
        }
        return json.dumps(message)

    @property
    def run(self) -> ExpectedRun:
        return ExpectedRun(RunKey(parse_job(self.body).id, 0), Outcome.PR_UPDATED, 1)


@dataclass(frozen=True)
class Plan:
    """The faults and the expected end of one job."""

    number: int
    kind: str
    modes: dict[str, Mode]
    """Effect -> what happens to its first request."""

    @classmethod
    def of(cls, seed: int, number: int, push: Push) -> Self:
        rng = random.Random(f"real/{seed}/{number}")
        kind = draw_kind(rng, KINDS)
        if push == "fork" and kind == "forbidden branch":
            kind = "fixed"  # a repository's rules don't hold in its fork
        modes: dict[str, Mode] = {}
        for effect in EFFECTS:
            mode = draw(rng, EFFECT_MODES)
            if rng.random() < FAILING:
                modes[effect] = mode
        return cls(number, kind, modes)

    @classmethod
    def of_repository(cls, seed: int, number: int, push: Push) -> Iterator[Self]:
        """Return the plans of a repository's jobs."""
        first = number * JOBS_PER_REPOSITORY + 1
        for job in range(first, first + JOBS_PER_REPOSITORY):
            yield cls.of(seed, job, push)

    @property
    def repository(self) -> str:
        return repository_name((self.number - 1) // JOBS_PER_REPOSITORY)

    @property
    def issue(self) -> int:
        return (self.number - 1) % JOBS_PER_REPOSITORY + 1

    @property
    def job_id(self) -> str:
        return parse_job(self.body()).id

    @property
    def branch(self) -> str:
        return branch_name(self.issue, self.job_id)

    @property
    def outcome(self) -> Outcome:
        return KINDS[self.kind].outcome

    @property
    def rounds(self) -> int:
        return KINDS[self.kind].rounds

    @property
    def generations(self) -> int:
        return 2 if self.kind == "replayed" else 1

    @property
    def runs(self) -> list[ExpectedRun]:
        """The runs of the job itself."""
        runs: list[ExpectedRun] = []
        for generation in range(self.generations):
            key = RunKey(self.job_id, generation)
            runs.append(ExpectedRun(key, self.outcome, self.rounds, self.announced))
        return runs

    @property
    def announced(self) -> bool:
        """Whether it is admitted, so that run.started is published."""
        return self.kind != "closed"

    @property
    def message(self) -> dict[str, Any]:
        message: dict[str, Any] = {
            "issue_url": f"https://github.com/{self.repository}/issues/{self.issue}",
            "metadata": {"number": str(self.number)},
        }
        if self.kind == "dry run":
            message["options"] = {"dry_run": True}
        if self.kind == "labelled":
            message["options"] = {"labels": LABELS, "reviewers": REVIEWERS}
        return message

    def body(self, generation: int = 0) -> str:
        message = self.message
        if generation:
            message["replay"] = {"id": f"again-{generation}"}
        return json.dumps(message)


def repository_name(number: int) -> str:
    return f"{OWNER}/crash-{number}"


def draw(rng: random.Random, modes: dict[Mode, int]) -> Mode:
    return rng.choices(list(modes), list(modes.values()))[0]
