"""``coding-agent fix``: one issue, in this process, with the same engine that the worker uses."""

import asyncio
import logging
import shutil
import signal
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import unquote, urlsplit

import click
from pydantic import ValidationError

from cli import exits
from cli.environment import Failure, settings
from pipeline.job import FixIssueJob, Limits, Options, Replay, explain

if TYPE_CHECKING:
    from cli.wiring import App
    from pipeline.outcome import RunResult


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
    "--patch", "patch_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the patch here, too."
)
@click.option("--model", help="Instead of CODING_AGENT_MODEL: a LiteLLM name, or scripted:FILE.")
@click.option("--base-branch", help="Work from this branch; default: the repository's default branch.")
@click.option("--max-cost", type=click.FloatRange(min=0, min_open=True), help="US dollars this run may spend.")
@click.option("--max-rounds", type=click.IntRange(min=1), help="Rounds this run may take.")
@click.option("--max-minutes", type=click.FloatRange(min=0, min_open=True), help="Minutes this run may work.")
@click.option("--dry-run", is_flag=True, help="Find a fix and keep it as a patch; push nothing.")
@click.option("--draft", is_flag=True, help="Open the pull request as a draft.")
@click.option("--again", is_flag=True, help="Run a finished job once more (a new generation).")
@click.option("--from-stage", help="With --again: keep the results of the stages before this one.")
@click.option("--json", "as_json", is_flag=True, help="Print the run.finished event as JSON.")
@click.pass_context
def command(
    ctx: click.Context, issue_url: str | None, repo: Path | None, issue_file: Path | None, patch_file: Path | None,
    model: str | None, base_branch: str | None, max_cost: float | None, max_rounds: int | None,
    max_minutes: float | None, dry_run: bool, draft: bool, again: bool, from_stage: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Fix one issue here and now.

    Sent twice, the same issue is one job: the second call tells how the first ended (--again runs it anew). A call
    that was killed goes on where it was.

    \b
    Examples:
      coding-agent fix https://github.com/octo/repo/issues/42
      coding-agent fix https://github.com/octo/repo/issues/42 --dry-run --patch fix.diff
      coding-agent fix --repo . --issue-file bug.md --model scripted:reply.md
    """
    if (repo is None) != (issue_file is None) or (repo is None) == (issue_url is None):
        raise Failure("give an ISSUE_URL, or --repo PATH with --issue-file FILE", exits.USAGE)
    if from_stage and not again:
        raise Failure("--from-stage needs --again", exits.USAGE)
    title, body = _read_issue(issue_file) if issue_file else ("", "")
    if repo:
        from pipeline.github.local import local_issue_url

        issue_url = local_issue_url(repo, f"{title}\n{body}")
    try:
        job = FixIssueJob(
            issue_url=issue_url or "",
            base_branch=base_branch,
            replay=Replay(id=f"fix:{uuid.uuid4()}", from_stage=from_stage) if again else None,
            limits=Limits(max_cost_usd=max_cost, max_rounds=max_rounds, max_minutes=max_minutes),
            options=Options(dry_run=dry_run, draft=draft),
        )
    except ValidationError as error:
        raise Failure(explain(error), exits.USAGE) from None
    chosen = settings(ctx, model=model, queue_url="")
    _quiet_logs()
    from cli import wiring
    from cli.progress import print_result, printer
    from pipeline.settings import SettingsError

    try:
        if repo:
            from pipeline.github.local import LocalForge

            app = wiring.build(chosen, LocalForge(repo, title, body), host="file", observer=printer(quiet=as_json))
        else:
            app = wiring.build(chosen, wiring.github_forge(chosen), observer=printer(quiet=as_json))
    except SettingsError as error:
        raise Failure(str(error), exits.USAGE) from None
    event, result = asyncio.run(_run(app, job))
    if patch_file and (address := result.artifacts.get("patch")):
        shutil.copyfile(unquote(urlsplit(address).path), patch_file)
    if as_json:
        click.echo(event)
    else:
        print_result(result)
    ctx.exit(exits.of(result.outcome))


async def _run(app: "App", job: FixIssueJob) -> "tuple[str, RunResult]":
    """The run.finished event as it was stored, and its data."""
    from pipeline.local import AlreadyRunning, run_job

    task = asyncio.ensure_future(run_job(job, app.store, app.engine, on_wait=_say_wait))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        event, before = await task
    except AlreadyRunning as error:
        raise Failure(str(error)) from None
    except asyncio.CancelledError:
        raise Failure("stopped; the same command goes on where it was", exits.INTERRUPTED) from None
    finally:
        app.store.close()
    if before:
        click.echo("this job has ended before; --again runs it anew", err=True)
    return event.model_dump_json(), cast("RunResult", event.data)


def _say_wait(seconds: float, reason: str) -> None:
    click.echo(f"waiting {seconds:.0f} s: {reason}", err=True)


def _read_issue(path: Path) -> tuple[str, str]:
    """Title (first line, a heading's marks left out) and body."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise Failure(f"{path} is not UTF-8 text", exits.USAGE) from None
    title, _, body = text.strip().partition("\n")
    return title.lstrip("# ").strip(), body.strip()


def _quiet_logs() -> None:
    """A person watches the progress; libraries' logs are for the worker."""
    logging.basicConfig(level=logging.ERROR)
