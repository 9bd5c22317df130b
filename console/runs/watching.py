"""Follow a run: ask the store again and again what is new."""

from collections.abc import Callable
from dataclasses import replace

from console.runs.source import RunSource
from console.runs.stored_progress import DatedProgress, read_past, read_present, read_status
from pipeline.artifacts import Artifacts
from pipeline.engine.deps import Progress
from pipeline.store.contract import RunRow
from pipeline.store.reader import StoreReader


class RunWatch:
    """Reports what has happened in a run since it was last asked."""

    def __init__(
        self,
        store: StoreReader,
        artifacts: Artifacts,
        find_run: Callable[[], RunRow | None],
        *,
        redact: Callable[[str], str],
        clock: Callable[[], float],
    ):
        """Args:
        store: contains the run.
        artifacts: those of its runs.
        find_run: returns the run as it is stored now; None if it is not stored yet.
        redact: replaces secrets in a text.
        clock: returns seconds since the epoch.
        """
        self.run: RunRow | None = None
        """The run at the last poll; None if it was not stored yet."""
        self._store = store
        self._artifacts = artifacts
        self._find_run = find_run
        self._redact = redact
        self._clock = clock
        self._last_rows: tuple[object, ...] = ()
        self._reported: set[DatedProgress] = set()

    @property
    def has_ended(self) -> bool:
        return self.run is not None and self.run.state == "finished"

    def poll(self) -> list[Progress]:
        """Return the new reports, oldest first; the first time, all so far. Blocks.

        The results of stages, which may be large, are read only if something else has changed:
        each result comes with a change of the run, its calls or its history.
        """
        self.run = self._find_run()
        if self.run is None:
            return []
        rows = (self.run, self._store.calls(self.run.key), self._store.history(self.run.key))
        if rows == self._last_rows:
            return []
        self._last_rows = rows
        return self._read_new(RunSource(self._store, self._artifacts, self.run))

    def _read_new(self, source: RunSource) -> list[Progress]:
        new = [report for report in read_past(source) if report not in self._reported]
        self._reported.update(new)
        reports = [report.progress for report in new]
        present = read_present(source)
        if present not in self._reported:
            self._reported.add(present)
            reports.append(self._with_duration(present))
        if not self.has_ended:
            reports.append(read_status(source))
        return [replace(report, detail=self._redact(report.detail)) for report in reports]

    def _with_duration(self, present: DatedProgress) -> Progress:
        """Return the report of a start with the seconds since then."""
        progress = present.progress
        if progress.kind != "started":
            return progress
        return replace(progress, seconds=max(self._clock() - present.at, 0.0))
