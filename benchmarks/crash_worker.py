"""The crash run's workers: real ones, with a small pipeline whose effects the world counts.

As a program it is the warm parent that they are forked from: it reads one JSON object a line, a
Setting, and answers with the new worker's process id, or ``{"end": id, "signal": n}``, and answers
how that worker ended. When its input ends, it kills what still runs."""

import asyncio
import functools
import hashlib
import json
import logging
import os
import signal
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from benchmarks.crash_world import MAX_ROUNDS, SLOW
from pipeline import telemetry
from pipeline.artifacts.folder import FolderArtifacts
from pipeline.budget import EffectiveLimits
from pipeline.engine.deps import EngineDeps
from pipeline.engine.engine import Engine
from pipeline.errors import Retry
from pipeline.model import ModelReply
from pipeline.model.failures import Failure, ModelError
from pipeline.outcome import Facts, Outcome
from pipeline.policy import Policy
from pipeline.queue import SqsQueue, delivery
from pipeline.stage import Back, Pipeline, RunContext, Stop
from pipeline.store.sqlite import SqliteStore
from pipeline.worker.options import WorkerOptions, WorkerTools
from pipeline.worker.outbox import Publisher
from pipeline.worker.worker import Worker

#: Seconds that a call to the world may take.
PATIENCE = 10.0


class Setting(BaseModel):
    """``shared`` holds the store and the artifacts, ``data`` is this worker's alone. Times are in
    seconds.
    """

    environment: dict[str, str]
    queue_url: str
    topic_arn: str
    world: str
    shared: Path
    data: Path
    concurrency: int
    visibility: int
    longest: float
    """SQS's 12 hours, scaled down, as the worker knows them."""
    poll: int


class Refused(Exception):
    """The world said no, for good."""


class World:
    """Blocking calls, made in threads."""

    def __init__(self, url: str):
        self._url = url

    async def ask(self, place: str, run: RunContext, **asked: Any) -> dict[str, Any]:
        told = {
            "number": run.job.issue.number,
            "job_id": run.job_id,
            "generation": run.generation,
        } | asked
        return await asyncio.to_thread(self._ask, place, json.dumps(told).encode())

    def _ask(self, place: str, body: bytes) -> dict[str, Any]:
        try:
            with urllib.request.urlopen(f"{self._url}/{place}", body, PATIENCE) as answer:
                told: dict[str, Any] = json.loads(answer.read())
                return told
        except urllib.error.HTTPError as error:
            if error.code == 503:
                raise Unavailable(place, 0.0) from error
            raise Refused(f"{place}: {error.code}") from error
        except OSError as error:  # the connection broke, perhaps after the effect
            raise Retry(f"{place}: {error}", 0.0) from error


class Unavailable(Retry):
    """The world did nothing."""


class Issue(BaseModel):
    kind: str


class Tree(BaseModel):
    sha: str


class Patch(BaseModel):
    text: str
    artifact: str

    def facts(self) -> Facts:
        return Facts(artifacts={"patch": self.artifact})


class Verdict(BaseModel):
    sha: str


class Fetch:
    name = "fetch"

    def __init__(self, world: World):
        self._world = world

    async def run(self, run: RunContext) -> Issue | Stop:
        kind = (await self._world.ask("issue", run))["kind"]
        if kind == "closed":
            return Stop(Outcome.REJECTED, "the issue is closed")
        return Stop(Outcome.NEEDS_INFO, "what is wrong?") if kind == "unclear" else Issue(kind=kind)


class Checkout:
    """Leaves local state, which the next worker does not have."""

    name = "checkout"

    async def run(self, issue: Issue, run: RunContext) -> Tree:
        await _labour(issue)
        tree = Tree(sha=hashlib.sha256(run.job_id.encode()).hexdigest())
        self._write(tree, run)
        return tree

    async def restore(self, result: Tree, run: RunContext) -> None:
        self._write(result, run)

    def _write(self, tree: Tree, run: RunContext) -> None:
        with (run.workspace / "tree").open("x") as file:  # it must not be there
            file.write(tree.sha)


class Propose:
    name = "propose"

    def __init__(self, world: World):
        self._world = world

    async def run(self, issue: Issue, tree: Tree, run: RunContext) -> Patch:
        _check(tree, run)
        key = f"propose/{run.round}"
        try:
            reply = await run.ledger.buy(
                key, model="m", worst_usd=0.01, call=functools.partial(self._buy, key, run)
            )
        except ModelError as error:
            raise error.verdict() from error
        return Patch(text=reply.content, artifact=await run.save("patch", reply.content))

    async def _buy(self, key: str, run: RunContext) -> ModelReply:
        try:
            text = (await self._world.ask("model", run, key=key))["text"]
        except Unavailable as error:
            raise ModelError(Failure.RATE_LIMIT, str(error), charged=False, delay=0.0) from error
        return ModelReply(
            content=text,
            finish_reason="stop",
            model="m",
            prompt_tokens=1,
            completion_tokens=1,
            cost_usd=0.001,
        )


