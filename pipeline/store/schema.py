"""The steps of the SQLite file's schema, and whether this version knows those of a file."""

from collections.abc import Collection

#: The table in which sqlite-utils notes the steps of a file, and the name of our steps in it.
STEPS_TABLE = "_sqlite_migrations"
STEP_SET = "coding-agent"

#: In the order in which they are applied.
STEPS = ("items", "views", "waiting columns", "finding runs")


class NewerStore(RuntimeError):
    """A newer coding-agent wrote this store."""


class OlderStore(RuntimeError):
    """The store has to be migrated before it can be read."""


class NotAStore(RuntimeError):
    """The file is empty, or somebody else's database."""


def refuse_unknown_steps(applied: Collection[str]) -> None:
    """Raise NewerStore if a file's schema contains a step that this version does not know."""
    for step in applied:
        if step not in STEPS:
            raise NewerStore(
                f"the store was written by a newer coding-agent (schema step {step!r}):"
                " upgrade this one"
            )
