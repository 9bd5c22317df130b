"""The crash benchmark's workers with fake stages, whose effects the world counts."""

import asyncio
import functools
import hashlib
import json
import urllib.error
import urllib.request
from typing import Any

from pydantic import BaseModel

from benchmarks.crash_kinds import MAX_ROUNDS
from benchmarks.crash_process import Setting, fork_workers, run_worker
from benchmarks.crash_world import SLOW
from pipeline.artifacts.folder import FolderArtifacts
from pipeline.budget import EffectiveLimits
from pipeline.engine.deps import EngineDeps
from pipeline.engine.engine import Engine
from pipeline.errors import Retry
from pipeline.job import FIX_ISSUE
from pipeline.model import ModelReply
from pipeline.model.failures import Failure, ModelError
from pipeline.outcome import Facts, Outcome
from pipeline.policy import Policy
from pipeline.stage import Back, Pipeline, RunContext, Stop
from pipeline.store.sqlite import SqliteStore

#: Seconds that a call to the world may take.
PATIENCE = 10.0


class Refused(Exception):
    """The world refused permanently."""


class World:
    """A client of the world, whose blocking calls run in threads."""

    def __init__(self, url: str):
        self._url = url

    async def ask(self, service: str, run: RunContext, **content: Any) -> dict[str, Any]:
        request = {
            "number": run.job.subject.number,
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
    world = World(setting.world)
    store = SqliteStore(setting.shared / "store.sqlite")
    pipeline = Pipeline(
        [Fetch(world), Checkout(), Propose(world), Test(world), Open(world)], admitted_after="fetch"
    )
    policy = Policy(EffectiveLimits(1000.0, 600.0, MAX_ROUNDS), 1e6, 1e6, setting.topic_arn)
    artifacts = FolderArtifacts(setting.shared / "artifacts")
    engine = Engine(
        EngineDeps(
            pipelines={FIX_ISSUE: pipeline},
            store=store,
            artifacts=artifacts,
            policy=policy,
            workspaces=setting.data / "runs",
            observer=lambda _: None,
        )
    )
    await run_worker(setting, store, engine, policy)


if __name__ == "__main__":
    fork_workers(Setting, work)
