"""``coding-agent fix``: fix one issue in this process, with the engine that the worker uses."""

import asyncio
import shutil
import signal
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.request import urlopen

import click

from cli import exits
from cli.command import CommandError, exit_on_settings_error, settings
from cli.issue_source import IssueSource
from cli.output import Output, json_option
from pipeline.job import FIX_ISSUE, FixIssueJob

if TYPE_CHECKING:
    from cli.progress import Printer
    from cli.wiring import App
    from pipeline.github import Forge
    from pipeline.outcome import Event, RunResult
    from pipeline.settings import Settings
    from pipeline.telemetry.spans import Tracer


@dataclass(frozen=True)
class FixOptions:
    """The options of ``fix``, under their names on the command line."""

    issue_url: str | None
    repo: Path | None
    issue_file: Path | None
    patch_file: Path | None
    model: str | None
    base_branch: str | None
    max_cost: float | None
    max_rounds: int | None
    max_minutes: float | None
    dry_run: bool
    draft: bool
    allow_second_pull_request: bool
    again: bool
    from_stage: str | None

    @property
    def limits(self) -> dict[str, float | None]:
        """The limits, named as in a job and in the settings."""
        return {
            "max_cost_usd": self.max_cost,
            "max_rounds": self.max_rounds,
            "max_minutes": self.max_minutes,
        }

    def to_job(self) -> "tuple[FixIssueJob, Forge | None]":
        """Return the job, and the forge of a local repository."""
        replay = None
        if self.again:
            replay = {"id": f"fix:{uuid.uuid4()}", "from_stage": self.from_stage}
        source = IssueSource(self.issue_url, self.repo, self.issue_file)
        return source.to_job(
            base_branch=self.base_branch,
            replay=replay,
            limits=self.limits,
            options={
                "dry_run": self.dry_run,
                "draft": self.draft,
                "allow_second_pull_request": self.allow_second_pull_request,
            },
        )


@click.command("fix")
@click.argument("issue_url", required=False)
@click.option(
    "--repo",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A local repository instead of GitHub.",
)
@click.option(
    "--issue-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --repo: the issue's text, with its title in the first line or in front matter.",
)
@click.option(
    "--patch",
    "patch_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write the patch to this file.",
)
@click.option("--model", help="Instead of CODING_AGENT_MODEL: a LiteLLM name, or scripted:FILE.")
@click.option(
    "--base-branch", help="Work from this branch; default: the repository's default branch."
)
@click.option(
    "--max-cost", type=click.FloatRange(min=0, min_open=True), help="US dollars the run may spend."
)
@click.option("--max-rounds", type=click.IntRange(min=1), help="Rounds the run may take.")
@click.option(
    "--max-minutes", type=click.FloatRange(min=0, min_open=True), help="Minutes the run may work."
)
@click.option("--dry-run", is_flag=True, help="Find a fix and keep it as a patch; push nothing.")
@click.option("--draft", is_flag=True, help="Open the pull request as a draft.")
@click.option(
    "--allow-second-pull-request",
    is_flag=True,
    help="Work on the issue although an open pull request for it exists.",
)
@click.option("--again", is_flag=True, help="Run a finished job once more, as a new generation.")
@click.option("--from-stage", help="With --again: keep the results of the stages before this one.")
@json_option("Print the run.finished event as JSON.")
@click.pass_context
def command(ctx: click.Context, /, output: Output, **values: Any) -> None:
    """Fix one issue here and now.

    Calling it twice for an issue runs one job: the second call prints how the first ended (--again
    runs it once more). A run that was killed resumes where it stopped.

    \b
    Examples:
      coding-agent fix https://github.com/octo/repo/issues/42
      coding-agent fix https://github.com/octo/repo/issues/42 --dry-run --patch fix.diff
      coding-agent fix --repo . --issue-file bug.md --model scripted:reply.md
    """
    options = FixOptions(**values)
    if options.from_stage and not options.again:
        raise CommandError("--from-stage needs --again", exits.USAGE)
    event = _fix(ctx, options, quiet=output.as_json)
    result = cast("RunResult", event.data)
    if options.patch_file:
        _copy_patch(result, options.patch_file)
    if output.as_json:
        click.echo(event.model_dump_json())  # byte for byte as it is stored
    else:
        _show_result(result, options.repo)
    ctx.exit(exits.of(result.outcome))


