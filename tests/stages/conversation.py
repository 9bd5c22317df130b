"""Whole conversations with a scripted model, through the real engine and the stages that propose,
apply and test.

The results before them (issue, checkout, context, test environment) are made once for all runs.
"""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.artifacts.folder import FolderArtifacts
from pipeline.budget import EffectiveLimits
from pipeline.engine.deps import EngineDeps, Progress
from pipeline.engine.engine import Deferred, Ended, Engine
from pipeline.job import AddressReviewJob, Job, PullRef
from pipeline.model import ModelReply, ModelRequest
from pipeline.model.buyer import Buyer
from pipeline.model.scripted import Entry, Script, ScriptedClient
from pipeline.outcome import Facts, Outcome, RunResult
from pipeline.policy import Policy
from pipeline.stage import Pipeline, RunContext, Stop
from pipeline.store.sqlite import SqliteStore
from repository.testing.models import Suite
from sandbox import Sandbox
from stages.address_review import ProposeFollowUp, Review
from stages.apply_patch import ApplyPatch, Candidates
from stages.build_context import Context, ContextFile
from stages.checkout import Checkout
from stages.fetch_issue import Issue
from stages.prepare_tests import PrepareTests
from stages.propose_patch import EditSettings, Plan, ProposePatch
from stages.run_tests import CandidateJudge, RunTests, Verdict
from tests.stages.workbench import CALC, SAMPLE, Origin, build_tools, issue, run_context
from tests.stand_ins.runs import TOPIC, Clock, FixedTemplates, claim, job

CONTEXT = Context(
    files=(ContextFile(path="calc.py", content=CALC, whole=True, why="named"),),
    ranking=("calc.py",),
    listing=(),
    tokens=10,
)
LIMITS = EffectiveLimits(1.0, 30.0, 4)


def block(path: str, search: str, replace: str) -> str:
    return f"{path}\n<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n"


#: test_calc.py asserts add(2, 3) == 5, which is red on the base; double is green.
RIGHT = "The sign was wrong.\n\n" + block("calc.py", "    return a - b\n", "    return a + b\n")
WRONG = "Twice.\n\n" + block("calc.py", "    return a * 2\n", "    return a * 3\n")
OTHER_WRONG = "Four times.\n\n" + block("calc.py", "    return a * 2\n", "    return a * 4\n")


def bash(command: str) -> str:
    return f"Let me see.\n\n```bash\n{command}\n```"


def tool(name: str, **arguments: object) -> str:
    """Return a reply that calls a tool in the text protocol."""
    elements = [f"<{field}>{value}</{field}>" for field, value in arguments.items()]
    return "\n".join(["Let me see.", "", f'<tool name="{name}">', *elements, "</tool>"])


def replace(path: str, old: str, new: str) -> str:
    return tool("edit", command="str_replace", path=path, old_str=old, new_str=new)


def view(path: str, view_range: str | None = None) -> str:
    more = {"view_range": view_range} if view_range else {}
    return tool("edit", command="view", path=path, **more)


#: The agent's edit that makes test_add pass.
FIX = replace("calc.py", "return a - b", "return a + b")
SUBMIT = tool("submit", summary="The sign was wrong; add() adds.")


class Killed(Exception):
    """Raised in place of a worker's death."""


class Client(ScriptedClient):
    """A scripted model that records the requests.

    ``dies_at``: the number of the request at which the worker dies.
    """

    def __init__(self, entries: tuple[Entry, ...], dies_at: int | None = None):
        super().__init__(Script(entries))
        self.sent: list[ModelRequest] = []
        self.dies_at = dies_at

    async def complete(self, request: ModelRequest) -> ModelReply:
        if self.dies_at == len(self.sent) + 1:
            self.dies_at = None
            raise Killed
        self.sent.append(request)
        return await super().complete(request)

    @property
    def prompts(self) -> list[str]:
        return [request.messages[-1].content for request in self.sent]


@dataclass
class Prepared:
    """A repository with its test environment, for all conversations about it."""

    folder: Path
    origin: Origin
    sandbox: Sandbox
    suite: Suite

    @classmethod
    async def make(
        cls, folder: Path, sandbox: Sandbox, files: dict[str, str] = SAMPLE
    ) -> "Prepared":
        origin = Origin(folder, files)
        run = run_context(folder)
        stage = PrepareTests(origin.mirrors, build_tools(sandbox, folder / "cache"))
        suite = await stage.run(issue(), origin.checkout, CONTEXT, run)
        assert suite.runnable, suite.reason
        return cls(run.workspace, origin, sandbox, suite)


class FixedIssue:
    name = "fetch_issue"

    def __init__(self, result: Issue):
        self._result = result

    async def run(self, run: RunContext) -> Issue:
        return self._result


class FixedCheckout:
    name = "checkout"

    def __init__(self, result: Checkout):
        self._result = result

    async def run(self, run: RunContext) -> Checkout:
        return self._result


