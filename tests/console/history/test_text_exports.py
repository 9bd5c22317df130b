"""The history as JSON lines and as CSV."""

import csv
import io
import json

import pytest

from console.history.records import RUNS, RunRecord
from console.history.text_exports import write_csv, write_json_lines
from tests.console.history.records import record


def csv_rows(*records: RunRecord) -> list[dict[str, str]]:
    file = io.StringIO()
    write_csv(records, file)
    return list(csv.DictReader(io.StringIO(file.getvalue())))


def test_json_lines_have_all_columns_and_null_for_no_value() -> None:
    file = io.StringIO()
    write_json_lines([record(), record(outcome="no_fix")], file)
    first, second = [json.loads(line) for line in file.getvalue().splitlines()]
    assert list(first) == RUNS.columns
    assert (first["outcome"], second["outcome"]) == (None, "no_fix")


def test_csv_has_a_heading_and_an_empty_cell_for_no_value() -> None:
    (row,) = csv_rows(record(reason='a "quoted", reason'))
    assert list(row) == RUNS.columns
    assert (row["reason"], row["outcome"], row["cost_usd"]) == ('a "quoted", reason', "", "0.5")


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_no_cell_is_a_formula_in_a_spreadsheet(start: str) -> None:
    formula = f"{start}HYPERLINK(A1)"
    (row,) = csv_rows(record(reason=formula, branch=formula, repository=formula))
    assert {row["reason"], row["branch"], row["repository"]} == {f"'{formula}"}


def test_a_negative_number_stays_a_number() -> None:
    (row,) = csv_rows(record(seconds=-1.5))
    assert row["seconds"] == "-1.5"
