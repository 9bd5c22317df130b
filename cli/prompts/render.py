"""``prompts render``: show the prompt that a run would send, without sending it."""

import asyncio
import json
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from cli import exits
from cli.command import CommandError, exit_on_settings_error, settings
from cli.job_argument import complete_job
from cli.prompts.source import exit_on_template_error, load, template_dir
from prompts.template_set import TemplateSet

if TYPE_CHECKING:
    from pipeline.model import Message, ModelReply, ModelRequest
    from pipeline.model.capabilities import ModelProfile
    from pipeline.model.worst_case import WorstCase


@click.command("render")
@click.argument("what", metavar="[ISSUE_URL|NAME]", required=False)
@template_dir
@click.option(
    "--repo",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A local repository.",
)
@click.option(
    "--issue-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --repo: the issue's text, its title in the first line or in front matter.",
)
@click.option(
    "--variables",
    type=click.File(encoding="utf-8"),
    help="With NAME: a JSON file with the template's variables.",
)
@click.option(
    "--job",
    shell_complete=complete_job,
    help="With NAME: take the variables from this job's stored run: an id or its beginning,"
    " OWNER/REPO#N or an address.",
)
@click.option("--generation", type=click.IntRange(min=0), help="With --job; default: the newest.")
@click.pass_context
def render(  # noqa: PLR0913 - one parameter an option
    ctx: click.Context,
    what: str | None,
    named: str | None,
    repo: Path | None,
    issue_file: Path | None,
    variables: TextIO | None,
    job: str | None,
    generation: int | None,
) -> None:
    """Render the prompt that a run would send, without sending it.

    For an issue, renders the whole first prompt: the stages before it are run, including the
    repository's tests. For a NAME, renders one template.

    \b
    Examples:
      coding-agent prompts render https://github.com/octo/repo/issues/42
      coding-agent prompts render --repo . --issue-file bug.md --template-dir ./mine
      coding-agent prompts render propose --job octo/repo#42 --template-dir ./mine
      coding-agent prompts render pull_request_title --variables values.json
    """
    is_issue = what is not None and "://" in what
    if repo or issue_file or is_issue:
        for message in _first_prompt(ctx, what, repo, issue_file, load(ctx, named)):
            click.echo(f"[{message.role}]\n\n{message.content}")
        return
    if what is None:
        raise CommandError(
            "give an ISSUE_URL, a template's NAME, or --repo PATH with --issue-file FILE",
            exits.USAGE,
        )
    templates = load(ctx, named)
    if job is not None and variables is None:
        values = _stored_variables(ctx, job, generation)
        _require_all(templates, what, values)
    elif variables is not None and job is None:
        values = _read_variables(variables)
    else:
        with exit_on_template_error():
            declared = templates.front_matter(what).variables
        names = ", ".join(declared) or "nothing"
        raise CommandError(f"give --job JOB_ID, or --variables FILE with: {names}", exits.USAGE)
    with exit_on_template_error():
        click.echo(templates.render(what, **values), nl=False)


def _require_all(templates: TemplateSet, name: str, values: dict[str, Any]) -> None:
    with exit_on_template_error():
        missing = templates.missing_variables(name, values)
    if missing:
        raise CommandError(
            f"--job has no {', '.join(missing)} for {name}: give --variables FILE", exits.USAGE
        )


def _read_variables(file: TextIO) -> dict[str, Any]:
    try:
        values = json.load(file)
    except ValueError as error:
        raise CommandError(f"{file.name}: not JSON: {error}", exits.USAGE) from None
    if not isinstance(values, dict):
        raise CommandError(f"{file.name}: not a JSON object, variable -> value", exits.USAGE)
    return values


def _stored_variables(ctx: click.Context, job: str, generation: int | None) -> dict[str, Any]:
    """Return the variables of the run's last prompt, from its stored results."""
    from cli.prompts.runs import stored_run
    from repository.testing.models import Suite
    from stages.build_context import Context
    from stages.fetch_issue import Issue
    from stages.propose_patch import prompt_variables

    run = stored_run(ctx, job, generation)
    run.require("fetch_issue", "build_context", "prepare_tests")
    feedback = run.rounds[-1].because if run.rounds else None
    return prompt_variables(run.read(Issue), run.read(Context), run.read(Suite), feedback)


class _RequestRecorder:
    """A model client that records the first request and then ends the run."""

    def __init__(self) -> None:
        self.messages: tuple[Message, ...] = ()

    def profile(self, model: str) -> "ModelProfile":
        from pipeline.model.capabilities import ModelProfile

        return ModelProfile()

    def worst_case(self, request: "ModelRequest") -> "WorstCase":
        from pipeline.model.worst_case import WorstCase

        return WorstCase(0.0)

    def record_usage(self, request: "ModelRequest", reply: "ModelReply") -> None:
        """There is no reply."""

    async def complete(self, request: "ModelRequest") -> "ModelReply":
        from pipeline.errors import Halt
        from pipeline.outcome import Outcome

        self.messages = request.messages
        raise Halt(Outcome.NO_FIX, "only the prompt was requested")


def _first_prompt(
    ctx: click.Context,
    issue_url: str | None,
    repo: Path | None,
    issue_file: Path | None,
    templates: TemplateSet,
) -> "Sequence[Message]":
    """Run an issue up to its first request to a model, and return the request's messages."""
    from cli import backends, wiring
    from cli.issue_source import IssueSource
    from cli.progress import Printer
    from cli.prompts.runs import scratch_settings
    from pipeline.worker.one_job import run_job

    # A new job id: the workspace must not be one of a worker on this machine.
    fields: dict[str, Any] = {"job_id": f"workbench-{uuid.uuid4()}", "options": {"dry_run": True}}
    job, forge = IssueSource(issue_url, repo, issue_file).to_job(**fields)
    recorder = _RequestRecorder()
    printer = Printer()
    with (
        tempfile.TemporaryDirectory(prefix="coding-agent-render-") as folder,
        exit_on_settings_error(),
    ):
        config = scratch_settings(settings(ctx), Path(folder), templates)
        forge = forge or backends.github_forge(config)
        app = wiring.build(config, forge, host=job.issue.host, model=recorder, observer=printer)
        try:
            event, _ = asyncio.run(run_job(job, app.store, app.engine, on_wait=lambda *_: None))
        finally:
            printer.stop()
            app.store.close()
    if not recorder.messages:
        raise CommandError(f"the run made no prompt: {getattr(event.data, 'reason', '')}")
    return recorder.messages
