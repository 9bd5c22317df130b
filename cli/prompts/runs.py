"""Load stored runs, and repeat them in a separate folder: the service's store is only read."""

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlsplit

import click
from pydantic import BaseModel, ValidationError

from cli import exits
from cli.command import CommandError, exit_on_settings_error, settings
from cli.jobs.opening import find_run
from pipeline.artifacts import Artifacts
from pipeline.job import FIX_ISSUE, FixIssueJob, Options, Replay
from pipeline.leased_run import LeasedRun, read_result
from pipeline.money import to_usd
from pipeline.outcome import Event, Outcome, RunResult
from pipeline.store.contract import Checkpoint, Claimed, Round, RunRow, Submission
from pipeline.store.reader import StoreReader
from pipeline.store.store import RunStore
from prompts.filters import one_line
from stages.apply_patch import ApplyPatch, Candidates
from stages.fetch_issue import FetchIssue, Issue
from stages.order import ORDERS
from stages.prepare_tests import PrepareTests
from stages.propose_patch import Proposal, Proposals, ProposePatch
from stages.run_tests import RunTests, Verdict

if TYPE_CHECKING:
    from pipeline.engine.deps import Progress
    from pipeline.github import Forge
    from pipeline.settings import Settings
    from prompts.template_set import TemplateSet

Result = TypeVar("Result", bound=BaseModel)
_RESULT_TYPES = ORDERS[FIX_ISSUE].result_types
_ROWS_A_RUN = 5
"""Number of rows read for each requested run: some runs ended before a prompt."""


class MissingResult(CommandError):
    """A part of a stored run, which its repetition needs, is not there or can't be read."""


@dataclass(frozen=True)
class StoredRun:
    """A run in the store; its results are read on demand."""

    row: RunRow
    checkpoints: list[Checkpoint]
    rounds: list[Round]
    cost_usd: float
    artifacts: Artifacts

    @classmethod
    def load(cls, row: RunRow, store: StoreReader, artifacts: Artifacts) -> "StoredRun":
        cost_micro_usd = sum(call.micro_usd for call in store.calls(row.key))
        return cls(
            row,
            store.checkpoints(row.key),
            store.rounds(row.key),
            to_usd(cost_micro_usd),
            artifacts,
        )

    @cached_property
    def last_checkpoints(self) -> dict[str, Checkpoint]:
        """Stage -> the checkpoint with its last result."""
        return {
            checkpoint.stage: checkpoint
            for checkpoint in self.checkpoints
            if checkpoint.stage in _RESULT_TYPES
        }

    def require(self, *stages: str) -> None:
        """Raise MissingResult if one of the stages has no result."""
        missing = [stage for stage in stages if stage not in self.last_checkpoints]
        if missing:
            results = ", ".join(missing)
            raise MissingResult(
                f"run {self.row.job_id} has no result of {results}: it did not get so far"
            )

    @contextmanager
    def reading_parts(self) -> Iterator[None]:
        """Raise MissingResult if something that is read meanwhile has been deleted, is damaged, or
        has the shape of another version.
        """
        try:
            yield
        except FileNotFoundError as error:
            artifact = error.filename or error
            raise MissingResult(
                f"run {self.row.job_id} can't be repeated: {artifact} no longer exists"
            ) from None
        except (ValidationError, json.JSONDecodeError) as error:
            raise MissingResult(
                f"run {self.row.job_id} can't be repeated: what it stored can't be read, because"
                f" another version wrote it or it is damaged: {one_line(str(error))}"
            ) from None

    def read(self, result_type: type[Result]) -> Result:
        """Read the last result of the stage that returns this type."""
        for stage, type_of_stage in _RESULT_TYPES.items():
            if type_of_stage is result_type:
                return read_result(self.artifacts, self.last_checkpoints[stage], result_type)
        raise TypeError(f"{result_type.__name__} is no stage's result")

    @property
    def verdict(self) -> Verdict | None:
        """The last round's verdict; None if no tests were run."""
        if RunTests.name not in self.last_checkpoints:
            return None
        return self.read(Verdict)

    def prompts(self) -> dict[str, str]:
        """Read every message of the requests for proposals: round and role -> text."""
        prompts: dict[str, str] = {}
        for place, proposal in self._proposals():
            for index, message in enumerate(self._messages(proposal.exchange_key)):
                prompts[f"{place}, {index} {message['role']}"] = message["content"]
        return prompts

    def replies(self) -> dict[str, str]:
        """Read what the model proposed: round -> text. Of an agent, this is its summary."""
        return {place: proposal.reply for place, proposal in self._proposals()}

    def _proposals(self) -> Iterator[tuple[str, Proposal]]:
        """Yield each proposal with its place in the run."""
        for checkpoint in self.checkpoints:
            if checkpoint.stage != ProposePatch.name:
                continue
            result = read_result(self.artifacts, checkpoint, Proposals)
            for number, proposal in enumerate(result.proposals, 1):
                yield f"round {checkpoint.round}, proposal {number}", proposal

    def _messages(self, exchange_key: str) -> list[dict[str, str]]:
        exchange: dict[str, Any] = json.loads(self.artifacts.get(exchange_key))
        return list(exchange.get("request", {}).get("messages", ()))

    def patch(self) -> str:
        """Read the diff of the chosen candidate; empty if there is none."""
        if ApplyPatch.name not in self.last_checkpoints:
            return ""
        verdict = self.verdict
        index = verdict.candidate if verdict else 0
        candidate = self.read(Candidates).candidates[index]
        return self.artifacts.get(candidate.patch_key).decode(errors="replace")


