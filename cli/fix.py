"""``coding-agent fix``: one issue, in this process, with the same engine that the worker uses."""

import asyncio
import logging
import shutil
import signal
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.request import urlopen

import click
from pydantic import ValidationError

from cli import exits
from cli.command import CommandError, exit_on_settings_error, settings
from pipeline.job import FixIssueJob, explain

if TYPE_CHECKING:
    from cli.wiring import App
    from pipeline.github import Forge
    from pipeline.outcome import RunResult
    from pipeline.settings import Settings


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
    help="With --repo: the issue's text, its title in the first line.",
)
@click.option(
    "--patch",
    "patch_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the patch here, too.",
)
@click.option("--model", help="Instead of CODING_AGENT_MODEL: a LiteLLM name, or scripted:FILE.")
@click.option(
    "--base-branch", help="Work from this branch; default: the repository's default branch."
)
@click.option(
    "--max-cost", type=click.FloatRange(min=0, min_open=True), help="US dollars this run may spend."
)
@click.option("--max-rounds", type=click.IntRange(min=1), help="Rounds this run may take.")
@click.option(
    "--max-minutes", type=click.FloatRange(min=0, min_open=True), help="Minutes this run may work."
)
@click.option("--dry-run", is_flag=True, help="Find a fix and keep it as a patch; push nothing.")
@click.option("--draft", is_flag=True, help="Open the pull request as a draft.")
@click.option("--again", is_flag=True, help="Run a finished job once more (a new generation).")
@click.option("--from-stage", help="With --again: keep the results of the stages before this one.")
@click.option("--json", "as_json", is_flag=True, help="Print the run.finished event as JSON.")
@click.pass_context
def command(
    ctx: click.Context,
    issue_url: str | None,
    repo: Path | None,
    issue_file: Path | None,
    patch_file: Path | None,
    model: str | None,
    base_branch: str | None,
    max_cost: float | None,
    max_rounds: int | None,
    max_minutes: float | None,
    dry_run: bool,
    draft: bool,
    again: bool,
    from_stage: str | None,
    as_json: bool,
) -> None:
    """Fix one issue here and now.

    Sent twice, the same issue is one job: the second call tells how the first ended (--again runs it anew). A call
    that was killed goes on where it was.

    \b
    Examples:
      coding-agent fix https://github.com/octo/repo/issues/42
      coding-agent fix https://github.com/octo/repo/issues/42 --dry-run --patch fix.diff
      coding-agent fix --repo . --issue-file bug.md --model scripted:reply.md
    """
    if from_stage and not again:
        raise CommandError("--from-stage needs --again", exits.USAGE)
    job, local = issue_of(
        issue_url,
        repo,
        issue_file,
        base_branch=base_branch,
        replay={"id": f"fix:{uuid.uuid4()}", "from_stage": from_stage} if again else None,
        limits={"max_cost_usd": max_cost, "max_rounds": max_rounds, "max_minutes": max_minutes},
        options={"dry_run": dry_run, "draft": draft},
    )
    chosen = settings(ctx, model=model, queue_url="")
    _check_ceilings(chosen, max_cost_usd=max_cost, max_rounds=max_rounds, max_minutes=max_minutes)
    _quiet_logs()
    from cli import wiring
    from cli.progress import Printer, print_result

    printer = Printer(quiet=as_json)
    with exit_on_settings_error():
        forge = local or wiring.github_forge(chosen)
        app = wiring.build(chosen, forge, host="file" if repo else None, observer=printer)
        if from_stage and from_stage not in app.pipeline.names:
            raise CommandError(
                f"--from-stage: there are {', '.join(app.pipeline.names)}", exits.USAGE
            )
        wiring.check_models(app)
    try:
        event, result = asyncio.run(_run(app, job, printer.stop))
    finally:
        printer.stop()
        app.store.close()
    if patch_file:
        _copy_patch(result, patch_file)
    if as_json:
        click.echo(event)
    else:
        print_result(result)
    ctx.exit(exits.of(result.outcome))


