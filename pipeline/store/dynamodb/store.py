"""DynamoStore: each method reads, decides, and writes on the condition that nobody wrote to the run
in between.
"""

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from pipeline.outcome import Event, RunResult
from pipeline.run_key import RunKey
from pipeline.store.contract import (
    BudgetExceeded,
    Busy,
    Call,
    Checkpoint,
    Claim,
    Effect,
    Finished,
    Lease,
    Moment,
    MoneyCaps,
    PendingEvent,
    Registered,
    Round,
    RunRow,
    Submission,
    claimed,
)
from pipeline.store.dynamodb import layout
from pipeline.store.dynamodb.generations import Generations
from pipeline.store.dynamodb.layout import (
    Item,
    event_pk,
    job_pk,
    open_sk,
    run_sk,
    spend_key,
    time_key,
)
from pipeline.store.dynamodb.runs import Runs, again, lost, run_row
from pipeline.store.dynamodb.table import Table


class DynamoStore:
    """See pipeline.store.base.RunStore for what each method promises, ``layout`` for the table.

    ``keep_days`` after its end a run is forgotten, and what it left on the way that long after it was written: a
    message lives 14 days in SQS at most, and a job sent again later is a new one. Leases compare the workers' clocks,
    which ECS keeps in step. Errors of botocore pass through; Retry means that many others wrote at the same place.
    """

    def __init__(
        self,
        table: str,
        *,
        clock: Callable[[], float] = time.time,
        client: Any = None,
        keep_days: float = 90.0,
    ):
        if client is None:
            import boto3
            from botocore.config import Config

            from pipeline.aws import limits, region

            config = Config(**limits(read_seconds=10.0))
            client = boto3.session.Session().client("dynamodb", region_name=region(), config=config)
        self._clock = clock
        self._table = Table(table, client, clock)
        self._runs = Runs(self._table, clock, int(keep_days * 86_400))
        self._generations = Generations(self._runs)

    def close(self) -> None:
        self._table.close()

    # Claims and leases

    @again
    def register(self, submission: Submission, *, owner: str | None) -> Registered:
        run, newest, differs = self._generations.wanted(submission, owner)
        found = run or newest
        if owner is not None and found.get("owner") is None:
            found = self._runs.write(found, {"owner": owner}, [])
        return Registered(run_row(found), differs)

    @again
    def claim(self, submission: Submission, *, lease_seconds: float) -> Claim:
        run, newest, differs = self._generations.wanted(submission)
        now = self._clock()
        if run is None:
            return Busy(max(newest.get("lease_expires_at", 0.0), now + 1.0))
        if run["state"] == "finished":
            return Finished(run_row(run))
        crashed = "lease_token" in run
        if crashed and run["lease_expires_at"] > now:
            return Busy(run["lease_expires_at"])
        lease = Lease(
            RunKey(run["job_id"], run["generation"]), uuid.uuid4().hex, now + lease_seconds
        )
        taken = self._runs.write(
            run,
            {
                "lease_token": lease.token,
                "lease_expires_at": lease.expires_at,
                "state": "running",
                "deliveries": run["deliveries"] + 1,
                "crashes": run["crashes"] + int(crashed),
            },
            [self._runs.moment(run, "delivered", "the last delivery died" if crashed else "")],
            # A heartbeat renews without a new version: the lease may live again since it was read.
            guard="attribute_not_exists(#lease_token) OR #lease_expires_at <= :now",
            now=now,
        )
        return claimed(run_row(taken), lease, submission, body_differs=differs)

    def renew(self, lease: Lease, *, lease_seconds: float) -> bool:
        # One call, and no new version: a heartbeat gets in the way of no other write.
        write = layout.update(
            self._table.name,
            (job_pk(lease.job_id), run_sk(lease.generation)),
            {"lease_expires_at": self._clock() + lease_seconds},
            "#lease_token = :token",
            token=lease.token,
        )
        run = self._table.change(write)
        if run is None:
            raise lost(lease)
        return bool(run["cancel_requested"])

    @again
    def release(self, lease: Lease) -> None:
        run = self._runs.get(lease.job_id, lease.generation)
        if run is not None and run["state"] == "running" and run["lease_token"] == lease.token:
            changes = {"lease_token": None, "lease_expires_at": None, "state": "queued"}
            self._runs.write(run, changes, [self._runs.moment(run, "released")])

    @again
    def count_try(self, lease: Lease, error: str, seconds: float) -> int:
        run = self._runs.held(lease)
        changes = {
            "tries": run["tries"] + 1,
            "last_error": error[:2000],
            "seconds": run["seconds"] + seconds,
        }
        self._runs.write_held(
            lease, run, changes, [self._runs.moment(run, "try failed", error[:500])]
        )
        return int(run["tries"]) + 1

    # Progress

    @again
    def save_checkpoint(self, lease: Lease, checkpoint: Checkpoint) -> bool:
        run = self._runs.held(lease)
        changes = {"seconds": run["seconds"] + checkpoint.seconds}
        self._runs.write_held(
            lease, run, changes, [self._runs.part(run, "point", asdict(checkpoint))]
        )
        return bool(run["cancel_requested"])

    def checkpoints(self, key: RunKey) -> list[Checkpoint]:
        rows = self._runs.parts(key.job_id, "point", key.generation)
        return [
            Checkpoint(**{name: row[name] for name in Checkpoint.__dataclass_fields__})
            for row in rows
        ]

    @again
    def open_round(self, lease: Lease, opened: Round, seconds: float) -> None:
        run = self._runs.held(lease)
        changes = {"round": opened.number, "seconds": run["seconds"] + seconds}
        kept = asdict(opened) | {"note": json.dumps(opened.note)}
        self._runs.write_held(lease, run, changes, [self._runs.part(run, "round", kept)])

    def rounds(self, key: RunKey) -> list[Round]:
        rows = self._runs.parts(key.job_id, "round", key.generation)
        return [
            Round(r["number"], r["to"], r["because"], json.loads(r.get("note") or "{}"))
            for r in rows
        ]

    # Effects

    @again
    def intend(self, lease: Lease, name: str, intention: dict[str, Any]) -> dict[str, Any]:
        run = self._runs.held(lease)
        effect = self._effect(lease, name)
        if effect is None:
            effect = {"name": name, "intention": json.dumps(intention), "created_at": self._clock()}
            self._runs.write_held(lease, run, {}, [self._runs.part(run, "effect", effect)])
        stored: dict[str, Any] = json.loads(effect["intention"])
        return stored

    @again
    def record(self, lease: Lease, name: str, result: dict[str, Any]) -> None:
        run = self._runs.held(lease)
        if effect := self._effect(lease, name):
            self._runs.write_held(
                lease, run, {}, [self._runs.put(effect | {"result": json.dumps(result)})]
            )

    def effects(self, job_id: str) -> list[Effect]:
        return [
            Effect(
                r["generation"],
                r["name"],
                json.loads(r["intention"]),
                json.loads(r.get("result", "null")),
                r["created_at"],
            )
            for r in self._table.items(job_pk(job_id), "effect#")
        ]

    def _effect(self, lease: Lease, name: str) -> Item | None:
        effects = self._runs.parts(lease.job_id, "effect", lease.generation)
        return next((effect for effect in effects if effect["name"] == name), None)

    # Money

    @again
    def reserve(
        self,
        lease: Lease,
        key: str,
        *,
        micro_usd: int,
        model: str,
        reply_key: str,
        day: str,
        caps: MoneyCaps,
    ) -> Call:
        run = self._runs.held(lease)
        repository = run["repository"]
        calls = self._runs.parts(lease.job_id, "call", lease.generation)
        scopes = (
            ("run", caps.run, sum(call["micro_usd"] for call in calls)),
            ("repository_day", caps.repository_day, self.spent(day=day, repository=repository)),
            ("day", caps.day, self.spent(day=day)),
        )
        for scope, cap, used in scopes:
            if used + micro_usd > cap:
                raise BudgetExceeded(scope, micro_usd, cap - used)
        earlier = [call for call in calls if call["key"] == key]
        attempt = len(earlier) + 1
        reply_key = reply_key.replace("{attempt}", str(attempt))
        now = self._clock()
        call = Call(key, attempt, "reserved", micro_usd, reply_key, model, now)
        self._runs.write_held(
            lease,
            run,
            {},
            [
                *(
                    self._runs.put(cut | {"state": "cut"})
                    for cut in earlier
                    if cut["state"] == "reserved"
                ),
                self._runs.part(run, "call", asdict(call) | {"day": day}),
                self._spend(day, repository, micro_usd, cap=caps.repository_day),
                self._spend(day, None, micro_usd, cap=caps.day),
            ],
        )
        return call

    def settle(self, lease: Lease, call: Call, *, micro_usd: int) -> None:
        self._move_call(lease, call, "settled", micro_usd)

    def release_call(self, lease: Lease, call: Call) -> None:
        self._move_call(lease, call, "released", 0)

    @again
    def _move_call(self, lease: Lease, call: Call, state: str, micro_usd: int) -> None:
        run = self._runs.held(lease)
        for row in self._runs.parts(lease.job_id, "call", lease.generation):
            if (row["key"], row["attempt"]) == (call.key, call.attempt) and row["state"] in (
                "reserved",
                "cut",
            ):
                moved = row | {"state": state, "micro_usd": micro_usd}
                difference = micro_usd - row["micro_usd"]
                counters = [
                    self._spend(row["day"], name, difference) for name in (run["repository"], None)
                ]
                self._runs.write_held(lease, run, {}, [self._runs.put(moved), *counters])

    def _spend(
        self, day: str, repository: str | None, micro_usd: int, cap: int | None = None
    ) -> dict[str, Any]:
        """Move a day's counter, with a ``cap`` only where it then stays within it."""
        key = spend_key(day, repository)
        changes = {"expires": self._runs.expires}
        add = {"used": micro_usd}
        if cap is None:
            return layout.update(self._table.name, key, changes, add=add)
        fits = "attribute_not_exists(#used) OR #used <= :room"
        room = cap - micro_usd
        return layout.update(self._table.name, key, changes, fits, add=add, room=room)

    def calls(self, key: RunKey) -> list[Call]:
        rows = self._runs.parts(key.job_id, "call", key.generation)
        run = self._runs.get(key.job_id, key.generation)
        ended = run is not None and run["state"] == "finished"
        calls = [Call(**{name: row[name] for name in Call.__dataclass_fields__}) for row in rows]
        return [
            replace(call, state="cut") if ended and call.state == "reserved" else call
            for call in calls
        ]

    def spent(self, *, day: str, repository: str | None = None) -> int:
        counter = self._table.get(*spend_key(day, repository))
        return int(counter["used"]) if counter else 0

    # The end of a run, and what is told of it

    @again
    def announce(self, lease: Lease, event: Event, topic_arn: str | None) -> None:
        run = self._runs.held(lease)
        announced = run.get("announced", "").split()
        if event.id not in announced:
            rows = self._outbox(run, event, event.model_dump_json(), topic_arn)
            self._runs.write_held(lease, run, {"announced": " ".join([*announced, event.id])}, rows)

    @again
    def finish(self, lease: Lease, result: RunResult, event: Event, topic_arn: str | None) -> None:
        run = self._runs.held(lease)
        body = event.model_dump_json()
        outcome = result.outcome.value
        expires = self._runs.expires
        changes = {
            "state": "finished",
            "outcome": outcome,
            "reason": result.reason,
            "seconds": result.seconds,
            "result": result.model_dump_json(),
            "event": body,
            "finished_at": self._clock(),
            "expires": expires,
        }
        # An unfinished generation is the newest: the job is forgotten with it.
        job = layout.update(self._table.name, (run["pk"], "job"), {"expires": expires})
        ended = layout.delete(self._table.name, (run["pk"], open_sk(run["generation"])))
        told = [
            *self._outbox(run, event, body, topic_arn),
            self._runs.moment(run, "finished", outcome),
            job,
            ended,
        ]
        self._runs.write_held(lease, run, changes, told)

    def _outbox(
        self, run: Item, event: Event, body: str, topic_arn: str | None
    ) -> list[dict[str, Any]]:
        """The event's row. It goes once it is published: the run itself keeps what was told."""
        if topic_arn is None:
            return []
        row = {
            "pk": event_pk(event.id),
            "sk": "event",
            "listed": "pending",
            "listed_at": time_key(self._clock(), f"{run['version']:08d}"),
            "event_id": event.id,
            "type": event.type.value,
            "topic_arn": topic_arn,
            "body": body,
            "attributes": json.dumps(event.attributes),
        }
        return [self._runs.put(row)]

    def pending_events(self, limit: int = 10) -> list[PendingEvent]:
        rows = self._table.listed("pending", limit, newest_first=False, where={})
        return [
            PendingEvent(
                r["event_id"], r["type"], r["topic_arn"], r["body"], json.loads(r["attributes"])
            )
            for r in rows
        ]

    def mark_published(self, event_id: str) -> None:
        self._table.delete(event_pk(event_id), "event")

    # Looking

    def run(self, job_id: str, generation: int | None = None) -> RunRow | None:
        row = (
            self._runs.newest(job_id) if generation is None else self._runs.get(job_id, generation)
        )
        return run_row(row) if row else None

    def oldest_unfinished(self) -> float | None:
        oldest = self._table.listed("open", 1, newest_first=False, where={})
        return float(oldest[0]["created_at"]) if oldest else None

    def history(self, key: RunKey) -> list[Moment]:
        return [
            Moment(r["at"], r["what"], r["detail"])
            for r in self._runs.parts(key.job_id, "history", key.generation)
        ]

    def runs(
        self, *, outcome: str | None = None, repository: str | None = None, limit: int = 50
    ) -> list[RunRow]:
        asked = {"outcome": outcome, "repository": repository}
        where = {name: value for name, value in asked.items() if value is not None}
        return [
            run_row(row) for row in self._table.listed("run", limit, newest_first=True, where=where)
        ]

    @again
    def request_cancel(self, job_id: str) -> bool:
        run = self._runs.newest(job_id)
        if run is None or run["state"] == "finished":
            return False
        self._runs.write(
            run, {"cancel_requested": True}, [self._runs.moment(run, "cancel requested")]
        )
        return True
