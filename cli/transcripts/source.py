"""Find the transcript of a run: its artifact, or the steps that it has stored so far."""

from pydantic import ValidationError

from cli.command import CommandError
from console.runs.agent_steps import steps_by_attempt
from console.runs.source import artifact_key
from pipeline.artifacts import Artifacts
from pipeline.leased_run import read_result
from pipeline.outcome import RunResult
from pipeline.store.contract import Checkpoint, RunRow
from pipeline.store.reader import StoreReader
from pipeline.telemetry import Redactor
from stages.propose_patch.agent.steps import StepRecord
from stages.propose_patch.agent.transcript import Transcript, make_transcript

_UNREADABLE = "is from another version, or is damaged"


class TranscriptSource:
    """The transcripts of one run."""

    def __init__(self, store: StoreReader, artifacts: Artifacts, run: RunRow, redact: Redactor):
        self._store = store
        self._artifacts = artifacts
        self._run = run
        self._redact = redact

    def read(self, attempt: int | None) -> Transcript:
        """Return the transcript of an attempt; None for the one whose change was chosen.

        The run's artifact lacks the steps of a later round that proposed nothing, and a run that
        has not ended has no artifact. In both cases the transcript is made from the stored steps.

        Raises:
            CommandError: the run has neither, or they can't be read.
        """
        artifact = self._read_artifact() if attempt is None else None
        attempts = steps_by_attempt(self._store.checkpoints(self._run.key))
        number = artifact.attempt if artifact is not None else attempt or max(attempts, default=1)
        checkpoints = attempts.get(number, [])
        if artifact is not None and len(checkpoints) <= len(artifact.steps):
            return artifact
        if not checkpoints:
            raise CommandError(self._explain_missing(number, sorted(attempts)))
        records = [self._read_step(checkpoint) for checkpoint in checkpoints]
        records.sort(key=lambda record: record.number)
        return make_transcript(number, records, records[-1].ending, self._redact)

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
        return artifact_key(self._run.key, address)

    def _read_step(self, checkpoint: Checkpoint) -> StepRecord:
        try:
            return read_result(self._artifacts, checkpoint, StepRecord)
        except FileNotFoundError:
            raise CommandError(f"the artifact {checkpoint.result} no longer exists") from None
        except ValidationError:
            raise CommandError(f"the step {checkpoint.stage} {_UNREADABLE}") from None

    def _explain_missing(self, attempt: int, attempts: list[int]) -> str:
        name = f"generation {self._run.generation} of job {self._run.job_id!r}"
        if attempts:
            listed = ", ".join(map(str, attempts))
            return f"{name} has no attempt {attempt}; it has: {listed}"
        return (
            f"{name} has no transcript: the strategy single writes none, and the strategy agent"
            " starts one with its first step"
        )
