"""Stored runs, and running them again in a folder of their own: nothing of the service's store is
touched.
"""

import json
import uuid
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlsplit

import click
from pydantic import BaseModel

from cli import exits
from cli.command import CommandError, exit_on_settings_error, settings
from pipeline.artifacts import Artifacts
from pipeline.job import FixIssueJob, Options, Replay
from pipeline.leased_run import LeasedRun, read_result
from pipeline.outcome import Event, Outcome, RunResult
from pipeline.store.contract import Checkpoint, Claimed, Round, RunRow, RunStore, Submission
from repository.testing.models import Suite
from stages.apply_patch import ApplyPatch, Candidates
from stages.build_context import BuildContext, Context
from stages.checkout import Checkout, CheckoutStage
from stages.fetch_issue import FetchIssue, Issue
from stages.prepare_tests import PrepareTests
from stages.propose_patch import Proposals, ProposePatch
from stages.run_tests import RunTests, Verdict

if TYPE_CHECKING:
    from pipeline.engine.deps import Progress
    from pipeline.github import Forge
    from pipeline.settings import Settings
    from prompts import TemplateSet

Result = TypeVar("Result", bound=BaseModel)
#: In the pipeline's order.
STAGES: dict[str, type[BaseModel]] = {
    FetchIssue.name: Issue,
    CheckoutStage.name: Checkout,
    BuildContext.name: Context,
    PrepareTests.name: Suite,
    ProposePatch.name: Proposals,
    ApplyPatch.name: Candidates,
    RunTests.name: Verdict,
}


@dataclass(frozen=True)
class StoredRun:
    """What is stored of a run, read when it is asked for."""

    row: RunRow
    stored: list[Checkpoint]
    rounds: list[Round]
    cost_usd: float
    artifacts: Artifacts

    @classmethod
    def of(cls, row: RunRow, store: RunStore, artifacts: Artifacts) -> "StoredRun":
        cost = sum(call.micro_usd for call in store.calls(row.key)) / 1e6
        return cls(row, store.checkpoints(row.key), store.rounds(row.key), cost, artifacts)

    @cached_property
    def last(self) -> dict[str, Checkpoint]:
        """Stage -> its last result."""
        return {
            checkpoint.stage: checkpoint for checkpoint in self.stored if checkpoint.stage in STAGES
        }

    def needs(self, *stages: str) -> None:
        if missing := [stage for stage in stages if stage not in self.last]:
            raise CommandError(
                f"run {self.row.job_id} has no result of {', '.join(missing)}: it ended before"
            )

    def read(self, kind: type[Result]) -> Result:
        stage = next(stage for stage, gives in STAGES.items() if gives is kind)
        return read_result(self.artifacts, self.last[stage], kind)

    @property
    def verdict(self) -> Verdict | None:
        """Of the last round, where its tests were run."""
        return self.read(Verdict) if RunTests.name in self.last else None

    def prompts(self) -> dict[str, str]:
        """Of each exchange that made a proposal: round and role -> what was sent."""
        found: dict[str, str] = {}
        for checkpoint in (c for c in self.stored if c.stage == ProposePatch.name):
            for at, proposal in enumerate(
                read_result(self.artifacts, checkpoint, Proposals).proposals, 1
            ):
                exchange: dict[str, Any] = json.loads(self.artifacts.get(proposal.exchange_key))
                for number, message in enumerate(exchange.get("request", {}).get("messages", ())):
                    found[
                        f"round {checkpoint.round}, proposal {at}, {number} {message['role']}"
                    ] = message["content"]
        return found

    def patch(self) -> str:
        if ApplyPatch.name not in self.last:
            return ""
        verdict = self.verdict
        candidates = self.read(Candidates).candidates
        chosen = candidates[verdict.candidate if verdict else 0]
        return self.artifacts.get(chosen.patch_key).decode(errors="replace")


def stored_run(ctx: click.Context, job_id: str, generation: int | None) -> StoredRun:
    store, artifacts = _opened(ctx)
    row = store.run(job_id, generation)
    if row is None:
        raise CommandError(
            f"there is no such run of job {job_id!r} in this store; see: coding-agent jobs list",
            exits.USAGE,
        )
    return StoredRun.of(row, store, artifacts)


def newest_runs(ctx: click.Context, wanted: int) -> list[StoredRun]:
    """The last that got as far as a proposal, newest first."""
    store, artifacts = _opened(ctx)
    found = (
        StoredRun.of(row, store, artifacts)
        for row in store.runs(limit=wanted * 5)
        if row.state == "finished"
    )
    return [run for run in found if PrepareTests.name in run.last][:wanted]


