"""The SQLite store's schema, as steps that are never changed once they have shipped."""

from sqlite_utils import Database, Migrations

migrations = Migrations("coding-agent")


class NewerStore(RuntimeError):
    """A newer coding-agent wrote this store."""


def _first(db: Database) -> None:
    db.table("jobs").create(
        {
            "job_id": str,
            "repository": str,
            "issue_url": str,
            "body": str,
            "digest": str,
            "created_at": float,
        },
        pk="job_id",
    )
    db.table("runs").create(
        {
            "job_id": str,
            "generation": int,
            "replay_id": str,
            "repository": str,
            "issue_url": str,
            "body": str,
            "state": str,
            "outcome": str,
            "reason": str,
            "round": int,
            "tries": int,
            "deliveries": int,
            "crashes": int,
            "owner": str,
            "seconds": float,
            "cancel_requested": int,
            "created_at": float,
            "finished_at": float,
            "last_error": str,
            "lease_token": str,
            "lease_expires_at": float,
            "result": str,
            "event": str,
        },
        pk=("job_id", "generation"),
        not_null={"state", "body"},
        defaults={
            "state": "queued",
            "round": 1,
            "tries": 0,
            "deliveries": 0,
            "crashes": 0,
            "seconds": 0.0,
            "cancel_requested": 0,
        },
    )
    db.table("runs").create_index(["job_id", "replay_id"], unique=True)
    db.table("runs").create_index(["created_at"])
    db.table("history").create(
        {"job_id": str, "generation": int, "at": float, "what": str, "detail": str}
    )
    db.table("history").create_index(["job_id", "generation"])
    db.table("checkpoints").create(
        {
            "job_id": str,
            "generation": int,
            "round": int,
            "stage": str,
            "result": str,
            "offloaded": int,
            "seconds": float,
            "created_at": float,
        },
        pk=("job_id", "generation", "round", "stage"),
    )
    db.table("rounds").create(
        {"job_id": str, "generation": int, "number": int, "to_stage": str, "because": str},
        pk=("job_id", "generation", "number"),
    )
    db.table("effects").create(
        {
            "job_id": str,
            "generation": int,
            "name": str,
            "intention": str,
            "result": str,
            "created_at": float,
        },
        pk=("job_id", "generation", "name"),
    )
    db.table("calls").create(
        {
            "job_id": str,
            "generation": int,
            "key": str,
            "attempt": int,
            "state": str,
            "micro_usd": int,
            "reply_key": str,
            "model": str,
            "repository": str,
            "day": str,
            "created_at": float,
        },
        pk=("job_id", "generation", "key", "attempt"),
    )
    db.table("calls").create_index(["day", "repository"])
    db.table("outbox").create(
        {
            "event_id": str,
            "job_id": str,
            "generation": int,
            "type": str,
            "topic_arn": str,
            "body": str,
            "attributes": str,
            "created_at": float,
            "published_at": float,
        },
        pk="event_id",
    )
    db.table("outbox").create_index(["published_at", "created_at"])


def _notes(db: Database) -> None:
    db.table("rounds").add_column("note", str)


migrations(name="first")(_first)
migrations(name="notes of rounds")(_notes)


def migrate(db: Database) -> None:
    """Bring the schema up to date.

    Raises:
        NewerStore: it holds a step that this version does not know.
    """
    migrations.apply(db)
    known = {step.name for step in migrations._migrations}
    if unknown := [step.name for step in migrations.applied(db) if step.name not in known]:
        raise NewerStore(
            f"the store was written by a newer coding-agent (schema step {unknown[0]!r}): upgrade"
            " this one"
        )
