"""The SQLite store's schema, as migration steps that never change once shipped.

The program reads and writes ``items`` and ``counters``. The views are for people, with a column for
each value: in Datasette, with sqlite-utils, or in the sqlite3 shell.
"""

import json
from typing import Any

from sqlite_utils import Database, Migrations

from pipeline.store.schema import STEP_SET, STEPS, refuse_unknown_steps

migrations = Migrations(STEP_SET)

#: The prefix and the columns of each view: its rows are the items whose sort key has the prefix.
_VIEWS = {
    "runs": (
        "run#",
        "job_id generation replay_id repository issue_url body state outcome reason round tries"
        " deliveries crashes owner seconds cancel_requested created_at finished_at last_error"
        " lease_token lease_expires_at result event",
    ),
    "history": ("history#", "job_id generation at what detail"),
    "checkpoints": (
        "checkpoint#",
        "job_id generation round stage result offloaded seconds created_at",
    ),
    "rounds": ("round#", "job_id generation number to because note"),
    "effects": ("effect#", "job_id generation name intention result created_at"),
    "calls": (
        "call#",
        "job_id generation key attempt state micro_usd reply_key model repository day created_at",
    ),
    "events": (
        "event",
        "event_id job_id generation type topic_arn body attributes created_at published_at",
    ),
}

#: Columns added to these views later.
_WAITING_COLUMNS = {
    "runs": "waits waiting_since dead_lettered",
    "events": "tries due_at last_error",
}

#: Columns added to these views by the step "finding runs".
_FINDING_COLUMNS = {
    "runs": "micro_usd model template_set traceparent",
    "calls": "owner ended_at",
    "rounds": "created_at seconds",
}


def _items(db: Database) -> None:
    columns = {"pk": str, "sk": str, "data": str, "listing": str, "listed_at": str}
    items = db.table("items").create(columns, pk=("pk", "sk"), not_null={"data"})
    items.create_index(["listing", "listed_at"])
    counters = {"pk": str, "sk": str, "value": int}
    db.table("counters").create(counters, pk=("pk", "sk"), not_null={"value"})


def _views(db: Database) -> None:
    for name, (prefix, columns) in _VIEWS.items():
        _create_view(db, name, prefix, columns.split())


def _waiting_columns(db: Database) -> None:
    for name, more in _WAITING_COLUMNS.items():
        prefix, columns = _VIEWS[name]
        _create_view(db, name, prefix, columns.split() + more.split())


def _create_view(db: Database, name: str, prefix: str, columns: list[str]) -> None:
    selected = ", ".join(f"json_extract(data, '$.{column}') AS \"{column}\"" for column in columns)
    condition = f"sk >= '{prefix}' AND sk < '{prefix}\U0010ffff'"
    query = f"SELECT {selected} FROM items WHERE {condition}"  # noqa: S608 (our own names)
    db.create_view(name, query, replace=True)


def _finding_runs(db: Database) -> None:
    """Let runs be found by the beginning of their job's id, and by the numbers of their issue and
    pull request; show what each has cost, and when its parts ended.
    """
    db.execute(
        "UPDATE items SET listing = 'job', listed_at = json_extract(data, '$.job_id')"
        " WHERE sk = 'job'"
    )
    runs = db.execute("SELECT data FROM items WHERE listing = 'run'").fetchall()
    for (text,) in runs:
        _insert_numbers(db, json.loads(text))
    for name, more in _FINDING_COLUMNS.items():
        prefix, columns = _VIEWS[name]
        earlier = _WAITING_COLUMNS.get(name, "")
        _create_view(db, name, prefix, f"{columns} {earlier} {more}".split())


def _insert_numbers(db: Database, run: dict[str, Any]) -> None:
    numbers = [int(run["issue_url"].rpartition("/")[2])]
    result = json.loads(run["result"] or "{}")
    pull_request_number = result.get("pull_request_number")
    # A rejected run names the pull request of somebody else.
    if pull_request_number is not None and run["outcome"] != "rejected":
        numbers.append(pull_request_number)
    names = ("job_id", "generation", "issue_url", "created_at")
    data = json.dumps({name: run[name] for name in names})
    time = f"{run['created_at']:017.6f}"
    sort = f"{run['repository'].lower()}#{time}#{run['job_id']}#{run['generation']:06d}"
    for number in numbers:
        values = (f"number#{number}", sort, data)
        db.execute("INSERT OR REPLACE INTO items (pk, sk, data) VALUES (?, ?, ?)", values)


_FUNCTIONS = (_items, _views, _waiting_columns, _finding_runs)
for _step, _function in zip(STEPS, _FUNCTIONS, strict=True):
    migrations(name=_step)(_function)


def migrate(db: Database) -> None:
    """Bring the schema up to date.

    Raises:
        NewerStore: it contains a step that this version does not know.
    """
    migrations.apply(db)
    refuse_unknown_steps([step.name for step in migrations.applied(db)])
