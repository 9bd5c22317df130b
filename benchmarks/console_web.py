"""What the web console's pages cost over many runs: the time of a page, and its calls to DynamoDB.

    python -m benchmarks.console_web [--runs N] [--dynamodb-runs M] [--rounds R] [--json OUT]

Pages are requested from the application in this process, without a network. With SQLite, their
times are those that people wait for. With DynamoDB, moto answers in this process: only the calls
count there, in a table with 100 runs and in one with M. M is smaller than N, since moto reads
the whole table for each call: 10,000 runs take it a quarter of an hour. A page of moto's has some
250 runs, where one of DynamoDB's has 2,000: a filter that no run passes needs fewer calls than
here.
"""

import statistics
import tempfile
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from starlette.testclient import TestClient

from benchmarks import report
from benchmarks.arguments import make_parser
from benchmarks.stored_runs import fill_dynamodb, fill_sqlite
from console.web.access.authenticator import Authenticator
from console.web.app import create_app
from console.web.services import Services
from pipeline.artifacts.folder import FolderArtifacts
from pipeline.budget import EffectiveLimits
from pipeline.store.dynamodb import DynamoStore
from pipeline.store.reader import StoreReader
from pipeline.store.sqlite_reader import SqliteReader
from pipeline.telemetry.redaction import Redactor
from pipeline.template_sets import TemplateSets
from tests.stand_ins.moto import moto_client

#: Runs in the first of the two tables whose calls are compared.
FEW_RUNS = 100


@dataclass(frozen=True)
class Request:
    """One request of a page."""

    store: str
    runs: int
    page: str
    seconds: float
    bytes: int
    calls: int
    """To DynamoDB."""


def open_browser(store: StoreReader, folder: Path) -> TestClient:
    """Return a client of a console over the store."""
    services = Services(
        store=store,
        artifacts=FolderArtifacts(folder / "artifacts"),
        template_sets=TemplateSets(FolderArtifacts(folder / "template-sets")),
        queue=None,
        dead_letters=None,
        allow_actions=False,
        ceiling=EffectiveLimits(max_cost_usd=3.0, max_minutes=60, max_rounds=4),
        redact=Redactor(["a-secret-of-the-deployment"]),
        clock=time.time,
    )
    authenticator = Authenticator([], clock=time.time, monotonic=time.monotonic)
    return TestClient(create_app(services, authenticator), base_url="http://127.0.0.1:8081")


def pages(store: StoreReader) -> dict[str, str]:
    """Return the address of each page, by name."""
    newest = store.runs(limit=50)
    run = newest[0]
    return {
        "list": "/",
        "older": f"/?before={newest[-1].place.replace('#', '%23')}",
        "no matches": "/?model=nobody-knows-it",
        "running": "/running",
        "run": f"/runs/{run.job_id}/{run.generation}",
        "search": f"/search?q={run.job_id[:8]}",
        "spend": "/spend",
        "templates": "/templates",
    }


def request_pages(
    store: StoreReader, name: str, runs: int, rounds: int, calls: list[str]
) -> Iterable[Request]:
    """Request each page ``rounds`` times. ``calls`` grows with each call to DynamoDB."""
    with tempfile.TemporaryDirectory(prefix="console-web-") as folder:
        browser = open_browser(store, Path(folder))
        for page, address in pages(store).items():
            for _ in range(rounds):
                calls.clear()
                started = time.perf_counter()
                response = browser.get(address)
                seconds = time.perf_counter() - started
                response.raise_for_status()
                yield Request(name, runs, page, seconds, len(response.content), len(calls))


def measure_sqlite(runs: int, rounds: int) -> list[Request]:
    with tempfile.TemporaryDirectory(prefix="console-web-") as folder:
        path = Path(folder) / "store.sqlite"
        fill_sqlite(path, runs)
        store = SqliteReader(path)
        try:
            return list(request_pages(store, "sqlite", runs, rounds, []))
        finally:
            store.close()


def measure_dynamodb(runs: int) -> list[Request]:
    client = moto_client("dynamodb")
    name = f"console-web-{runs}"
    fill_dynamodb(client, name, runs)
    calls: list[str] = []
    client.meta.events.register("before-call.dynamodb", lambda model, **_: calls.append(model.name))
    return list(request_pages(DynamoStore(name, client=client), "dynamodb", runs, 1, calls))


def summarise(requests: list[Request]) -> dict[str, float]:
    summary: dict[str, float] = {}
    grouped: dict[tuple[str, int, str], list[Request]] = {}
    for request in requests:
        grouped.setdefault((request.store, request.runs, request.page), []).append(request)
    for (store, runs, page), own in grouped.items():
        name = f"{store}_{page.replace(' ', '_')}"
        if store == "dynamodb":
            summary[f"{name}_calls_of_{runs}"] = own[0].calls
        else:
            summary[f"{name}_seconds"] = statistics.median(request.seconds for request in own)
            summary[f"{name}_bytes"] = own[0].bytes
    return summary


def main(arguments: list[str] | None = None) -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--dynamodb-runs", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    requests = [
        *measure_sqlite(options.runs, options.rounds),
        *measure_dynamodb(FEW_RUNS),
        *measure_dynamodb(options.dynamodb_runs),
    ]
    summary = summarise(requests)
    rows = [asdict(request) for request in requests]
    lines = [list(row.values()) for row in rows]
    columns = ["store", "runs", "page", "seconds", "bytes", "calls"]
    report.show("console_web", columns, lines, summary)
    report.write(report.report("console_web", summary, rows), options.json)


if __name__ == "__main__":
    main()
