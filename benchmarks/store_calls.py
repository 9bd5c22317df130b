"""How often a job asks AWS's store and topic: the calls to DynamoDB and SNS, counted by operation.

    python -m benchmarks.store_calls [--jobs N] [--json OUT]

Jobs that stop in their first stage, and jobs that go through all stages up to their pull request
(strategy ``single``), run one after the other with a DynamoDB of moto's. Then their events are
published to the strict stand-in, as a worker does it. A batch counts as one call.
"""

import asyncio
import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks import report
from benchmarks.arguments import make_parser
from benchmarks.throughput_runs import Nothing
from cli import backends, wiring
from pipeline import settings as config
from pipeline.artifacts.folder import FolderArtifacts
from pipeline.budget import EffectiveLimits
from pipeline.engine.deps import EngineDeps
from pipeline.engine.engine import Ended, Engine
from pipeline.job import FIX_ISSUE, FixIssueJob
from pipeline.policy import Policy
from pipeline.stage import Pipeline
from pipeline.store.contract import Claimed, Submission
from pipeline.store.dynamodb import DynamoStore, table_definition
from pipeline.worker.outbox import Publisher
from tests.end_to_end.service import FILES, FIX, ISSUE
from tests.stand_ins.aws import Aws
from tests.stand_ins.github import WRITE_TOKEN, GithubStandIn
from tests.stand_ins.moto import moto_client
from tests.stand_ins.strict_aws import StrictAws

#: Moto answers for it, in this process; the strict stand-in has no tables.
DYNAMODB = "https://dynamodb.us-east-1.amazonaws.com"
#: Longer than a job takes: heartbeats are not counted.
LEASE_SECONDS = 300.0
PUBLISHING = ("Publish", "PublishBatch")


class CountedStore(DynamoStore):
    """A store on moto that counts its calls by operation."""

    def __init__(self, table: str):
        client = moto_client("dynamodb", endpoint_url=DYNAMODB)
        client.create_table(**table_definition(table))
        self.requests: Counter[str] = Counter()
        client.meta.events.register("before-call.dynamodb", self._count)
        super().__init__(table, client=client)

    def _count(self, model: Any, **_: Any) -> None:
        self.requests[model.name] += 1


async def count_empty_jobs(folder: Path, server: StrictAws, jobs: int) -> Counter[str]:
    store = CountedStore("empty")
    before = server.calls.copy()
    topic = Aws(server.endpoint).make_topic()
    policy = Policy(EffectiveLimits(1.0, 30.0, 3), 100.0, 100.0, topic.arn)
    deps = EngineDeps(
        {FIX_ISSUE: Pipeline([Nothing()], admitted_after="nothing")},
        store,
        FolderArtifacts(folder / "artifacts"),
        policy,
        folder / "runs",
        lambda _: None,
    )
    addresses = [f"https://github.com/octo/repo/issues/{number + 1}" for number in range(jobs)]
    await run_jobs(addresses, store, Engine(deps), policy)
    return store.requests + count_publishing(before, server)


async def count_fixes(folder: Path, server: StrictAws, jobs: int) -> Counter[str]:
    store = CountedStore("fix")
    before = server.calls.copy()
    topic = Aws(server.endpoint).make_topic()
    with GithubStandIn(folder) as github:
        addresses = []
        for number in range(jobs):
            repository = f"octo/calc-{number}"
            github.add_repository(repository, FILES)
            issue = github.add_issue(repository, *ISSUE)
            addresses.append(github.issue_url(repository, issue))
        settings = config.load(
            {
                "data_dir": folder / "data",
                "model": f"scripted:{folder}/reply.md",
                "strategy": "single",
                "topic_arn": topic.arn,
                "github_api_url": github.api_url,
                "github_token": WRITE_TOKEN,
            }
        )
        app = wiring.build(settings, backends.github_forge(settings), store=store)
        await run_jobs(addresses, store, app.engine, app.policy)
    return store.requests + count_publishing(before, server)


async def run_jobs(
    addresses: list[str], store: DynamoStore, engine: Engine, policy: Policy
) -> None:
    """Run a job for each issue, then publish the events of all."""
    for address in addresses:
        submission = Submission.of(FixIssueJob(issue_url=address))
        claim = store.claim(submission, lease_seconds=LEASE_SECONDS)
        assert isinstance(claim, Claimed)
        answer = await engine.execute(claim)
        assert isinstance(answer, Ended), answer
    async with Publisher(store, policy.topic_of) as publisher:
        await publisher.drain()


def count_publishing(before: Counter[str], server: StrictAws) -> Counter[str]:
    calls = server.calls - before
    return Counter({name: calls[name] for name in PUBLISHING if calls[name]})


def main(arguments: list[str] | None = None) -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--jobs", type=int, default=10, help="of each kind")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    rows = []
    summary = {}
    with tempfile.TemporaryDirectory(prefix="store-calls-") as folder, StrictAws() as server:
        (Path(folder) / "reply.md").write_text(FIX)
        with patch.dict(os.environ, Aws(server.endpoint).environment):
            for kind, count in (("empty", count_empty_jobs), ("fix", count_fixes)):
                calls = asyncio.run(count(Path(folder), server, options.jobs))
                summary[f"{kind}_calls_per_job"] = calls.total() / options.jobs
                for name, number in sorted(calls.items()):
                    rows.append({"job": kind, "call": name, "per_job": number / options.jobs})
    result = report.report("store_calls", summary, rows)
    columns = list(rows[0])
    lines = [[row[column] for column in columns] for row in rows]
    report.show("store_calls", columns, lines, summary)
    report.write(result, options.json)


if __name__ == "__main__":
    main()