def stored_run(ctx: click.Context, job: str, generation: int | None) -> StoredRun:
    """Load the run that the argument JOB names.

    Raises:
        CommandError: it is not in the store, or does not fix an issue.
    """
    store, artifacts = _open(ctx)
    row = find_run(store, job, generation)
    if row.job_type != FIX_ISSUE:
        raise CommandError(
            f"run {row.job_id} answers the review of a pull request: only runs that fix an issue"
            " can be repeated",
            exits.USAGE,
        )
    return StoredRun.load(row, store, artifacts)


def newest_runs(ctx: click.Context, count: int) -> list[StoredRun]:
    """Load the last finished runs of issues that reached a prompt, newest first."""
    store, artifacts = _open(ctx)
    runs: list[StoredRun] = []
    for row in store.runs(limit=count * _ROWS_A_RUN):
        if row.state != "finished" or row.job_type != FIX_ISSUE:
            continue
        run = StoredRun.load(row, store, artifacts)
        if PrepareTests.name in run.last_checkpoints:
            runs.append(run)
        if len(runs) == count:
            break
    return runs


def _open(ctx: click.Context) -> tuple[StoreReader, Artifacts]:
    from cli.backends import open_artifacts
    from cli.stores import open_store_to_read

    config = settings(ctx)
    with exit_on_settings_error():
        store = open_store_to_read(config)
        artifacts = open_artifacts(config)
    ctx.call_on_close(store.close)
    return store, artifacts


class OverlayArtifacts:
    """Artifacts of one place over those of another, which is never written to."""

    def __init__(self, upper: Artifacts, lower: Artifacts):
        self._upper = upper
        self._lower = lower

    def put(self, key: str, data: bytes) -> None:
        self._upper.put(key, data)

    def get(self, key: str) -> bytes:
        try:
            return self._upper.get(key)
        except FileNotFoundError:
            return self._lower.get(key)

    def names(self, beginning: str) -> list[str]:
        return sorted({*self._upper.names(beginning), *self._lower.names(beginning)})

    def address(self, key: str) -> str:
        return self._upper.address(key)


def scratch_settings(
    config: "Settings", folder: Path, templates: "TemplateSet", **changes: Any
) -> "Settings":
    """Return settings with a separate store in ``folder``, in which ``templates`` are current.

    Mirrors and caches are shared with the service.
    """
    from cli.backends import template_sets

    own: dict[str, Any] = {
        "store": f"sqlite:///{folder / 'store.sqlite'}",
        "artifacts": str(folder / "artifacts"),
        "templates": None,
        "queue_url": None,
        "topic_arn": None,
        "allowed_models": (),
        "allowed_repositories": ("*",),
        **changes,
    }
    scratch = config.model_copy(update=own)
    sets = template_sets(scratch)
    sets.use(sets.publish(templates))
    return scratch


@dataclass(frozen=True)
class Variation:
    """The differences between a repeated run and the original."""

    templates: "TemplateSet"
    from_stage: str
    """The results of the stages before this one are reused."""
    model: str | None = None
    """The model to use; None for the run's own."""


