"""A stored run, and templates to repeat it with."""

import json
from pathlib import Path

from tests.cli.console import Console, Sample


def edit(folder: Path, name: str, old: str, new: str) -> None:
    file = folder / f"{name}.md.j2"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def stored(console: Console, sample: Sample) -> str:
    """Finish a run; return its job id."""
    result = console.run(*sample.fix, "--json")
    return str(json.loads(result.stdout)["data"]["job_id"])
