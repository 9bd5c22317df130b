"""A run under its lease: everything that a delivery reads from the run and writes to it.

The store and the artifacts block, so each method here calls them in a thread. Store, lease,
artifacts and clock belong together, so the engine, the ledger and the stages share them as one
object.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import BaseModel

from pipeline.artifacts import Artifacts
from pipeline.outcome import Event, Facts, RunResult
from pipeline.own_parts import OwnParts
from pipeline.run_key import RunKey
from pipeline.store.contract import (
    Call,
    CallRequest,
    Checkpoint,
    Effect,
    Lease,
    MoneyCaps,
    Round,
    RunRow,
)
from pipeline.store.store import RunStore
from pipeline.threads import STORE

ResultT = TypeVar("ResultT", bound=BaseModel)

#: Bytes above which a result's body becomes an artifact and the store only holds its key (a
#: DynamoDB item may have 400 KB).
OFFLOAD_BYTES = 200_000
#: Prefix of the names of checkpoints that hold remembered texts. They belong to no round.
REMEMBERED = "remembered:"
#: Prefix of the names of checkpoints that hold the facts that a stage stated.
STATED_FACTS = f"{REMEMBERED}facts/"
NO_ROUND = 0


class LeasedRun:
    """One delivery's access to its run.

    Every method that writes to the store raises ``pipeline.errors.LeaseLost`` if another delivery
    owns the run by now. No lease protects artifacts: their keys contain a fingerprint of their
    content, so a delivery that lost its lease can't overwrite the next one's artifacts.

    ``is_new``: no earlier delivery has worked on the run, so nothing of it is stored yet.
    """

    def __init__(
        self,
        store: RunStore,
        artifacts: Artifacts,
        lease: Lease,
        clock: Callable[[], float],
        *,
        is_new: bool = False,
    ):
        self._store = store
        self._artifacts = artifacts
        self._lease = lease
        self._clock = clock
        self._remembered: dict[str, str] | None = None
        key = lease.key
        has_job_begun = not is_new or key.generation > 0
        self._checkpoints = OwnParts(lambda: store.checkpoints(key), are_none=is_new)
        self._rounds = OwnParts(lambda: store.rounds(key), are_none=is_new)
        self._calls = OwnParts(lambda: store.calls(key), are_none=is_new)
        self._effects = OwnParts(
            lambda: store.effects(key.job_id),
            name=lambda effect: (effect.generation, effect.name),
            are_none=not has_job_begun,
        )

    @property
    def key(self) -> RunKey:
        return self._lease.key

    def now(self) -> float:
        """Return the time in seconds since the epoch."""
        return self._clock()

    async def row(self) -> RunRow:
        row = await STORE.run(self._store.run, self.key.job_id, self.key.generation)
        if row is None:
            raise AssertionError(f"the store has no run {self.key.prefix}, which is leased")
        return row

    # Results of stages

    async def checkpoints(self, key: RunKey | None = None) -> list[Checkpoint]:
        """Return the checkpoints of this run, or of the one with ``key``, oldest first."""
        if key is None:
            return await self._checkpoints.get()
        return await STORE.run(self._store.checkpoints, key)

    async def read_result(self, checkpoint: Checkpoint, kind: type[ResultT]) -> ResultT:
        return await STORE.run(read_result, self._artifacts, checkpoint, kind)

    async def save_result(
        self, result: BaseModel, *, round: int, stage: str, seconds: float
    ) -> bool:
        """Store a stage's result, and add ``seconds`` to the run's.

        Returns:
            Whether a cancellation of the run was requested.
        """
        return await self._save(result.model_dump_json(), round, stage, seconds)

    async def remember(self, name: str, make: Callable[[], Awaitable[str]]) -> str:
        """Return the text that the run stored under ``name``; the first time, make and store it.

        See ``pipeline.stage.RunContext.remember``.
        """
        if self._remembered is None:
            self._remembered = await self._read_remembered()
        if name not in self._remembered:
            text = replace_surrogates(await make())
            await self._save(text, NO_ROUND, f"{REMEMBERED}{name}", 0.0)
            self._remembered[name] = text
        return self._remembered[name]

    async def has_remembered(self, name: str) -> bool:
        """Return whether the run has stored a text under ``name``."""
        if self._remembered is None:
            self._remembered = await self._read_remembered()
        return name in self._remembered

    async def state_facts(self, stage: str, facts: Facts) -> None:
        """Store facts that a stage knows before it has a result; only its first ones are kept."""

        async def dump() -> str:
            return facts.model_dump_json()

        await self.remember(f"{STATED_FACTS.removeprefix(REMEMBERED)}{stage}", dump)

    async def _read_remembered(self) -> dict[str, str]:
        remembered: dict[str, str] = {}
        for checkpoint in await self.checkpoints():
            if checkpoint.stage.startswith(REMEMBERED):
                name = checkpoint.stage.removeprefix(REMEMBERED)
                remembered[name] = await STORE.run(_body, self._artifacts, checkpoint)
        return remembered

    async def _save(self, body: str, round: int, stage: str, seconds: float) -> bool:
        data = body.encode()
        offloaded = len(data) > OFFLOAD_BYTES
        if offloaded:
            name = stage.replace(":", "-").replace("/", "-")
            body = f"{self.key.prefix}/checkpoints/{round}-{name}-{fingerprint(data)}.json"
            await self.put_artifact(body, data)
        checkpoint = Checkpoint(round, stage, body, offloaded, seconds, self.now())
        with self._checkpoints.being_written():
            cancelled = await STORE.run(self._store.save_checkpoint, self._lease, checkpoint)
            self._checkpoints.put(checkpoint)
        return cancelled

    # Rounds and tries

    async def rounds(self, key: RunKey | None = None) -> list[Round]:
        """Return the rounds opened in this run, or in the one with ``key``, oldest first."""
        if key is None:
            return await self._rounds.get()
        return await STORE.run(self._store.rounds, key)

    async def open_round(self, opened: Round, seconds: float) -> None:
        with self._rounds.being_written():
            await STORE.run(self._store.open_round, self._lease, opened, seconds)
            self._rounds.forget()

    async def count_try(self, error: str, seconds: float) -> int:
        """Count a failed try and its seconds, and return the number of tries so far."""
        text = replace_surrogates(error)
        return await STORE.run(self._store.count_try, self._lease, text, seconds)

    async def note_error(self, error: str) -> None:
        """Note in the run's history which error ends it."""
        text = replace_surrogates(error)
        await STORE.run(self._store.note_error, self._lease, text)

    async def count_wait(self, reason: str) -> RunRow:
        """Count a wait, and return the run with its waits in a row."""
        text = replace_surrogates(reason)
        return await STORE.run(self._store.count_wait, self._lease, text)

    # Effects

    async def intend(self, effect: str, intention: dict[str, Any]) -> dict[str, Any]:
        """Return the intention that this run stored earlier; if there is none, store this one."""
        with self._effects.being_written():
            stored = await STORE.run(self._store.intend, self._lease, effect, intention)
            if self._effects.known((self.key.generation, effect)) is None:
                intended = Effect(self.key.generation, effect, stored, None, self.now())
                self._effects.put(intended)
        return stored

    async def record(self, effect: str, result: dict[str, Any]) -> None:
        with self._effects.being_written():
            await STORE.run(self._store.record, self._lease, effect, result)
            intended = self._effects.known((self.key.generation, effect))
            if intended is not None:
                as_stored = json.loads(json.dumps(result))
                self._effects.put(replace(intended, result=as_stored))

    async def claim_issue(self) -> str | None:
        """Make this job the one that may open a pull request for its issue.

        Returns:
            None, or the id of another job whose unfinished run may do so.
        """
        return await STORE.run(self._store.claim_issue, self._lease)

    async def effects(self) -> list[Effect]:
        """Return the job's effects, of every generation, oldest first."""
        return await self._effects.get()

    async def has_effects(self) -> bool:
        """Return whether this run has had an effect, or intended one."""
        return bool(await self._own_effects())

    async def has_intended(self, name: str) -> bool:
        return any(effect.name == name for effect in await self._own_effects())

    async def _own_effects(self) -> list[Effect]:
        effects = await self.effects()
        return [effect for effect in effects if effect.generation == self.key.generation]

    # Artifacts

    async def put_artifact(self, key: str, data: bytes) -> None:
        await STORE.run(self._artifacts.put, key, data)

    async def get_artifact(self, key: str) -> bytes:
        """Return an artifact. Raises FileNotFoundError if it does not exist."""
        return await STORE.run(self._artifacts.get, key)

    def artifact_address(self, key: str) -> str:
        return self._artifacts.address(key)

    # Money

    async def calls(self) -> list[Call]:
        return await self._calls.get()

    async def reserve(
        self, key: str, *, micro_usd: int, model: str, day: str, caps: MoneyCaps
    ) -> Call:
        """Reserve money for the next attempt at the call ``key``.

        Raises:
            pipeline.store.contract.BudgetExceeded: nothing was reserved.
        """
        name = key.replace("/", "-")
        request = CallRequest(
            key=key,
            micro_usd=micro_usd,
            model=model,
            reply_key=f"{self.key.prefix}/replies/{name}-{{attempt}}.json",
            day=day,
        )
        with self._calls.being_written():
            reserved = await STORE.run(self._store.reserve, self._lease, request, caps)
            self._calls.forget()  # it may have cut others
        return reserved

    async def settle(self, call: Call, *, micro_usd: int) -> None:
        with self._calls.being_written():
            await STORE.run(self._store.settle, self._lease, call, micro_usd=micro_usd)
            self._calls.forget()

    async def release_call(self, call: Call) -> None:
        """Give a reservation back, because the provider certainly charged nothing."""
        with self._calls.being_written():
            await STORE.run(self._store.release_call, self._lease, call)
            self._calls.forget()

    async def cut_call(self, call: Call) -> None:
        """Keep the reservation of a call without an answer, which may have been charged."""
        with self._calls.being_written():
            await STORE.run(self._store.cut_call, self._lease, call)
            self._calls.forget()

    # Events

    async def announce(self, event: Event, topic_arn: str | None) -> None:
        await STORE.run(self._store.announce, self._lease, event, topic_arn)

    async def finish(self, result: RunResult, event: Event, topic_arn: str | None) -> None:
        """Store the run's final outcome, and put its event into the outbox."""
        await STORE.run(self._store.finish, self._lease, result, event, topic_arn)


def is_stage_result(checkpoint: Checkpoint) -> bool:
    """Return whether the checkpoint is a stage's result rather than a remembered text."""
    return checkpoint.round != NO_ROUND


def read_result(artifacts: Artifacts, checkpoint: Checkpoint, kind: type[ResultT]) -> ResultT:
    """Return a stage's stored result. Blocks.

    Raises:
        pydantic.ValidationError: the stored result has another shape.
        FileNotFoundError: the artifact with its body no longer exists.
    """
    return kind.model_validate_json(_body(artifacts, checkpoint))


def _body(artifacts: Artifacts, checkpoint: Checkpoint) -> str:
    if not checkpoint.offloaded:
        return checkpoint.result
    return artifacts.get(checkpoint.result).decode()


def fingerprint(data: bytes) -> str:
    """Return a short hash of an artifact's content, for use in its key."""
    return hashlib.sha256(data).hexdigest()[:12]


def replace_surrogates(text: str) -> str:
    """Replace lone surrogates, which neither a store nor JSON accepts, with ``?``."""
    return text.encode(errors="replace").decode()
