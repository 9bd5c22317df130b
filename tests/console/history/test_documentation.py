"""docs/history.md describes every column of every table."""

import re
from pathlib import Path

import pytest

from console.history.records import PARTS, RUNS, Table

DOCS = (Path(__file__).parents[3] / "docs/history.md").read_text()


def columns_in_docs(table: Table) -> list[tuple[str, str]]:
    """Return the rows of the table in the section about it: (column, description)."""
    section = DOCS.partition(f"\n### `{table.name}`\n")[2].partition("\n### ")[0]
    return re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE)


@pytest.mark.parametrize("table", [RUNS, *PARTS], ids=lambda table: table.name)
def test_each_column_is_described_in_the_words_of_the_code(table: Table) -> None:
    described = [
        (name, field.description or "") for name, field in table.record.model_fields.items()
    ]
    assert columns_in_docs(table) == described
