"""``prompts list``, ``show``, ``lint`` and ``diff``: inspect templates without rendering them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import click

from cli import exits
from cli.prompts.source import changed_lines, exit_on_template_error, load, template_dir
from prompts.lint import lint
from prompts.schema import Shape
from prompts.template_set import SUFFIX, TemplateSet
from repository.counts import count


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
        rows = [_list_row(templates, name) for name in templates.names]
    for row in rows:
        if as_json:
            click.echo(json.dumps(row))
        else:
            click.echo(
                f"{row['name']:<20} v{row['version']} {row['hash'][:12]}  {row['description']}"
            )
    if not as_json:
        click.echo(f"{'(the set)':<20} {templates.set_hash}")


def _list_row(templates: TemplateSet, name: str) -> dict[str, Any]:
    front = templates.front_matter(name)
    return {
        "name": name,
        "version": front.version,
        "hash": templates.hash(name),
        "description": front.description,
    }


@click.command("show")
@click.argument("name")
@template_dir
@click.pass_context
def show(ctx: click.Context, name: str, named: str | None) -> None:
    """Show one template: its front matter and its text.

    \b
    Example:
      coding-agent prompts show propose
    """
    templates = load(ctx, named)
    with exit_on_template_error():
        front = templates.front_matter(name)
        used = templates.used_by(name)
        digest = templates.hash(name)
    fields = {
        "hash": digest,
        "version": front.version,
        "for": front.reader,
        "output": front.output,
        "hints": _pairs(dict(front.hints)),
        "includes": ", ".join(part for part in used if part != name),
        "tokens": _pairs(front.tokens),
    }
    click.echo(f"{name}: {front.description}")
    for label, value in fields.items():
        click.echo(f"  {label:<10} {value or '-'}")
    click.echo("  variables")
    for path, shape in sorted(_leaves(front.variables, "")):
        click.echo(f"    {path:<32} {_type_of(shape)}")
    text = templates.files[name + SUFFIX].split("---\n", 2)[2]
    click.echo(f"\n{text}", nl=False)


def _pairs(values: Mapping[Any, int]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _type_of(shape: Shape) -> str:
    prefix = ""
    if shape.untrusted:
        prefix = "framed " if shape.framed else "untrusted "
    suffix = " or none" if shape.optional else ""
    return f"{prefix}{shape.kind}{suffix}"


def _leaves(shapes: Mapping[str, Shape], prefix: str) -> Iterator[tuple[str, Shape]]:
    """Yield each variable or field that has no fields of its own, by its path."""
    for name, shape in shapes.items():
        path = prefix + name
        while shape.item is not None:
            path += "[]"
            shape = shape.item
        if shape.fields:
            yield from _leaves(shape.fields, f"{path}.")
        else:
            yield path, shape


@click.command("lint")
@template_dir
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
def lint_(ctx: click.Context, named: str | None, as_json: bool) -> None:
    """Check every template; exits with 1 if there are findings.

    Reports undeclared and unused variables, untrusted text outside a frame, constructs that are not
    part of the template language, texts over their token budget, and templates that fail with a
    golden case.

    \b
    Example:
      coding-agent prompts lint --template-dir ./mine
    """
    findings = lint(load(ctx, named))
    for finding in findings:
        click.echo(json.dumps(asdict(finding)) if as_json else str(finding))
    click.echo(count(len(findings), "finding"), err=True)
    ctx.exit(exits.ERROR if findings else exits.OK)


@click.command("diff")
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.pass_context
def diff(ctx: click.Context, before: str, after: str) -> None:
    """Show the difference between two sets (folders or hashes); exits with 1 if there is one.

    \b
    Example:
      coding-agent prompts diff 9f86d081884c ./mine
    """
    old = load(ctx, before)
    new = load(ctx, after)
    old_files = old.files
    new_files = new.files
    changed = [
        file
        for file in sorted({*old_files, *new_files})
        if old_files.get(file) != new_files.get(file)
    ]
    for file in changed:
        click.echo(changed_lines(old_files.get(file, ""), new_files.get(file, ""), file), nl=False)
        if file in old_files and file in new_files:
            _warn_about_version(old, new, file.removesuffix(SUFFIX))
    noun = "template differs" if len(changed) == 1 else "templates differ"
    click.echo(f"{len(changed)} {noun}", err=True)
    ctx.exit(exits.ERROR if changed else exits.OK)


def _warn_about_version(old: TemplateSet, new: TemplateSet, name: str) -> None:
    with exit_on_template_error():
        old_version = old.front_matter(name).version
        new_version = new.front_matter(name).version
    if new_version <= old_version:
        click.echo(
            f"{name}: the text differs, but its version is not above {old_version}", err=True
        )
