"""Find the transcript of a run: the artifact that it left, or the steps that it has stored."""

import re
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from pydantic import ValidationError

from cli.command import CommandError
from pipeline.artifacts import Artifacts, validate_key
from pipeline.leased_run import REMEMBERED, read_result
from pipeline.outcome import RunResult
from pipeline.store.contract import Checkpoint, RunRow
from pipeline.store.store import RunStore
from pipeline.telemetry import Redactor
from stages.propose_patch.agent.steps import StepRecord
from stages.propose_patch.agent.transcript import Transcript, make_transcript

_STEP = re.compile(rf"{REMEMBERED}attempt-(?P<attempt>\d{{1,6}})/step-\d{{1,9}}")
_UNREADABLE = "is of another version, or damaged"


class TranscriptSource:
    """The transcripts of one run."""

    def __init__(self, store: RunStore, artifacts: Artifacts, run: RunRow, redact: Redactor):
        self._store = store
        self._artifacts = artifacts
        self._run = run
        self._redact = redact

    def read(self, attempt: int | None) -> Transcript:
        """Return the transcript of an attempt; None for the one whose change was chosen.

        A run that has not ended has its stored steps. Ends the command if there is no transcript.
        """
        if attempt is None:
            stored = self._read_artifact()
            if stored is not None:
                return stored
        return self._read_steps(attempt)

    def _read_artifact(self) -> Transcript | None:
        key = self._artifact_key()
        if key is None:
            return None
        try:
            return Transcript.model_validate_json(self._artifacts.get(key))
        except FileNotFoundError:
            return None
        except ValidationError:
            raise CommandError(f"the transcript {key} {_UNREADABLE}") from None

    def _artifact_key(self) -> str | None:
        """Return the key of the transcript that the run's result names by its address."""
        if self._run.result is None:
            return None
        address = RunResult.model_validate_json(self._run.result).artifacts.get("transcript")
        if address is None:
            return None
        path = unquote(urlsplit(address).path)
        _, prefix, rest = path.rpartition(f"/{self._run.key.prefix}/")
        return validate_key(f"{self._run.key.prefix}/{rest}") if prefix else None

    def _read_steps(self, attempt: int | None) -> Transcript:
        by_attempt: dict[int, list[Checkpoint]] = {}
        for number, checkpoint in self._step_checkpoints():
            by_attempt.setdefault(number, []).append(checkpoint)
        chosen = attempt if attempt is not None else max(by_attempt, default=1)
        if chosen not in by_attempt:
            raise CommandError(self._explain_missing(attempt, sorted(by_attempt)))
        records = [self._read_step(checkpoint) for checkpoint in by_attempt[chosen]]
        records.sort(key=lambda record: record.number)
        return make_transcript(chosen, records, records[-1].ending, self._redact)

    def _step_checkpoints(self) -> Iterator[tuple[int, Checkpoint]]:
        for checkpoint in self._store.checkpoints(self._run.key):
            step = _STEP.fullmatch(checkpoint.stage)
            if step is not None:
                yield int(step["attempt"]), checkpoint

    def _read_step(self, checkpoint: Checkpoint) -> StepRecord:
        try:
            return read_result(self._artifacts, checkpoint, StepRecord)
        except FileNotFoundError:
            raise CommandError(f"the artifact {checkpoint.result} no longer exists") from None
        except ValidationError:
            raise CommandError(f"the step {checkpoint.stage} {_UNREADABLE}") from None

    def _explain_missing(self, attempt: int | None, attempts: list[int]) -> str:
        name = f"generation {self._run.generation} of job {self._run.job_id!r}"
        if attempts:
            listed = ", ".join(map(str, attempts))
            return f"{name} has no attempt {attempt}; it has: {listed}"
        return (
            f"{name} has no transcript: the strategy single makes none, and the strategy agent"
            " begins one with its first step"
        )