class Test:
    name = "test"

    def __init__(self, world: World):
        self._world = world

    async def run(self, issue: Issue, tree: Tree, patch: Patch, run: RunContext) -> Verdict | Back:
        _check(tree, run)
        await _labour(issue)
        asked = {"text": patch.text, "key": f"propose/{run.round}", "round": run.round}
        if not (await self._world.ask("test", run, **asked))["passed"]:
            return Back("propose", "the test fails")
        return Verdict(sha=hashlib.sha256((tree.sha + patch.text).encode()).hexdigest())


class Open:
    name = "open"

    def __init__(self, world: World):
        self._world = world

    async def run(self, tree: Tree, verdict: Verdict, run: RunContext) -> Stop:
        _check(tree, run)
        if run.job.options.dry_run:
            return Stop(Outcome.PROPOSED, "as asked")
        ask = functools.partial(self._world.ask, run=run)
        branch = f"fix/{run.job_id}"
        commit = await run.intend("push", {"branch": branch, "sha": verdict.sha})
        if (there := (await ask("branch", branch=branch))["sha"]) != commit["sha"]:
            await ask("push", branch=branch, sha=commit["sha"], expected=there)
        await run.record("push", {"sha": commit["sha"]})
        await run.intend("pull_request", {"branch": branch})
        numbers = (await ask("pulls", branch=branch))["numbers"]
        number = numbers[0] if numbers else (await ask("pull", branch=branch))["number"]
        await run.record("pull_request", {"number": number})
        return Stop(
            Outcome.PR_OPENED,
            f"pull request #{number}",
            Facts(branch=branch, pull_request_number=number),
        )


async def _labour(issue: Issue) -> None:
    if issue.kind == "slow":
        await asyncio.sleep(SLOW)


def _check(tree: Tree, run: RunContext) -> None:
    found = (run.workspace / "tree").read_text()
    if found != tree.sha:
        raise AssertionError(f"another run's tree is in this workspace: {found}")


async def work(setting: Setting) -> None:
    """Until it is killed, or told to stop."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    delivery.MAX_VISIBILITY = setting.longest
    world = World(setting.world)
    store = SqliteStore(setting.shared / "store.sqlite")
    pipeline = Pipeline(
        [Fetch(world), Checkout(), Propose(world), Test(world), Open(world)], admitted_after="fetch"
    )
    policy = Policy(EffectiveLimits(1000.0, 600.0, MAX_ROUNDS), 1e6, 1e6, setting.topic_arn)
    artifacts = FolderArtifacts(setting.shared / "artifacts")
    engine = Engine(
        EngineDeps(
            pipeline=pipeline,
            store=store,
            artifacts=artifacts,
            policy=policy,
            workspaces=setting.data / "runs",
            observer=lambda _: None,
        )
    )
    queue = SqsQueue(setting.queue_url, visibility_timeout=setting.visibility)
    async with queue, Publisher(store, policy.topic_of, interval=0.5) as publisher:
        options = WorkerOptions(
            setting.concurrency,
            setting.visibility,
            heartbeat_seconds=setting.visibility / 4,
            poll_seconds=setting.poll,
            max_crashes=10**9,
        )
        worker = Worker(WorkerTools(queue, store, engine, publisher), options)
        await worker.run(stop)
    store.close()


def warm() -> None:
    """Have AWS's libraries imported and their files read, so that a worker starts in a tenth of a
    second.
    """
    import aioboto3
    import boto3
    import botocore.loaders
    import botocore.session

    loader = botocore.loaders.create_loader()
    botocore.session.create_loader = lambda *_: loader
    access = {
        "region_name": "eu-central-1",
        "aws_access_key_id": "none",
        "aws_secret_access_key": "none",
    }
    boto3.session.Session().client("sqs", **access)

    async def open_clients() -> None:
        for service in ("sqs", "sns"):
            async with aioboto3.Session().client(service, **access):
                pass

    asyncio.run(open_clients())


def main() -> None:
    warm()
    children: set[int] = set()
    print("ready", flush=True)
    try:
        for line in sys.stdin:
            asked = json.loads(line)
            if "end" in asked:
                print(_end(asked["end"], children, asked["signal"]), flush=True)
                continue
            child = os.fork()
            if child == 0:
                _become(Setting.model_validate(asked))
            children.add(child)
            print(child, flush=True)
    finally:
        for child in [*children]:
            _end(child, children, signal.SIGKILL)


def _end(child: int, children: set[int], number: int) -> int:
    """Gives how it ended: the negative signal, or its exit status where it had ended by itself."""
    children.remove(child)
    os.kill(child, number)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _become(setting: Setting) -> None:
    """The child's life. It never returns."""
    status = 1
    try:
        os.environ |= setting.environment
        with (setting.shared / f"{setting.data.name}.log").open("w") as log:
            telemetry.configure(as_json=True, stream=log)
            asyncio.run(work(setting))
        status = 0
    except BaseException:
        logging.getLogger("worker").exception("a worker died by itself")
    finally:
        os._exit(status)


if __name__ == "__main__":
    main()
