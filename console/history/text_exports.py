"""The history's runs as lines of text: JSON lines for programs, CSV for spreadsheets."""

import csv
from collections.abc import Iterable
from typing import TextIO

from console.history.records import RUNS, RunRecord

#: A spreadsheet takes a cell that begins with one of these for a formula, which can send the
#: sheet's content elsewhere (https://owasp.org/www-community/attacks/CSV_Injection).
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write_json_lines(records: Iterable[RunRecord], file: TextIO) -> None:
    """Write each run as a JSON object on a line."""
    for record in records:
        file.write(f"{record.model_dump_json()}\n")


def write_csv(records: Iterable[RunRecord], file: TextIO) -> None:
    """Write a line with the names of the columns, then one for each run."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(RUNS.columns)
    for record in records:
        writer.writerow([_cell(value) for value in record.model_dump().values()])


def _cell(value: object) -> object:
    """Return a value that no spreadsheet takes for a formula: a text that looks like one begins
    with an apostrophe.
    """
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value