def issue_of(
    issue_url: str | None, repo: Path | None, issue_file: Path | None, **fields: object
) -> "tuple[FixIssueJob, Forge | None]":
    """The job of an issue at GitHub, or of a file's text about a local repository with that as its
    forge.
    """
    if (repo is None) != (issue_file is None) or (repo is None) == (issue_url is None):
        raise CommandError("give an ISSUE_URL, or --repo PATH with --issue-file FILE", exits.USAGE)
    title, body = _read_issue(issue_file) if issue_file else ("", "")
    if repo:
        from pipeline.github.local import local_issue_url

        issue_url = local_issue_url(repo, f"{title}\n{body}")
    try:
        job = FixIssueJob.model_validate({"issue_url": issue_url, **fields})
    except ValidationError as error:
        raise CommandError(explain(error), exits.USAGE) from None
    return job, _local_forge(repo, title, body, job) if repo else None


async def _run(
    app: "App", job: FixIssueJob, before_saying: Callable[[], None]
) -> "tuple[str, RunResult]":
    """The run.finished event as it was stored, and its data. ``before_saying`` clears what is on
    the screen.
    """
    from pipeline.worker.one_job import AlreadyRunning, run_job

    def say(text: str) -> None:
        before_saying()
        click.echo(text, err=True)

    loop = asyncio.get_running_loop()

    def stop(number: signal.Signals) -> None:
        # The next one ends the process at once: a git at work may be slow to end.
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)
        say("stopping")
        task.cancel()

    task = asyncio.ensure_future(
        run_job(
            job,
            app.store,
            app.engine,
            on_wait=lambda seconds, why: say(f"waiting {seconds:.0f} s: {why}"),
            on_other_body=lambda: say(
                "this run was begun with other options; those stand until it has ended"
            ),
        )
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    try:
        event, before = await task
    except AlreadyRunning as error:
        raise CommandError(str(error)) from None
    except asyncio.CancelledError:
        same = "the same command without --again" if job.replay else "the same command"
        raise CommandError(f"stopped; {same} goes on where it was", exits.INTERRUPTED) from None
    if before:
        say("this job has ended before; --again runs it anew")
    return event.model_dump_json(), cast("RunResult", event.data)


def _check_ceilings(chosen: "Settings", **asked: float | None) -> None:
    """A job's limits count under the machine's; here both are the same person's, who should know."""
    from pipeline.settings import variable

    for name, value in asked.items():
        ceiling = getattr(chosen, name)
        if value is not None and value > ceiling:
            raise CommandError(
                f"{name}: {value:g} is over the ceiling of {ceiling:g}; set {variable(name)}",
                exits.USAGE,
            )


def _local_forge(repo: Path, title: str, body: str, job: FixIssueJob) -> "Forge":
    """Asked at once, so that a mistake in the command is not the job's end."""
    from pipeline.github import ForgeRefused
    from pipeline.github.local import LocalForge
    from stages.checkout import BRANCHES

    forge = LocalForge(repo, title, body)
    try:
        branch = forge.repository(job.issue).default_branch
    except ForgeRefused as error:
        raise CommandError(f"--repo: {error}", exits.USAGE) from None
    if branch.startswith(BRANCHES) and job.base_branch is None:
        message = (
            f"--repo: it is on {branch}, a branch that a run left: check out the one to work from"
        )
        raise CommandError(f"{message}, or give --base-branch", exits.USAGE)
    return forge


def _copy_patch(result: "RunResult", patch_file: Path) -> None:
    address = result.artifacts.get("patch")
    if address is None:
        click.echo(f"no patch was made; {patch_file} is not written", err=True)
        return
    try:
        with (
            urlopen(address) as patch,  # noqa: S310 - our own: file:, or presigned
            patch_file.open("wb") as file,
        ):
            shutil.copyfileobj(patch, file)
    except OSError as error:
        raise CommandError(f"--patch: {error}; the patch is kept at {address}") from None


def _read_issue(path: Path) -> tuple[str, str]:
    """Title (first line, a heading's marks left out) and body."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise CommandError(f"{path} is not UTF-8 text", exits.USAGE) from None
    if not text.strip():
        raise CommandError(
            f"{path} is empty: write the issue's title in its first line", exits.USAGE
        )
    title, _, body = text.strip().partition("\n")
    return title.lstrip("# ").strip(), body.strip()


def _quiet_logs() -> None:
    """A person watches the progress; libraries' logs are for the worker."""
    logging.basicConfig(level=logging.ERROR)
