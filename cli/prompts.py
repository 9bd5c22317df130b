"""``coding-agent prompts``: what a prompt engineer works with."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from cli import exits
from cli.environment import Failure, settings, settings_told
from prompts import TemplateError, TemplateSet, lint

_FOLDER = click.option(
    "--templates", "folder", type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of templates; default: CODING_AGENT_TEMPLATES, else the shipped ones.",
)  # fmt: skip


@click.group("prompts")
def command() -> None:
    """List, check and render the prompt templates.

    \b
    Examples:
      coding-agent prompts list
      coding-agent prompts lint --templates ./my-templates
      coding-agent prompts render propose --job JOB_ID --templates ./my-templates
      coding-agent prompts render commit_message --variables values.json
    """


@command.command("list")
@_FOLDER
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
def list_(ctx: click.Context, folder: Path | None, as_json: bool) -> None:
    """List the templates with their hashes.

    \b
    Example:
      coding-agent prompts list --json
    """
    templates = _load(ctx, folder)
    with _templates_told():
        rows = [(name, templates.hash(name), templates.front_matter(name).description) for name in templates.names]
    for name, digest, description in rows:
        told = {"name": name, "hash": digest, "description": description}
        click.echo(json.dumps(told) if as_json else f"{name:<20} {digest[:12]}  {description}")
    if not as_json:
        click.echo(f"{'(the set)':<20} {templates.set_hash[:12]}")


@command.command("lint")
@_FOLDER
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
def lint_(ctx: click.Context, folder: Path | None, as_json: bool) -> None:
    """Check every template; exits with 1 where something is wrong.

    \b
    Example:
      coding-agent prompts lint --templates ./my-templates
    """
    findings = lint(_load(ctx, folder))
    for finding in findings:
        click.echo(json.dumps(asdict(finding)) if as_json else str(finding))
    click.echo(f"{len(findings)} finding{'s' * (len(findings) != 1)}", err=True)
    ctx.exit(exits.ERROR if findings else exits.OK)


@command.command("render")
@click.argument("name")
@_FOLDER
@click.option("--variables", type=click.File(encoding="utf-8"), help="A JSON object with the template's variables.")
@click.option("--job", "job_id", help="Take them from this job's stored run, as its prompt would be made.")
@click.option("--generation", type=click.IntRange(min=0), help="With --job: default: the newest.")
@click.pass_context
def render(
    ctx: click.Context, name: str, folder: Path | None, variables: Any, job_id: str | None, generation: int | None
) -> None:
    """Render one template, exactly as a run would send it. Nothing is sent.

    \b
    Examples:
      coding-agent prompts render propose --job JOB_ID --templates ./my-templates
      coding-agent prompts render pull_request_title --variables values.json
    """
    templates = _load(ctx, folder)
    with _templates_told():
        declared = templates.front_matter(name).variables
    if (variables is None) == (job_id is None):
        named = ", ".join(declared) or "nothing"
        raise Failure(f"give --job JOB_ID, or --variables FILE with: {named}", exits.USAGE)
    values = _stored(ctx, job_id, generation) if job_id else _read(variables)
    if job_id and (more := [variable for variable in declared if variable not in values]):
        raise Failure(f"--job has no {', '.join(more)} for {name}: give --variables FILE", exits.USAGE)
    with _templates_told():
        click.echo(templates.render(name, **values), nl=False)


@contextmanager
def _templates_told() -> Iterator[None]:
    try:
        yield
    except TemplateError as error:
        raise Failure(str(error), exits.USAGE) from None


def _load(ctx: click.Context, folder: Path | None) -> TemplateSet:
    from cli.wiring import template_sets

    with _templates_told(), settings_told():
        return TemplateSet.load(folder) if folder else template_sets(settings(ctx)).wanted()


def _read(file: Any) -> dict[str, Any]:
    try:
        values = json.load(file)
    except ValueError as error:
        raise Failure(f"{file.name}: not JSON: {error}", exits.USAGE) from None
    if not isinstance(values, dict):
        raise Failure(f"{file.name}: a JSON object is needed, variable -> value", exits.USAGE)
    return values


def _stored(ctx: click.Context, job_id: str, generation: int | None) -> dict[str, Any]:
    """The variables of the run's last prompt, from its stored results."""
    from cli.wiring import open_artifacts, open_store
    from pipeline.checkpoints import read
    from stages.build_context import Context
    from stages.fetch_issue import Issue
    from stages.prepare_tests import Suite
    from stages.propose_patch import prompt_variables

    chosen = settings(ctx)
    with settings_told():
        store, artifacts = open_store(chosen), open_artifacts(chosen)
    ctx.call_on_close(store.close)
    row = store.run(job_id, generation)
    if row is None:
        raise Failure(f"there is no such run of job {job_id!r} in this store; see: coding-agent jobs list", exits.USAGE)
    kept = {c.stage: c for c in store.checkpoints(row.job_id, row.generation)}
    missing = [stage for stage in ("fetch_issue", "build_context", "prepare_tests") if stage not in kept]
    if missing:
        raise Failure(f"the run has no result of {', '.join(missing)}: it ended before a prompt was made")
    rounds = store.rounds(row.job_id, row.generation)
    return prompt_variables(
        read(artifacts, kept["fetch_issue"], Issue),
        read(artifacts, kept["build_context"], Context),
        read(artifacts, kept["prepare_tests"], Suite),
        rounds[-1].because if rounds else None,
    )