async def rerun(
    run: StoredRun,
    config: "Settings",
    folder: Path,
    variation: Variation,
    *,
    observer: Callable[["Progress"], None],
    on_wait: Callable[[str], None],
) -> StoredRun:
    """Repeat a run with a variation, as a dry run in ``folder``.

    ``observer`` receives the stages' progress; ``on_wait``, messages that say why the run waits.

    Raises:
        MissingResult: before a model is paid.
    """
    from cli import wiring
    from pipeline.artifacts.folder import FolderArtifacts
    from pipeline.worker.one_job import run_job

    job = FixIssueJob.model_validate_json(run.row.body)
    model_settings = _model_settings(job, variation.model)
    scratch = scratch_settings(config, folder, variation.templates, **model_settings)
    artifacts = OverlayArtifacts(FolderArtifacts(folder / "artifacts"), run.artifacts)
    forge = _forge(scratch, job, run)
    app = wiring.build(scratch, forge, host=job.issue.host, artifacts=artifacts, observer=observer)
    with closing(app.store):
        wiring.check_models(app)
        original = _copy_of(job)
        with run.reading_parts():
            await _store_results_before(variation.from_stage, app.store, artifacts, original, run)
        replay = Replay(id="workbench", from_stage=variation.from_stage)
        repeated = original.model_copy(update={"replay": replay})
        await run_job(
            repeated,
            app.store,
            app.engine,
            on_wait=lambda seconds, reason: on_wait(f"waiting {seconds:.0f} s: {reason}"),
        )
        row = app.store.run(repeated.id)
        assert row is not None  # noqa: S101 - it has just run
        return StoredRun.load(row, app.store, artifacts)


def _model_settings(job: FixIssueJob, model: str | None) -> dict[str, Any]:
    """Return the settings that make a requested model the only one, as the service does."""
    requested = model
    if not requested and job.replay is not None:
        requested = job.replay.model
    if not requested:
        requested = job.options.model
    if not requested:
        return {}
    return {"model": requested, "fallback_model": None, "attempt_models": ()}


def _copy_of(job: FixIssueJob) -> FixIssueJob:
    """Return the job under a new id: its workspace must not be one of a worker on this machine."""
    changes = {
        "job_id": f"workbench-{uuid.uuid4()}",
        "options": Options(dry_run=True, labels=job.options.labels),
        "replay": None,
    }
    return job.model_copy(update=changes)


async def _store_results_before(
    from_stage: str, store: RunStore, artifacts: Artifacts, job: FixIssueJob, run: StoredRun
) -> None:
    """Store a finished generation 0 of ``job`` with the run's results, which a replay inherits."""
    claimed = store.claim(Submission.of(job), lease_seconds=600)
    assert isinstance(claimed, Claimed)  # noqa: S101 - the store is new
    leased = LeasedRun(store, artifacts, claimed.lease, lambda: run.row.created_at)
    for stage, result_type in _RESULT_TYPES.items():
        if stage == from_stage:
            break
        run.require(stage)
        result = read_result(run.artifacts, run.last_checkpoints[stage], result_type)
        await leased.save_result(result, round=1, stage=stage, seconds=0.0)
    row = claimed.run
    result = RunResult(
        job_id=row.job_id,
        generation=0,
        issue_url=row.issue_url,
        repository=row.repository,
        outcome=Outcome.NO_FIX,
        reason="copied",
        trace="",
    )
    store.finish(claimed.lease, result, Event.about(result, "1970-01-01T00:00:00.000Z"), None)


def _forge(config: "Settings", job: FixIssueJob, run: StoredRun) -> "Forge":
    """Return GitHub if the repeated run may need it, else a forge with the stored issue.

    A run that is repeated from a later stage needs only commits that the mirror lacks.
    """
    from cli.backends import github_forge
    from pipeline.github.local import LocalForge

    has_credentials = bool(config.github_token or config.github_app_id)
    has_issue = FetchIssue.name in run.last_checkpoints
    if job.issue.host != "file" and (has_credentials or not has_issue):
        return github_forge(config)
    run.require(FetchIssue.name)
    issue = run.read(Issue)
    path = unquote(urlsplit(job.issue_url).path).rpartition("/issues/")[0]
    return LocalForge(Path(path), issue.title, issue.body)
