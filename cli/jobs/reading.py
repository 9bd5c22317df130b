"""Open the run that a command shows, with all that it has stored."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from cli.command import CommandError, exit_on_settings_error, settings
from cli.jobs.opening import find_run, open_store

if TYPE_CHECKING:
    from console.runs.report import RunReport
    from console.runs.source import RunSource
    from pipeline.artifacts import Artifacts
    from pipeline.settings import Settings
    from pipeline.store.contract import RunRow
    from pipeline.store.reader import StoreReader
    from pipeline.telemetry import Redactor


@dataclass(frozen=True)
class StoredRun:
    """A run with the places where its parts are stored."""

    run: "RunRow"
    store: "StoreReader"
    artifacts: "Artifacts"
    redact: "Redactor"
    settings: "Settings"

    @classmethod
    def open(cls, ctx: click.Context, job: str, generation: int | None = None) -> "StoredRun":
        """Find a run; end the command if there is none. ``generation`` is None for the newest."""
        from cli.backends import open_artifacts
        from pipeline.settings import secret_values
        from pipeline.telemetry import Redactor

        store = open_store(ctx)
        run = find_run(store, job, generation)
        chosen = settings(ctx)
        with exit_on_settings_error():
            artifacts = open_artifacts(chosen)
        return cls(run, store, artifacts, Redactor(secret_values(chosen)), chosen)

    def read_artifact(self, key: str) -> bytes:
        """Return an artifact of the run; end the command if it is gone or unreadable."""
        try:
            return self.artifacts.get(key)
        except FileNotFoundError:
            raise CommandError(f"the artifact {key} no longer exists") from None
        except OSError as error:
            raise CommandError(f"the artifact {key} can't be read: {error.strerror}") from None

    def has_artifact(self, key: str) -> bool:
        """Return whether an artifact of the run exists and can be read."""
        try:
            self.artifacts.get(key)
        except OSError:
            return False
        return True

    def report(self) -> "RunReport":
        """Read everything about the run."""
        from cli.policy import ceiling
        from console.runs.report import ReportReader

        reader = ReportReader(self.store, self.artifacts, self.redact, ceiling(self.settings))
        return reader.read(self.run)

    def source(self) -> "RunSource":
        """Open the run's rows and artifacts, for reading only a part. Nothing is redacted."""
        from console.runs.source import RunSource

        return RunSource(self.store, self.artifacts, self.run)
