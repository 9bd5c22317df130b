"""The folder of a measurement: what was measured, its rows, its predictions, and its runs.

It is written after each instance, so that a measurement that was stopped can be continued.
"""

import fcntl
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from benchmarks.predictions import predictions
from benchmarks.solve_rows import UNFINISHED, Row
from pipeline.artifacts.folder import FolderArtifacts

PARAMETERS = "measurement.json"
ROWS = "rows.jsonl"
PREDICTIONS = "predictions.jsonl"


class UnusableFolder(Exception):
    """The folder is in use, or belongs to another measurement; the message says what to do."""


class Measurement:
    """A measurement in its folder, which it locks for this process."""

    def __init__(
        self, folder: Path, parameters: Mapping[str, Any], *, name: str, tests_in_predictions: bool
    ):
        """Args:
        folder: where everything is stored; it may hold an earlier part of the same measurement.
        parameters: what the results depend on.
        name: what the predictions are listed under.
        tests_in_predictions: whether the predictions contain changes to tests.

        Raises:
            UnusableFolder: another process uses it, or it was measured with other parameters.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder.resolve()
        self._files = FolderArtifacts(self.folder)
        self._name = name
        self._tests_in_predictions = tests_in_predictions
        self._lock = _lock(self.folder)
        self._check_parameters(parameters)
        self._rows = self._read_rows()
        self._write_all()

    def of_instance(self, instance_id: str) -> Path:
        """Return the folder of one instance, which is created if necessary."""
        folder = self.folder / "instances" / instance_id
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def row(self, instance_id: str) -> Row | None:
        return self._rows.get(instance_id)

    def is_finished(self, instance_id: str) -> bool:
        """Return whether the instance needs no further work. A failed one is tried again."""
        row = self._rows.get(instance_id)
        return row is not None and row.outcome not in UNFINISHED

    def add(self, row: Row) -> None:
        """Write a row, and the predictions with it."""
        self._rows[row.instance_id] = row
        self._write_all()

    def close(self) -> None:
        os.close(self._lock)

    def _check_parameters(self, parameters: Mapping[str, Any]) -> None:
        file = self.folder / PARAMETERS
        if not file.exists():
            text = json.dumps(parameters, indent=1, sort_keys=True)
            self._files.put(PARAMETERS, f"{text}\n".encode())
            return
        earlier = json.loads(file.read_text(encoding="utf-8"))
        differences: list[str] = []
        for parameter in sorted({*earlier, *parameters}):
            old = earlier.get(parameter)
            new = parameters.get(parameter)
            if old != new:
                differences.append(f"{parameter} was {old!r} and is now {new!r}")
        if differences:
            raise UnusableFolder(
                f"{self.folder} holds another measurement: {'; '.join(differences)}."
                " Use another folder for --out, or the same parameters"
            )

    def _read_rows(self) -> dict[str, Row]:
        file = self.folder / ROWS
        if not file.exists():
            return {}
        rows: dict[str, Row] = {}
        for line in file.read_text(encoding="utf-8").split("\n"):
            if line:
                row = Row.model_validate_json(line)
                rows[row.instance_id] = row
        return rows

    def _sorted_rows(self) -> list[Row]:
        return [self._rows[name] for name in sorted(self._rows)]

    def _write_all(self) -> None:
        # The rows first: the predictions can be written again from them.
        self._write(ROWS, self._sorted_rows())
        self._write_predictions()

    def _write_predictions(self) -> None:
        finished = [row for row in self._sorted_rows() if row.outcome not in UNFINISHED]
        lines = predictions(finished, name=self._name, tests=self._tests_in_predictions)
        self._write(PREDICTIONS, lines)

    def _write(self, name: str, lines: Sequence[BaseModel]) -> None:
        text = "".join(f"{line.model_dump_json()}\n" for line in lines)
        self._files.put(name, text.encode())


def _lock(folder: Path) -> int:
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise UnusableFolder(f"another process is measuring in {folder}") from error
    return descriptor