def _fix(ctx: click.Context, options: FixOptions, *, quiet: bool) -> "Event":
    """Run the job to its end, and return its run.finished event."""
    from cli.progress import Printer
    from cli.tracing import open_tracer
    from pipeline.settings import secret_values
    from pipeline.telemetry import Redactor

    job, local_forge = options.to_job()
    chosen = settings(ctx, model=options.model, queue_url="")
    _log_errors(chosen)
    _check_ceilings(chosen, options.limits)
    printer = Printer(quiet=quiet)
    _report_uncommitted(options.repo, printer)
    with open_tracer(Redactor(secret_values(chosen))) as tracer:
        app = _build_app(chosen, options, local_forge, printer, tracer)
        try:
            return asyncio.run(_run(app, job, printer))
        finally:
            printer.stop()
            app.store.close()


def _log_errors(chosen: "Settings") -> None:
    """Log errors only: a person watches the progress, and other lines are for the worker."""
    from cli.log_lines import choose_form
    from pipeline import telemetry
    from pipeline.settings import secret_values

    secrets = secret_values(chosen)
    telemetry.configure(form=choose_form("text"), level="ERROR", secrets=secrets)


def _report_uncommitted(repo: Path | None, printer: "Printer") -> None:
    from cli.uncommitted import describe_uncommitted

    changes = describe_uncommitted(repo) if repo is not None else None
    if changes is not None:
        printer.say(changes)


def _check_ceilings(chosen: "Settings", limits: dict[str, float | None]) -> None:
    """End the command if a limit exceeds the setting. A job's limit would be lowered silently, but
    here the same person sets both.
    """
    from pipeline.settings import variable

    for name, value in limits.items():
        ceiling = getattr(chosen, name)
        if value is not None and value > ceiling:
            raise CommandError(
                f"{name}: {value:g} is over the limit of {ceiling:g}; set {variable(name)}",
                exits.USAGE,
            )


def _build_app(
    chosen: "Settings",
    options: FixOptions,
    local_forge: "Forge | None",
    printer: "Printer",
    tracer: "Tracer",
) -> "App":
    from cli.backends import github_forge
    from cli.wiring import build, check_models

    with exit_on_settings_error():
        forge = local_forge or github_forge(chosen)
        host = "file" if options.repo else None
        app = build(chosen, forge, host=host, observer=printer, tracer=tracer)
        stages = app.pipelines[FIX_ISSUE].names
        if options.from_stage and options.from_stage not in stages:
            message = f"--from-stage: the stages are {', '.join(stages)}"
            raise CommandError(message, exits.USAGE)
        check_models(app)
    return app


async def _run(app: "App", job: FixIssueJob, printer: "Printer") -> "Event":
    """Run the job and return its run.finished event. The first SIGINT or SIGTERM cancels it."""
    from pipeline.errors import CredentialsRefused
    from pipeline.worker.one_job import AlreadyRunning, run_job

    def on_wait(seconds: float, reason: str) -> None:
        printer.say(f"waiting {seconds:.0f} s: {reason}")

    def on_other_body() -> None:
        printer.say("this run was started with other options; they apply until it ends")

    task = asyncio.ensure_future(
        run_job(job, app.store, app.engine, on_wait=on_wait, on_other_body=on_other_body)
    )
    _cancel_on_signal(task, lambda: printer.say("stopping"))
    try:
        event, had_ended = await task
    except CredentialsRefused as error:
        raise CommandError(str(error), exits.USAGE) from None
    except AlreadyRunning as error:
        raise CommandError(str(error)) from None
    except asyncio.CancelledError:
        same = "the same command without --again" if job.replay else "the same command"
        message = f"stopped; {same} resumes the run, coding-agent jobs cancel {job.id} ends it"
        raise CommandError(message, exits.INTERRUPTED) from None
    if had_ended:
        printer.say("this job has already ended; --again runs it once more")
    return event


def _cancel_on_signal(task: "asyncio.Task[Any]", on_stop: Callable[[], None]) -> None:
    """Make the first signal cancel the task, and the second end the process at once, since a
    running git may be slow to end.
    """
    loop = asyncio.get_running_loop()

    def stop(number: signal.Signals) -> None:
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)
        on_stop()
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)


def _show_result(result: "RunResult", repo: Path | None) -> None:
    from cli.progress import print_result
    from cli.proposal import print_proposal
    from pipeline.outcome import Outcome

    print_result(result)
    if result.outcome is not Outcome.PROPOSED:
        return
    try:
        print_proposal(result, repo)
    except OSError as error:
        raise CommandError(f"the patch can't be read: {error}") from None


def _copy_patch(result: "RunResult", patch_file: Path) -> None:
    address = result.artifacts.get("patch")
    if address is None:
        click.echo(f"the run made no patch; {patch_file} is not written", err=True)
        return
    try:
        with (
            urlopen(address) as patch,  # noqa: S310 (our own address: file:, or presigned)
            patch_file.open("wb") as file,
        ):
            shutil.copyfileobj(patch, file)
    except OSError as error:
        raise CommandError(f"--patch: {error}; the patch is stored at {address}") from None
