"""The rows and artifacts of one run, read tolerantly: what can't be read is noted, not raised."""

from collections.abc import Sequence
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel

from pipeline.artifacts import Artifacts, is_key
from pipeline.leased_run import is_stage_result, read_result
from pipeline.run_key import RunKey
from pipeline.store.contract import Checkpoint, RunRow
from pipeline.store.reader import StoreReader

ModelT = TypeVar("ModelT", bound=BaseModel)


class RunSource:
    """Reads everything about one run. The store is asked a fixed number of times."""

    def __init__(self, store: StoreReader, artifacts: Artifacts, run: RunRow):
        self.run = run
        self.checkpoints = store.checkpoints(run.key)
        self.rounds = sorted(store.rounds(run.key), key=lambda opened: opened.number)
        self.calls = store.calls(run.key)
        self.history = store.history(run.key)
        effects = store.effects(run.job_id)
        self.effects = [effect for effect in effects if effect.generation == run.generation]
        self.problems: list[str] = []
        """Sentences about what could not be read, each once."""
        self._artifacts = artifacts

    @property
    def stage_results(self) -> list[Checkpoint]:
        """The stored results of stages, oldest first."""
        return [row for row in self.checkpoints if is_stage_result(row)]

    def newest_result(self, stage: str, kind: type[ModelT]) -> ModelT | None:
        """Return the newest stored result of a stage; None if there is none, or it is unreadable.

        Args:
            stage: the stage's name.
            kind: the type of its result, as in ``stages.order.Order.result_types``.
        """
        for checkpoint in reversed(self.stage_results):
            if checkpoint.stage == stage:
                return self.read_checkpoint(checkpoint, kind)
        return None

    def result_of_round(self, stage: str, kind: type[ModelT], number: int) -> ModelT | None:
        """Return what a stage stored in one round; None if nothing, or it is unreadable."""
        for checkpoint in self.stage_results:
            if checkpoint.stage == stage and checkpoint.round == number:
                return self.read_checkpoint(checkpoint, kind)
        return None

    def read_checkpoint(self, checkpoint: Checkpoint, kind: type[ModelT]) -> ModelT | None:
        """Return a stored result; None if it is gone, unreadable or from another version."""
        try:
            return read_result(self._artifacts, checkpoint, kind)
        except FileNotFoundError:
            self.note(f"The stored result of {checkpoint.stage} no longer exists.")
        except OSError as error:
            self.note(f"The stored result of {checkpoint.stage} can't be read: {error.strerror}.")
        except ValueError:
            self.note(f"The stored result of {checkpoint.stage} is from another version.")
        return None

    def read_text(self, key: str) -> str | None:
        """Return an artifact as text; None if it is gone or unreadable."""
        try:
            return self._artifacts.get(key).decode(errors="replace")
        except (FileNotFoundError, ValueError):
            self.note(f"The artifact {key} no longer exists.")
        except OSError as error:
            self.note(f"The artifact {key} can't be read: {error.strerror}.")
        return None

    def read_model(self, key: str, kind: type[ModelT]) -> ModelT | None:
        """Return an artifact read as ``kind``; None if it is gone or from another version."""
        text = self.read_text(key)
        if text is None:
            return None
        try:
            return kind.model_validate_json(text)
        except ValueError:
            self.note(f"The artifact {key} is from another version.")
        return None

    def note(self, problem: str) -> None:
        """Add a sentence about what could not be read."""
        if problem not in self.problems:
            self.problems.append(problem)


def artifact_key(key: RunKey, address: str) -> str | None:
    """Return the key of a run's artifact from its address; None if it is not one of the run's."""
    path = unquote(urlsplit(address).path)
    _, prefix, rest = path.rpartition(f"/{key.prefix}/")
    name = f"{key.prefix}/{rest}"
    return name if prefix and is_key(name) else None


def stage_without_result(
    names: Sequence[str], checkpoints: Sequence[Checkpoint], number: int, opened_at_stage: str
) -> str | None:
    """Return the stage of a round that stored no result: the one that went back, stopped the run,
    or is at work.

    Args:
        names: the stages of the job's type, in order.
        checkpoints: the stored results of stages.
        number: the round's number.
        opened_at_stage: the stage at which the round began.

    Returns:
        None if this version does not know the round's last stage.
    """
    done = [row.stage for row in checkpoints if row.round == number and row.stage in names]
    if not done:
        return opened_at_stage
    following = names.index(done[-1]) + 1
    return names[following] if following < len(names) else None
