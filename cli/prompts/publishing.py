"""Publish a folder of templates, so that workers can find it by its hash."""

from pathlib import Path

import click

from cli import exits
from cli.command import CommandError, exit_on_settings_error, settings
from cli.prompts.source import load
from pipeline.errors import describe
from prompts.lint import lint
from prompts.template_set import TemplateError, TemplateSet


def publish_folder(ctx: click.Context, folder: Path) -> str:
    """Publish the folder's templates, unless they have lint findings; return the set's hash."""
    return _publish(ctx, _load_without_findings(folder))


def publish_named(ctx: click.Context, named: str) -> str:
    """Let workers find the folder or set ``named``, as ``load`` does; return the set's hash."""
    folder = Path(named)
    if folder.is_dir():
        return publish_folder(ctx, folder)
    return _publish(ctx, load(ctx, named))


def _publish(ctx: click.Context, templates: TemplateSet) -> str:
    from cli.backends import template_sets

    with exit_on_settings_error():
        sets = template_sets(settings(ctx))
    try:
        return sets.publish(templates)
    except Exception as error:  # from the disk, or one of the many from S3
        raise CommandError(f"the templates were not published: {describe(error)}") from None


def _load_without_findings(folder: Path) -> TemplateSet:
    try:
        templates = TemplateSet.load(folder)
    except TemplateError as error:
        raise CommandError(str(error), exits.USAGE) from None
    findings = lint(templates)
    if findings:
        message = f"{folder}: {findings[0]}; see: coding-agent prompts lint --templates {folder}"
        raise CommandError(message, exits.USAGE)
    return templates
