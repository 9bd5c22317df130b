"""The crash benchmark's workers: real ones, with a small pipeline whose effects the world counts.

Run as a program, this is the warm parent process from which they are forked. It reads one JSON
object per line: a Setting, answered with the new worker's process id, or ``{"end": id, "signal":
n}``, answered with the worker's exit code. When its input ends, it kills the remaining workers.
"""

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
from pipeline.aws import async_session, session
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
    """A worker's configuration. Times are in seconds.

    ``shared`` contains the store and the artifacts; ``data`` is only for this worker.
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
    """The worker's ``MAX_VISIBILITY``: SQS's 12 hours, scaled down."""
    poll: int


class Refused(Exception):
    """The world refused permanently."""


class World:
    """A client of the world, whose blocking calls run in threads."""

    def __init__(self, url: str):
        self._url = url

    async def ask(self, service: str, run: RunContext, **content: Any) -> dict[str, Any]:
        request = {
            "number": run.job.issue.number,
            "job_id": run.job_id,
            "generation": run.generation,
            **content,
        }
        return await asyncio.to_thread(self._ask, service, json.dumps(request).encode())

    def _ask(self, service: str, body: bytes) -> dict[str, Any]:
        try:
            with urllib.request.urlopen(f"{self._url}/{service}", body, PATIENCE) as response:
                answer: dict[str, Any] = json.loads(response.read())
                return answer
        except urllib.error.HTTPError as error:
            if error.code == 503:
                raise Unavailable(service, 0.0) from error
            raise Refused(f"{service}: {error.code}") from error
        except OSError as error:  # the connection broke, perhaps after the effect
            raise Retry(f"{service}: {error}", 0.0) from error


class Unavailable(Retry):
    """The world refused for now, without any effect."""


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
        issue = Issue.model_validate(await self._world.ask("issue", run))
        if issue.kind == "closed":
            return Stop(Outcome.REJECTED, "the issue is closed")
        if issue.kind == "unclear":
            return Stop(Outcome.NEEDS_INFO, "what is wrong?")
        return issue


class Checkout:
    """A stage with local state, which the next worker does not have."""

    name = "checkout"

    async def run(self, issue: Issue, run: RunContext) -> Tree:
        await _take_time(issue)
        tree = Tree(sha=hashlib.sha256(run.job_id.encode()).hexdigest())
        self._write(tree, run)
        return tree

    async def restore(self, result: Tree, run: RunContext) -> None:
        self._write(result, run)

    def _write(self, tree: Tree, run: RunContext) -> None:
        with (run.workspace / "tree").open("x") as file:  # the file must not exist yet
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
            answer = await self._world.ask("model", run, key=key)
        except Unavailable as error:
            raise ModelError(Failure.RATE_LIMIT, str(error), charged=False, delay=0.0) from error
        return ModelReply(
            content=answer["text"],
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
        await _take_time(issue)
        key = f"propose/{run.round}"
        answer = await self._world.ask("test", run, text=patch.text, key=key, round=run.round)
        if not answer["passed"]:
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
        branch = f"fix/{run.job_id}"
        await self._push(branch, verdict.sha, run)
        number = await self._open_pull_request(branch, run)
        facts = Facts(branch=branch, pull_request_number=number)
        return Stop(Outcome.PR_OPENED, f"pull request #{number}", facts)

    async def _push(self, branch: str, sha: str, run: RunContext) -> None:
        intended = await run.intend("push", {"branch": branch, "sha": sha})
        sha = intended["sha"]
        answer = await self._world.ask("branch", run, branch=branch)
        current = answer["sha"]
        if current != sha:
            await self._world.ask("push", run, branch=branch, sha=sha, expected=current)
        await run.record("push", {"sha": sha})

    async def _open_pull_request(self, branch: str, run: RunContext) -> int:
        await run.intend("pull_request", {"branch": branch})
        answer = await self._world.ask("pulls", run, branch=branch)
        if answer["numbers"]:
            number = int(answer["numbers"][0])
        else:
            answer = await self._world.ask("pull", run, branch=branch)
            number = int(answer["number"])
        await run.record("pull_request", {"number": number})
        return number


async def _take_time(issue: Issue) -> None:
    if issue.kind == "slow":
        await asyncio.sleep(SLOW)


def _check(tree: Tree, run: RunContext) -> None:
    sha = (run.workspace / "tree").read_text()
    if sha != tree.sha:
        raise AssertionError(f"another run's tree is in this workspace: {sha}")


async def work(setting: Setting) -> None:
    """Run a worker until SIGTERM."""
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
    """Import the AWS libraries and load their data, so that a worker starts within 0.1 s."""
    access = {
        "region_name": "eu-central-1",
        "aws_access_key_id": "none",
        "aws_secret_access_key": "none",
    }
    session().client("sqs", **access)

    async def open_clients() -> None:
        for service in ("sqs", "sns"):
            async with async_session().client(service, **access):
                pass

    asyncio.run(open_clients())


def main() -> None:
    warm()
    children: set[int] = set()
    print("ready", flush=True)
    try:
        for line in sys.stdin:
            request = json.loads(line)
            if "end" in request:
                print(_end(request["end"], children, request["signal"]), flush=True)
                continue
            child = os.fork()
            if child == 0:
                _run_child(Setting.model_validate(request))
            children.add(child)
            print(child, flush=True)
    finally:
        for child in list(children):
            _end(child, children, signal.SIGKILL)


def _end(child: int, children: set[int], number: int) -> int:
    """End a worker; return the negative signal, or its exit status if it had ended by itself."""
    children.remove(child)
    os.kill(child, number)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _run_child(setting: Setting) -> None:
    """Run a worker in the forked child. It never returns."""
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