class FixedContext:
    name = "build_context"

    def __init__(self, result: Context):
        self._result = result

    async def run(self, run: RunContext) -> Context:
        return self._result


class FixedSuite:
    """Its local state is the workspace, as prepare_tests leaves it."""

    name = "prepare_tests"

    def __init__(self, prepared: Prepared, suite: Suite):
        self._prepared = prepared
        self._suite = suite

    async def run(self, run: RunContext) -> Suite:
        await self.restore(self._suite, run)
        return self._suite

    async def restore(self, result: Suite, run: RunContext) -> None:
        shutil.copytree(self._prepared.folder, run.workspace, dirs_exist_ok=True, symlinks=True)


class FixedReview:
    name = "fetch_review"

    def __init__(self, result: Review):
        self._result = result

    async def run(self, run: RunContext) -> Review:
        return self._result


class ReportVerdict:
    """A last stage that opens no pull request: the chosen candidate is the run's result."""

    name = "open_pr"

    async def run(self, candidates: Candidates, verdict: Verdict, run: RunContext) -> Stop:
        patch = candidates.candidates[verdict.candidate].patch_key
        facts = Facts(verification=verdict.verification, artifacts={"patch": patch})
        return Stop(Outcome.PROPOSED, verdict.reason, facts)


@dataclass
class Conversation:
    """One job's run. Its store and artifacts outlive its machines."""

    folder: Path
    prepared: Prepared
    client: Client
    plan: Plan = field(default_factory=Plan)
    limits: EffectiveLimits = LIMITS
    title: str = "add subtracts"
    suite: Suite | None = None
    fallback: str | None = None
    review: Review | None = None
    """The review that the run answers; None if it fixes the issue."""
    earlier: "Conversation | None" = None
    """The conversation whose store and artifacts this one shares."""
    same_paths: bool = False
    """Whether every machine has its files at the same paths, as the service's containers do."""

    def __post_init__(self) -> None:
        self.clock = Clock()
        self.machines = 0
        state = self.earlier.folder if self.earlier is not None else self.folder
        self.store = SqliteStore(state / "store.sqlite", clock=self.clock)
        self.artifacts = FolderArtifacts(state / "artifacts")
        self.waited: list[float] = []
        self.progress: list[Progress] = []

    def _engine(self) -> Engine:
        """Return an engine on a separate machine."""
        self.machines += 1
        workspaces = self.folder / f"machine-{0 if self.same_paths else self.machines}"
        shutil.rmtree(workspaces, ignore_errors=True)
        pipeline = Pipeline(self._stages(), admitted_after="checkout")
        deps = EngineDeps(
            pipelines={self.job.type: pipeline},
            store=self.store,
            artifacts=self.artifacts,
            policy=Policy(self.limits, 1e6, 1e6, TOPIC),
            workspaces=workspaces,
            observer=self.progress.append,
            clock=self.clock,
        )
        return Engine(deps)

    def _stages(self) -> list[Any]:
        origin = self.prepared.origin
        sandbox = self.prepared.sandbox

        async def wait(seconds: float) -> None:
            self.waited.append(seconds)

        buyer = Buyer(self.client, model="m", fallback=self.fallback, sleep=wait)
        proposer = ProposePatch(
            buyer, FixedTemplates(), origin.mirrors, sandbox, plan=self.plan, edits=EditSettings()
        )
        stages: list[Any] = [
            FixedIssue(issue(self.title)),
            FixedCheckout(origin.checkout),
            FixedContext(CONTEXT),
            FixedSuite(self.prepared, self.suite or self.prepared.suite),
            proposer if self.review is None else ProposeFollowUp(proposer, origin.mirrors),
            ApplyPatch(origin.mirrors, EditSettings()),
            RunTests(
                origin.mirrors,
                build_tools(sandbox, self.folder / "cache"),
                CandidateJudge(buyer, FixedTemplates()),
            ),
            ReportVerdict(),
        ]
        return stages if self.review is None else [FixedReview(self.review), *stages]

    @property
    def job(self) -> Job:
        if self.review is None:
            return job()
        pull = PullRef.parse(self.review.pull_request_url)
        return AddressReviewJob.of(pull.url, "review-1")

    async def deliver(self) -> Ended | Deferred:
        """Run one delivery, on another machine than the last one."""
        self.clock.now += 120
        return await self._engine().execute(claim(self.store, self.job))

    async def run(self, deliveries: int = 8) -> RunResult:
        reason = ""
        for _ in range(deliveries):
            answer = await self.deliver()
            if isinstance(answer, Ended):
                return answer.result
            reason = answer.reason
        raise AssertionError(f"not ended after {deliveries} deliveries: {reason}")

    def artifact(self, result: RunResult, name: str = "patch") -> str:
        folder = self.artifacts.root.resolve().as_uri()
        return self.artifacts.get(result.artifacts[name].removeprefix(f"{folder}/")).decode()
