"""What runs now: the part of the list's page that is asked for again every few seconds."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from console.runs.position import Position, read_position
from console.web.views.run_lines import LinkedLine, linked_lines
from console.web.visits import Visit
from pipeline.store.contract import RunRow
from pipeline.store.reader import StoreReader
from repository.counts import count

#: Runs whose position is shown. Each costs one query.
MAX_RUNNING = 20
#: Runs without an outcome among which those at work are looked for, the oldest ones.
MAX_UNFINISHED = 200


@dataclass(frozen=True)
class RunningLine:
    linked: LinkedLine
    position: Position

    @property
    def stage(self) -> str:
        return self.position.stage.replace("_", " ")

    @property
    def place(self) -> str:
        """Where the run is, in words."""
        words = f"{self.stage}, round {self.position.round}"
        if self.position.step is not None:
            words += f", step {self.position.step}"
        return words


@dataclass(frozen=True)
class Running:
    """The runs that are at work, the newest first."""

    lines: tuple[RunningLine, ...]
    has_more: bool
    """Whether more runs are at work than are shown."""

    @property
    def sentence(self) -> str:
        """What a screen reader says of it. It changes with a run's stage, not with each step."""
        if not self.lines:
            return "No run is at work."
        stages = [f"{running.linked.line.issue}: {running.stage}" for running in self.lines]
        number = "More than " if self.has_more else ""
        number += count(len(self.lines), "run")
        return f"{number} at work. {', '.join(stages)}"

    @property
    def digest(self) -> str:
        """Differs between two sentences."""
        return hashlib.sha256(self.sentence.encode()).hexdigest()[:12]


def read_running(visit: Visit) -> Running:
    """Read which of the visitor's runs are at work, and how far they are."""
    store = visit.services.store
    rows: list[RunRow] = []
    for row in reversed(store.unfinished_runs(MAX_UNFINISHED)):
        if row.state == "running" and visit.caller.may_see(row):
            rows.append(row)
    lines = read_running_lines(store, rows[:MAX_RUNNING])
    return Running(tuple(lines), has_more=len(rows) > MAX_RUNNING)


def read_running_lines(store: StoreReader, runs: Sequence[RunRow]) -> list[RunningLine]:
    """Read where each of these runs is."""
    return [RunningLine(linked, read_position(store, linked.run)) for linked in linked_lines(runs)]


def show(visit: Visit) -> Response:
    """Answer the page's script. Its sentence is sent only if it has changed since ``seen``."""
    running = read_running(visit)
    is_known = visit.parameter("seen") == running.digest
    return visit.page("running", running=running, sentence="" if is_known else "changed")
