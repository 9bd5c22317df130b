"""The table and the document that benchmarks produce."""

import io
import json
from pathlib import Path

from rich.console import Console

from benchmarks.report import report, show, write


def test_the_document_has_the_fields_of_the_design(tmp_path: Path) -> None:
    results = report("solve", {"instances": 1}, [{"instance_id": "a"}])
    write(results, tmp_path / "out.json")
    read = json.loads((tmp_path / "out.json").read_text())
    assert set(read) == {"benchmark", "commit", "machine", "summary", "rows"}
    assert (read["benchmark"], read["summary"], read["rows"]) == (
        "solve",
        {"instances": 1},
        [{"instance_id": "a"}],
    )


def test_brackets_are_printed_literally() -> None:
    out = io.StringIO()
    show(
        "solve",
        ["test"],
        [["t::a[bold]"], [None], [0.5]],
        {"share": 0.5},
        console=Console(file=out),
    )
    assert "t::a[bold]" in out.getvalue()
    assert out.getvalue().splitlines()[-1] == "share 0.5"