def _opened(ctx: click.Context) -> tuple[RunStore, Artifacts]:
    from cli.wiring import open_artifacts, open_store

    chosen = settings(ctx)
    with exit_on_settings_error():
        store = open_store(chosen)
        artifacts = open_artifacts(chosen)
    ctx.call_on_close(store.close)
    return store, artifacts


class ReadThrough:
    """Artifacts of one place, and behind them those of another, which is never written to."""

    def __init__(self, own: Artifacts, behind: Artifacts):
        self._own = own
        self._behind = behind
        self.put = own.put
        self.address = own.address

    def get(self, key: str) -> bytes:
        try:
            return self._own.get(key)
        except FileNotFoundError:
            return self._behind.get(key)


def scratch(
    chosen: "Settings", folder: Path, templates: "TemplateSet", **changes: Any
) -> "Settings":
    """Settings with a store of their own in ``folder``, where ``templates`` are current. Mirrors
    and caches stay.
    """
    from cli.wiring import template_sets

    own: dict[str, Any] = {
        "store": f"sqlite:///{folder / 'store.sqlite'}",
        "artifacts": str(folder / "artifacts"),
        "templates": None,
        "queue_url": None,
        "topic_arn": None,
        "allowed_models": "",
        "allowed_repositories": "*",
    }
    made = chosen.model_copy(update=own | changes)
    sets = template_sets(made)
    sets.use(sets.publish(templates))
    return made


async def rerun(
    run: StoredRun,
    chosen: "Settings",
    folder: Path,
    templates: "TemplateSet",
    *,
    from_stage: str,
    model: str | None = None,
    observer: Callable[["Progress"], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
) -> StoredRun:
    """Run it again from a stage with these templates, as a dry run: its earlier results are copied
    into ``folder``.
    """
    from cli import wiring
    from pipeline.artifacts.folder import FolderArtifacts
    from pipeline.worker.one_job import run_job

    job = FixIssueJob.model_validate_json(run.row.body)
    named = model or (job.replay and job.replay.model) or job.options.model
    # A model that was named is exchanged for no other, as in the service.
    alone = {"model": named, "fallback_model": None, "candidate_models": ""} if named else {}
    made = scratch(chosen, folder, templates, **alone)
    artifacts = ReadThrough(FolderArtifacts(folder / "artifacts"), run.artifacts)
    forge = _forge(made, job, run)
    app = wiring.build(made, forge, host=job.issue.host, artifacts=artifacts, observer=observer)
    with closing(app.store):
        wiring.check_models(app)
        # A name of its own: its workspace must not be a worker's on this machine.
        options = Options(dry_run=True, labels=job.options.labels)
        first = job.model_copy(
            update={"job_id": f"workbench-{uuid.uuid4()}", "options": options, "replay": None}
        )
        await _seed(app.store, artifacts, first, run, from_stage)
        again = first.model_copy(update={"replay": Replay(id="workbench", from_stage=from_stage)})
        await run_job(
            again, app.store, app.engine, on_wait=lambda s, why: say(f"waiting {s:.0f} s: {why}")
        )
        row = app.store.run(again.id)
        assert row is not None  # noqa: S101 (it has just run)
        return StoredRun.of(row, app.store, artifacts)


async def _seed(
    store: RunStore, artifacts: Artifacts, job: FixIssueJob, run: StoredRun, from_stage: str
) -> None:
    """A finished generation 0 with the run's results before the stage; a replay inherits them."""
    claimed = store.claim(Submission.of(job), lease_seconds=600)
    assert isinstance(claimed, Claimed)  # noqa: S101 (the store is new)
    leased = LeasedRun(store, artifacts, claimed.lease, lambda: run.row.created_at)
    for stage, kind in STAGES.items():
        if stage == from_stage:
            break
        run.needs(stage)
        result = read_result(run.artifacts, run.last[stage], kind)
        await leased.save_result(result, round=1, stage=stage, seconds=0.0)
    row = claimed.run
    ended = RunResult(
        job_id=row.job_id,
        generation=0,
        issue_url=row.issue_url,
        repository=row.repository,
        outcome=Outcome.NO_FIX,
        reason="copied",
        trace="",
    )
    store.finish(claimed.lease, ended, Event.about(ended, "1970-01-01T00:00:00.000Z"), None)


def _forge(chosen: "Settings", job: FixIssueJob, run: StoredRun) -> "Forge":
    """Asked for nothing but what a mirror lacks, where the run is repeated from a later stage."""
    from cli.wiring import github_forge
    from pipeline.github.local import LocalForge

    if job.issue.host != "file" and (
        chosen.github_token or chosen.github_app_id or FetchIssue.name not in run.last
    ):
        return github_forge(chosen)
    issue = run.read(Issue)
    path = unquote(urlsplit(job.issue_url).path).rpartition("/issues/")[0]
    return LocalForge(Path(path), issue.title, issue.body)
