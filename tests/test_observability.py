"""The tables of docs/observability.md list what is emitted."""

import re
from pathlib import Path

from pipeline.metrics import INSTRUMENTS, LOGGED, PROMETHEUS_ONLY
from pipeline.telemetry import names

TEXT = (Path(__file__).parents[1] / "docs/observability.md").read_text()


def first_column(header: str) -> list[str]:
    """Return the first cell of each row of the table that begins with ``header``."""
    _, _, rest = TEXT.partition(f"\n{header}")
    table, _, _ = rest.partition("\n\n")
    rows = table.splitlines()[2:]
    return [row.split("|")[1].strip() for row in rows]


def test_every_span_is_listed():
    listed = [cell.strip("`") for cell in first_column("| span | kind |")]
    assert listed == [
        names.RUN,
        names.DELIVERY,
        names.ROUND,
        names.stage_span("NAME"),
        names.STEP,
        names.model_span("MODEL"),
        names.git_span("COMMAND"),
        names.SANDBOX,
    ]


def test_every_attribute_is_listed():
    constants = {value for name, value in vars(names).items() if name.isupper()}
    attributes = {value for value in constants if "." in value}
    listed = re.findall(r"`([^`]+)`", " ".join(first_column("| attribute | on |")))
    assert sorted(listed) == sorted(attributes)


def test_every_metric_is_listed_with_its_kind_label_and_meaning():
    for instrument in INSTRUMENTS:
        label = f"`{instrument.labels[0]}`" if instrument.labels else ""
        meaning = instrument.meaning
        if instrument in PROMETHEUS_ONLY:
            meaning += "; Prometheus only"
        if instrument in LOGGED:
            meaning += "; log and Prometheus"
        row = f"| `{instrument.name}` | {instrument.kind} | {label} | {meaning} |"
        assert row in TEXT
    assert len(first_column("| metric | kind |")) == len(INSTRUMENTS)
