"""``prompts list``, ``show``, ``lint``, ``render`` and ``diff``: no model is asked."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from cli import exits
from cli.command import CommandError
from cli.prompts.source import changed_lines, exit_on_template_error, load, template_dir
from prompts import lint
from prompts.schema import Shape


@click.command("list")
@template_dir
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
def list_(ctx: click.Context, named: str | None, as_json: bool) -> None:
    """List the templates with their versions and hashes.

    \b
    Example:
      coding-agent prompts list --json
    """
    templates = load(ctx, named)
    with exit_on_template_error():
        rows = [
            (name, templates.hash(name), templates.front_matter(name)) for name in templates.names
        ]
    for name, digest, front in rows:
        told = {
            "name": name,
            "version": front.version,
            "hash": digest,
            "description": front.description,
        }
        click.echo(
            json.dumps(told)
            if as_json
            else f"{name:<20} v{front.version} {digest[:12]}  {front.description}"
        )
    if not as_json:
        click.echo(f"{'(the set)':<20} {templates.set_hash}")


@click.command("show")
@click.argument("name")
@template_dir
@click.pass_context
def show(ctx: click.Context, name: str, named: str | None) -> None:
    """Show one template: what it says of itself, and its text.

    \b
    Example:
      coding-agent prompts show propose
    """
    templates = load(ctx, named)
    with exit_on_template_error():
        front = templates.front_matter(name)
        parts = templates.used_by(name)
    told = {
        "hash": templates.hash(name),
        "version": front.version,
        "for": front.reader,
        "output": front.output,
        "hints": ", ".join(f"{hint} {value}" for hint, value in front.hints.items()),
        "includes": ", ".join(part for part in parts if part != name),
        "tokens": ", ".join(f"{section} {most}" for section, most in front.tokens.items()),
    }
    click.echo(f"{name}: {front.description}")
    for label, value in told.items():
        click.echo(f"  {label:<10} {value or '-'}")
    click.echo("  variables")
    for path, shape in sorted(_leaves(front.variables)):
        click.echo(
            f"    {path:<32}"
            f" {'untrusted ' * shape.untrusted}{shape.kind}{' or none' * shape.optional}"
        )
    text = templates.files[f"{name}.md.j2"].split("---\n", 2)[2]
    click.echo(f"\n{text}", nl=False)


def _leaves(shapes: Any, above: str = "") -> list[tuple[str, Shape]]:
    found: list[tuple[str, Shape]] = []
    for name, shape in shapes.items():
        path = f"{above}{name}"
        of = shape
        while of.item:
            path = f"{path}[]"
            of = of.item
        found += _leaves(of.fields, f"{path}.") if of.fields else [(path, of)]
    return found


@click.command("lint")
@template_dir
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
def lint_(ctx: click.Context, named: str | None, as_json: bool) -> None:
    """Check every template; exits with 1 where something is wrong.

    Found are: undeclared and unused variables, a stranger's text outside its delimiters, a text over its token budget,
    what fails with the golden cases.

    \b
    Example:
      coding-agent prompts lint --template-dir ./mine
    """
    findings = lint(load(ctx, named))
    for finding in findings:
        click.echo(json.dumps(asdict(finding)) if as_json else str(finding))
    click.echo(f"{len(findings)} finding{'s' * (len(findings) != 1)}", err=True)
    ctx.exit(exits.ERROR if findings else exits.OK)


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
    help="With --repo: the issue's text, its title in the first line.",
)
@click.option(
    "--variables", type=click.File(encoding="utf-8"), help="NAME: a JSON object with its variables."
)
@click.option(
    "--job",
    "job_id",
    help="NAME: take them from this job's stored run, as its prompt would be made.",
)
@click.option("--generation", type=click.IntRange(min=0), help="With --job: default: the newest.")
@click.pass_context
def render(
    ctx: click.Context,
    what: str | None,
    named: str | None,
    repo: Path | None,
    issue_file: Path | None,
    variables: Any,
    job_id: str | None,
    generation: int | None,
) -> None:
    """Render what a run would send. Nothing is sent.

    For an issue, the first prompt whole: the stages before it are run, the repository's tests included. For a NAME, one
    template.

    \b
    Examples:
      coding-agent prompts render https://github.com/octo/repo/issues/42
      coding-agent prompts render --repo . --issue-file bug.md --template-dir ./mine
      coding-agent prompts render propose --job JOB_ID --template-dir ./mine
      coding-agent prompts render pull_request_title --variables values.json
    """
    if repo or issue_file or (what and "://" in what):
        from cli.prompts.replay import first_prompt

        for message in first_prompt(ctx, what, repo, issue_file, load(ctx, named)):
            click.echo(f"[{message.role}]\n\n{message.content}")
        return
    if what is None:
        raise CommandError(
            "give an ISSUE_URL, a template's NAME, or --repo PATH with --issue-file FILE",
            exits.USAGE,
        )
    templates = load(ctx, named)
    with exit_on_template_error():
        declared = templates.front_matter(what).variables
    if (variables is None) == (job_id is None):
        wanted = ", ".join(declared) or "nothing"
        raise CommandError(f"give --job JOB_ID, or --variables FILE with: {wanted}", exits.USAGE)
    values = _stored(ctx, job_id, generation) if job_id else _read(variables)
    if job_id and (
        more := [
            name for name, shape in declared.items() if name not in values and not shape.optional
        ]
    ):
        raise CommandError(
            f"--job has no {', '.join(more)} for {what}: give --variables FILE", exits.USAGE
        )
    with exit_on_template_error():
        click.echo(templates.render(what, **values), nl=False)


def _read(file: Any) -> dict[str, Any]:
    try:
        values = json.load(file)
    except ValueError as error:
        raise CommandError(f"{file.name}: not JSON: {error}", exits.USAGE) from None
    if not isinstance(values, dict):
        raise CommandError(f"{file.name}: a JSON object is needed, variable -> value", exits.USAGE)
    return values


def _stored(ctx: click.Context, job_id: str, generation: int | None) -> dict[str, Any]:
    """The variables of the run's last prompt, from its stored results."""
    from cli.prompts.runs import stored_run
    from repository.testing.models import Suite
    from stages.build_context import Context
    from stages.fetch_issue import Issue
    from stages.propose_patch import prompt_variables

    run = stored_run(ctx, job_id, generation)
    run.needs("fetch_issue", "build_context", "prepare_tests")
    because = run.rounds[-1].because if run.rounds else None
    return prompt_variables(run.read(Issue), run.read(Context), run.read(Suite), because)


@click.command("diff")
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.pass_context
def diff(ctx: click.Context, before: str, after: str) -> None:
    """Show what differs between two sets (folders or hashes); exits with 1 where something does.

    \b
    Example:
      coding-agent prompts diff HASH ./mine
    """
    old = load(ctx, before)
    new = load(ctx, after)
    changed = [
        name
        for name in sorted({*old.files, *new.files})
        if old.files.get(name) != new.files.get(name)
    ]
    for name in changed:
        click.echo(changed_lines(old.files.get(name, ""), new.files.get(name, ""), name), nl=False)
        bare = name.removesuffix(".md.j2")
        with exit_on_template_error():
            if bare in old.names and bare in new.names:
                version = old.front_matter(bare).version
                if new.front_matter(bare).version <= version:
                    click.echo(
                        f"{bare}: the text differs, and its version is not above {version}",
                        err=True,
                    )
    click.echo(f"{len(changed)} template{'s' * (len(changed) != 1)} differ", err=True)
    ctx.exit(exits.ERROR if changed else exits.OK)
