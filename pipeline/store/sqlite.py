"""The RunStore on one machine: SQLite in WAL mode, every write one transaction.

One connection writes and another one reads, each behind a lock: a read does not wait until a commit
is on the disk."""

import json
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from pipeline.errors import LeaseLost
from pipeline.outcome import Event, Outcome, RunResult
from pipeline.run_key import RunKey, redrive_replay_id
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
from pipeline.store.migrations import migrate

#: Seconds that a writer waits for another process's transaction.
BUSY_TIMEOUT = 30.0


class SqliteStore:
    """See pipeline.store.contract.RunStore for what each method promises."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time):
        path.parent.mkdir(parents=True, exist_ok=True)
        self._clock = clock
        self._writing = threading.Lock()
        self._reading = threading.Lock()
        self._writer: int | None = None
        """The thread that is within a transaction: what it reads is the transaction's."""
        connection, reader = (
            sqlite3.connect(
                path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
            )
            for _ in range(2)
        )
        self._db = Database(connection)
        self._reader = Database(reader)
        self._db.enable_wal()
        # NORMAL would lose the last commits on a power cut, and with them the record of a paid
        # reply.
        connection.execute("PRAGMA synchronous=FULL")
        with self._write():
            migrate(self._db)
        reader.execute("PRAGMA query_only=ON")

    def close(self) -> None:
        with self._writing, self._reading:
            self._reader.close()
            self._db.close()

    # Claims and leases

    def register(self, submission: Submission, *, owner: str | None) -> Registered:
        with self._write():
            differs = self._make_job(submission)
            run = self._wanted_run(submission, owner)
            if run is None:
                run = self._newest(submission.job_id)
            assert run is not None  # noqa: S101 (a job that must wait has a run)
            if run["owner"] is None and owner is not None:
                run["owner"] = owner
                self._set(
                    Lease(RunKey(run["job_id"], run["generation"]), "", 0.0), "owner = ?", owner
                )
            return Registered(_run_row(run), differs)

    def claim(self, submission: Submission, *, lease_seconds: float) -> Claim:
        with self._write():
            now = self._clock()
            differs = self._make_job(submission)
            run = self._wanted_run(submission)
            if run is None:
                newest = self._newest(submission.job_id) or {}
                return Busy(max(newest.get("lease_expires_at") or 0.0, now + 1.0))
            if run["state"] == "finished":
                return Finished(_run_row(run))
            if run["lease_token"] and run["lease_expires_at"] > now:
                return Busy(run["lease_expires_at"])
            crashed = run["lease_token"] is not None
            lease = Lease(
                RunKey(run["job_id"], run["generation"]), uuid.uuid4().hex, now + lease_seconds
            )
            assignments = (
                "lease_token = ?, lease_expires_at = ?, state = 'running', deliveries ="
                " deliveries + 1"
            )
            self._set(
                lease,
                f"{assignments}, crashes = crashes + ?",
                lease.token,
                lease.expires_at,
                int(crashed),
            )
            self._tell(lease, "delivered", "the last delivery died" if crashed else "")
            return claimed(self._run(lease), lease, submission, body_differs=differs)

    def _make_job(self, submission: Submission) -> bool:
        """Store the job where it is new. True: another body is stored under its id."""
        job = self._one("SELECT digest FROM jobs WHERE job_id = ?", submission.job_id)
        if job is None:
            self._db.table("jobs").insert(
                {
                    "job_id": submission.job_id,
                    "repository": submission.issue.repository,
                    "issue_url": submission.issue.url,
                    "body": submission.body,
                    "digest": submission.digest,
                    "created_at": self._clock(),
                }
            )
        return job is not None and job["digest"] != submission.digest

    def _wanted_run(
        self, submission: Submission, owner: str | None = None
    ) -> dict[str, Any] | None:
        """The run that a submission asks for, made where it is new; None where an unfinished one is
        before it.
        """
        job_id = submission.job_id
        newest = self._newest(job_id)
        replay = submission.replay_id
        if newest is not None:
            redriven = submission.redrive_of
            if redriven is not None:
                failed = newest["outcome"] == Outcome.FAILED and newest["generation"] == redriven
                if failed or self._replayed(job_id, redrive_replay_id(redriven)):
                    # A plain redrive of a failed run's message, also a replay's, starts the next
                    # generation, once.
                    replay = redrive_replay_id(redriven)
            if replay is None:
                return newest
            if again := self._replayed(job_id, replay):
                return again
            if newest["state"] != "finished":
                return None
            owner = owner or newest["owner"]
        row = {
            "job_id": job_id,
            "generation": newest["generation"] + 1 if newest else 0,
            "replay_id": replay,
            "repository": submission.issue.repository,
            "issue_url": submission.issue.url,
            "body": submission.body,
            "owner": owner,
            "created_at": self._clock(),
        }
        self._db.table("runs").insert(row)
        fresh = self._newest(job_id)
        assert fresh is not None  # noqa: S101 (just inserted, in this transaction)
        self._tell(Lease(RunKey(job_id, fresh["generation"]), "", 0.0), "registered", owner or "")
        return fresh

    def _newest(self, job_id: str) -> dict[str, Any] | None:
        return self._one(
            "SELECT * FROM runs WHERE job_id = ? ORDER BY generation DESC LIMIT 1", job_id
        )

    def _tell(self, of: Lease, what: str, detail: str = "") -> None:
        row = {
            "job_id": of.job_id,
            "generation": of.generation,
            "at": self._clock(),
            "what": what,
            "detail": detail,
        }
        self._db.table("history").insert(row)

    def _replayed(self, job_id: str, replay_id: str) -> dict[str, Any] | None:
        return self._one("SELECT * FROM runs WHERE job_id = ? AND replay_id = ?", job_id, replay_id)

    def renew(self, lease: Lease, *, lease_seconds: float) -> bool:
        with self._write():
            # A lease that ended but that nobody took is still ours to renew; so is that of a run
            # that we finished: a beat between the end and its news is no loss.
            row = self._one(
                "SELECT cancel_requested FROM runs WHERE job_id = ? AND generation = ? AND"
                " lease_token = ?",
                lease.job_id,
                lease.generation,
                lease.token,
            )
            if row is None:
                raise LeaseLost(f"the lease on {lease.key} is another delivery's now")
            self._db.execute(
                "UPDATE runs SET lease_expires_at = ? WHERE job_id = ? AND generation = ?",
                [self._clock() + lease_seconds, lease.job_id, lease.generation],
            )
            return bool(row["cancel_requested"])

    def release(self, lease: Lease) -> None:
        with self._write():
            released = self._db.execute(
                "UPDATE runs SET lease_token = NULL, lease_expires_at = NULL, state = 'queued'"
                " WHERE job_id = ? AND generation = ? AND lease_token = ? AND state = 'running'",
                [lease.job_id, lease.generation, lease.token],
            )
            if released.rowcount:
                self._tell(lease, "released")

    def count_try(self, lease: Lease, error: str, seconds: float) -> int:
        with self._held(lease):
            self._set(
                lease,
                "tries = tries + 1, last_error = ?, seconds = seconds + ?",
                error[:2000],
                seconds,
            )
            self._tell(lease, "try failed", error[:500])
            return self._run(lease).tries

    # Progress

    def save_checkpoint(self, lease: Lease, checkpoint: Checkpoint) -> bool:
        with self._held(lease):
            self._db.table("checkpoints").insert(
                {
                    "job_id": lease.job_id,
                    "generation": lease.generation,
                    "round": checkpoint.round,
                    "stage": checkpoint.stage,
                    "result": checkpoint.result,
                    "offloaded": int(checkpoint.offloaded),
                    "seconds": checkpoint.seconds,
                    "created_at": checkpoint.created_at,
                }
            )
            self._set(lease, "seconds = seconds + ?", checkpoint.seconds)
            return self._run(lease).cancel_requested

    def checkpoints(self, key: RunKey) -> list[Checkpoint]:
        rows = self._all(
            "SELECT * FROM checkpoints WHERE job_id = ? AND generation = ? ORDER BY created_at,"
            " rowid",
            key.job_id,
            key.generation,
        )
        return [
            Checkpoint(
                r["round"],
                r["stage"],
                r["result"],
                bool(r["offloaded"]),
                r["seconds"],
                r["created_at"],
            )
            for r in rows
        ]

    def open_round(self, lease: Lease, opened: Round, seconds: float) -> None:
        with self._held(lease):
            self._db.table("rounds").insert(
                {
                    "job_id": lease.job_id,
                    "generation": lease.generation,
                    "number": opened.number,
                    "to_stage": opened.to,
                    "because": opened.because,
                    "note": json.dumps(opened.note),
                }
            )
            self._set(lease, "round = ?, seconds = seconds + ?", opened.number, seconds)

    def rounds(self, key: RunKey) -> list[Round]:
        rows = self._all(
            "SELECT * FROM rounds WHERE job_id = ? AND generation = ? ORDER BY number",
            key.job_id,
            key.generation,
        )
        return [
            Round(r["number"], r["to_stage"], r["because"], json.loads(r["note"] or "{}"))
            for r in rows
        ]

    # Effects

    def intend(self, lease: Lease, name: str, intention: dict[str, Any]) -> dict[str, Any]:
        with self._held(lease):
            self._db.execute(
                "INSERT OR IGNORE INTO effects (job_id, generation, name, intention, created_at)"
                " VALUES (?, ?, ?, ?, ?)",
                [lease.job_id, lease.generation, name, json.dumps(intention), self._clock()],
            )
            row = self._one(
                "SELECT intention FROM effects WHERE job_id = ? AND generation = ? AND name = ?",
                lease.job_id,
                lease.generation,
                name,
            )
            stored: dict[str, Any] = json.loads(row["intention"]) if row else intention
            return stored

    def record(self, lease: Lease, name: str, result: dict[str, Any]) -> None:
        with self._held(lease):
            self._db.execute(
                "UPDATE effects SET result = ? WHERE job_id = ? AND generation = ? AND name = ?",
                [json.dumps(result), lease.job_id, lease.generation, name],
            )

    def effects(self, job_id: str) -> list[Effect]:
        rows = self._all(
            "SELECT * FROM effects WHERE job_id = ? ORDER BY generation, created_at, rowid", job_id
        )
        return [
            Effect(
                r["generation"],
                r["name"],
                json.loads(r["intention"]),
                json.loads(r["result"]) if r["result"] else None,
                r["created_at"],
            )
            for r in rows
        ]

    # Money

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
        with self._held(lease):
            identity = (lease.job_id, lease.generation)
            self._db.execute(
                "UPDATE calls SET state = 'cut' WHERE job_id = ? AND generation = ? AND key = ? AND"
                " state = 'reserved'",
                [*identity, key],
            )
            repository = self._run(lease).repository
            scopes = (
                ("run", caps.run, self._sum("job_id = ? AND generation = ?", *identity)),
                ("repository_day", caps.repository_day, self.spent(day=day, repository=repository)),
                ("day", caps.day, self.spent(day=day)),
            )
            for scope, cap, used in scopes:
                if used + micro_usd > cap:
                    raise BudgetExceeded(scope, micro_usd, cap - used)
            row = self._one(
                "SELECT count(*) AS n FROM calls WHERE job_id = ? AND generation = ? AND key = ?",
                *identity,
                key,
            )
            attempt = (row["n"] if row else 0) + 1
            call = Call(
                key,
                attempt,
                "reserved",
                micro_usd,
                reply_key.replace("{attempt}", str(attempt)),
                model,
            )
            self._db.table("calls").insert(
                {
                    "job_id": lease.job_id,
                    "generation": lease.generation,
                    "key": key,
                    "attempt": attempt,
                    "state": call.state,
                    "micro_usd": micro_usd,
                    "reply_key": call.reply_key,
                    "model": model,
                    "repository": repository,
                    "day": day,
                    "created_at": self._clock(),
                }
            )
            return call

    def settle(self, lease: Lease, call: Call, *, micro_usd: int) -> None:
        self._move_call(lease, call, "settled", micro_usd)

    def release_call(self, lease: Lease, call: Call) -> None:
        self._move_call(lease, call, "released", 0)

    def _move_call(self, lease: Lease, call: Call, state: str, micro_usd: int) -> None:
        with self._held(lease):
            self._db.execute(
                "UPDATE calls SET state = ?, micro_usd = ? WHERE job_id = ? AND generation = ? AND"
                " key = ? AND attempt = ? AND state IN ('reserved', 'cut')",
                [state, micro_usd, lease.job_id, lease.generation, call.key, call.attempt],
            )

    def calls(self, key: RunKey) -> list[Call]:
        rows = self._all(
            "SELECT * FROM calls WHERE job_id = ? AND generation = ? ORDER BY created_at, attempt",
            key.job_id,
            key.generation,
        )
        names = ("key", "attempt", "state", "micro_usd", "reply_key", "model", "created_at")
        return [Call(*(r[name] for name in names)) for r in rows]

    def spent(self, *, day: str, repository: str | None = None) -> int:
        if repository is None:
            return self._sum("day = ?", day)
        return self._sum("day = ? AND repository = ?", day, repository)

    def _sum(self, where: str, *values: Any) -> int:
        row = self._one(
            f"SELECT coalesce(sum(micro_usd), 0) AS total FROM calls WHERE {where}",  # noqa: S608
            *values,
        )
        return int(row["total"]) if row else 0

    # The end of a run, and what is told of it

    def announce(self, lease: Lease, event: Event, topic_arn: str | None) -> None:
        with self._held(lease):
            self._outbox(lease, event, topic_arn)

    def finish(self, lease: Lease, result: RunResult, event: Event, topic_arn: str | None) -> None:
        with self._held(lease):
            body = self._outbox(lease, event, topic_arn)
            self._db.execute(
                "UPDATE calls SET state = 'cut' WHERE job_id = ? AND generation = ? AND state ="
                " 'reserved'",
                [lease.job_id, lease.generation],
            )
            self._set(
                lease,
                "state = 'finished', outcome = ?, reason = ?, seconds = ?, result = ?, event = ?,"
                " finished_at = ?",
                result.outcome.value,
                result.reason,
                result.seconds,
                result.model_dump_json(),
                body,
                self._clock(),
            )
            self._tell(lease, "finished", result.outcome.value)

    def _outbox(self, lease: Lease, event: Event, topic_arn: str | None) -> str:
        body = event.model_dump_json()
        now = self._clock()
        self._db.execute(
            "INSERT OR IGNORE INTO outbox (event_id, job_id, generation, type, topic_arn, body,"
            " attributes, created_at, published_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                event.id,
                lease.job_id,
                lease.generation,
                event.type.value,
                topic_arn,
                body,
                json.dumps(event.attributes),
                now,
                None if topic_arn else now,
            ],
        )
        return body

    def pending_events(self, limit: int = 10) -> list[PendingEvent]:
        rows = self._all(
            "SELECT * FROM outbox WHERE published_at IS NULL ORDER BY created_at, rowid LIMIT ?",
            limit,
        )
        return [
            PendingEvent(
                r["event_id"], r["type"], r["topic_arn"], r["body"], json.loads(r["attributes"])
            )
            for r in rows
        ]

    def mark_published(self, event_id: str) -> None:
        with self._write():
            self._db.execute(
                "UPDATE outbox SET published_at = ? WHERE event_id = ? AND published_at IS NULL",
                [self._clock(), event_id],
            )

    # Looking

    def run(self, job_id: str, generation: int | None = None) -> RunRow | None:
        if generation is None:
            row = self._one(
                "SELECT * FROM runs WHERE job_id = ? ORDER BY generation DESC LIMIT 1", job_id
            )
        else:
            row = self._one(
                "SELECT * FROM runs WHERE job_id = ? AND generation = ?", job_id, generation
            )
        return _run_row(row) if row else None

    def oldest_unfinished(self) -> float | None:
        oldest = self._one("SELECT MIN(created_at) AS at FROM runs WHERE state != 'finished'")
        return oldest["at"] if oldest else None

    def history(self, key: RunKey) -> list[Moment]:
        rows = self._all(
            "SELECT * FROM history WHERE job_id = ? AND generation = ? ORDER BY rowid",
            key.job_id,
            key.generation,
        )
        return [Moment(r["at"], r["what"], r["detail"]) for r in rows]

    def runs(
        self, *, outcome: str | None = None, repository: str | None = None, limit: int = 50
    ) -> list[RunRow]:
        rows = self._all(
            "SELECT * FROM runs WHERE (:outcome IS NULL OR outcome = :outcome OR state = :outcome)"
            " AND (:repository IS NULL OR repository = :repository) ORDER BY created_at DESC, rowid"
            " DESC LIMIT :limit",
            named={"outcome": outcome, "repository": repository, "limit": limit},
        )
        return [_run_row(row) for row in rows]

    def request_cancel(self, job_id: str) -> bool:
        with self._write():
            run = self._newest(job_id)
            if run is None or run["state"] == "finished":
                return False
            asked = Lease(RunKey(job_id, run["generation"]), "", 0.0)
            self._set(asked, "cancel_requested = 1")
            self._tell(asked, "cancel requested")
            return True

    # Plumbing

    @contextmanager
    def _write(self) -> Iterator[None]:
        with self._writing:
            # IMMEDIATE takes the write lock at once: two processes can't both read and then both
            # decide.
            self._db.execute("BEGIN IMMEDIATE")
            self._writer = threading.get_ident()
            try:
                yield
            except BaseException:
                self._db.rollback()
                raise
            finally:
                self._writer = None
            self._db.commit()

    @contextmanager
    def _held(self, lease: Lease) -> Iterator[None]:
        with self._write():
            held = self._one(
                "SELECT 1 FROM runs WHERE job_id = ? AND generation = ? AND state = 'running'"
                " AND lease_token = ? AND lease_expires_at > ?",
                lease.job_id,
                lease.generation,
                lease.token,
                self._clock(),
            )
            if held is None:
                raise LeaseLost(f"the lease on {lease.key} has ended or is another delivery's")
            yield

    def _set(self, lease: Lease, assignments: str, *values: Any) -> None:
        self._db.execute(
            f"UPDATE runs SET {assignments} WHERE job_id = ? AND generation = ?",  # noqa: S608 (our own text)
            [*values, lease.job_id, lease.generation],
        )

    def _run(self, lease: Lease) -> RunRow:
        row = self._one(
            "SELECT * FROM runs WHERE job_id = ? AND generation = ?", lease.job_id, lease.generation
        )
        if row is None:
            raise LeaseLost(f"there is no run {lease.key}")
        return _run_row(row)

    def _all(
        self, sql: str, *values: Any, named: dict[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        given = named if named is not None else list(values)
        if self._writer == threading.get_ident():
            return _rows(self._db.execute(sql, given))
        with self._reading:
            return _rows(self._reader.execute(sql, given))

    def _one(self, sql: str, *values: Any) -> dict[str, Any] | None:
        rows = self._all(sql, *values)
        return rows[0] if rows else None


def _rows(cursor: sqlite3.Cursor) -> list[dict[str, Any]]:
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def _run_row(row: dict[str, Any]) -> RunRow:
    return RunRow(
        **{name: row[name] for name in RunRow.__dataclass_fields__ if name != "cancel_requested"},
        cancel_requested=bool(row["cancel_requested"]),
    )
