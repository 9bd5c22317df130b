"""``coding-agent doctor``: every setting with its source, every tool, and how to fix what is
missing.
"""

import asyncio
import os
from dataclasses import dataclass, replace

import click
from pydantic import ValidationError

from cli import exits
from cli.check import DEPLOYMENT, Check
from cli.checks import check_aws, check_names, run_checks
from cli.command import CommandError, global_option, read_env
from cli.option_groups import option_group, repository_option
from cli.output import Output, json_option
from pipeline import settings as config
from pipeline.job import explain
from pipeline.settings import Settings, SettingsError
from repository.counts import count

#: How long the job of --aws may take, in seconds.
WAIT_SECONDS = 1200
#: The source of a setting that nobody set.
DEFAULT = "default"


@dataclass(frozen=True)
class SettingRow:
    """A setting as doctor shows it."""

    variable: str
    value: str
    source: str
    meaning: str


@dataclass(frozen=True)
class Canary:
    """A job that is sent through a deployment."""

    aws: bool
    issue: str | None
    wait: int | None
    """Seconds; None for ``WAIT_SECONDS``."""


_with_canary = option_group(
    "canary",
    Canary,
    click.option(
        "--aws", is_flag=True, help="Send a job through queue, worker and topic; needs --issue."
    ),
    click.option(
        "--issue", metavar="ISSUE_URL", help="The job's issue. It is a dry run: nothing is pushed."
    ),
    click.option(
        "--wait",
        type=click.IntRange(1, 7200),
        help=f"Seconds to wait for the job of --aws to end; default: {WAIT_SECONDS}.",
    ),
)


@click.command("doctor")
@_with_canary
@repository_option("Also ask GitHub what would stop a run in this repository.")
@click.option(
    "--online/--offline",
    "online",
    default=None,
    help="--online: also ask each model for a reply of 16 tokens, and tell its cost. --offline: ask"
    " nobody. By default, everything is asked that costs nothing.",
)
@click.option("--all", "show_all", is_flag=True, help="Also show settings that have their default.")
@json_option("Print one JSON object: settings, checks, ok.")
@click.pass_context
def command(
    ctx: click.Context,
    canary: Canary,
    repository: str | None,
    online: bool | None,
    show_all: bool,
    output: Output,
) -> None:
    """Check what `fix` and `worker` need, with how to set what is missing, and show the settings.

    It asks GitHub and AWS about the token, the queues, the topic, the table and the bucket, and
    runs a command in the sandbox. Exits with 0 if `fix` can run, and also `worker` if a queue or a
    topic is set; with 2 if something that they need is missing or refused.

    With --aws, it checks a deployment from outside; only CODING_AGENT_QUEUE_URL and
    CODING_AGENT_TOPIC_ARN must be set. It sends a dry run (one round, at most half a dollar) and
    subscribes a temporary queue to the topic. It exits with 4 if the job got stuck, and says where.

    With --repo, it asks what a run asks before a model is paid: is the repository there and open,
    may the token push a branch and open a pull request. Nothing is pushed.

    \b
    Examples:
      coding-agent doctor
      coding-agent doctor --online
      coding-agent doctor --repo octo/repo
      coding-agent doctor --json
      coding-agent doctor --aws --issue https://github.com/octo/repo/issues/42
    """
    if canary.aws != bool(canary.issue):
        raise CommandError("--aws and --issue ISSUE_URL go together", exits.USAGE)
    if canary.wait is not None and not canary.aws:
        raise CommandError("--wait is for the job of --aws", exits.USAGE)
    if canary.aws and online is not None:
        raise CommandError("--aws sends a job: leave out --online and --offline", exits.USAGE)
    if repository and (canary.aws or online is False):
        raise CommandError("--repo asks GitHub: leave out --aws and --offline", exits.USAGE)
    from_file = read_env(ctx)
    data_dir = global_option(ctx, "data_dir")
    rows: list[SettingRow] = []
    is_for_worker = True
    try:
        settings = config.load({"data_dir": data_dir})
    except SettingsError as error:
        checks = check_names() + _invalid_settings(error)
    else:
        rows = _setting_rows(settings, from_file, data_dir)
        is_for_worker = canary.aws or bool(settings.queue_url or settings.topic_arn)
        if canary.issue is None:
            checks = run_checks(settings, online=online is not False, paid=online is True)
            if repository is not None:
                checks += _check_access(settings, repository)
        else:
            checks = _check_deployment(settings, canary.issue, canary.wait or WAIT_SECONDS)
    failed = [check for check in checks if not check.ok]
    if not is_for_worker:
        failed = [check for check in failed if check.is_needed_for_fix]
    payload = {
        "settings": [vars(row) for row in rows],
        "checks": [check.to_json() for check in checks],
        "ok": not failed,
    }
    output.write_styled(payload, [*_check_lines(checks), "", *_setting_lines(rows, show_all)])
    ctx.exit(_exit_code(failed))


def _invalid_settings(error: SettingsError) -> list[Check]:
    checks = []
    for line in str(error).splitlines():
        variable, _, message = line.partition(": ")
        checks.append(Check(variable.removesuffix(":"), False, "wrong", message))
    return checks


def _setting_rows(
    settings: Settings, from_file: set[str], data_dir: str | None
) -> list[SettingRow]:
    rows = []
    for name in Settings.model_fields:
        row = _setting_row(settings, name, from_file)
        if name == "data_dir" and data_dir:
            row = replace(row, source="--data-dir")
        rows.append(row)
    return rows


def _setting_row(settings: Settings, name: str, from_file: set[str]) -> SettingRow:
    variable = config.variable(name)
    source = DEFAULT
    if variable in from_file:
        source = ".env"
    elif os.environ.get(variable):
        source = "environment"
    return SettingRow(
        variable=variable,
        value=config.format_value(getattr(settings, name)),
        source=source,
        meaning=Settings.model_fields[name].description or "",
    )


def _check_deployment(settings: Settings, issue: str, seconds: float) -> list[Check]:
    """Return the canary's checks, or those of its settings if any fails. Ends the command if
    ``issue`` is not the address of an issue.
    """
    from cli.canary import run_canary

    checks = check_aws(settings, online=True)
    if not all(check.ok for check in checks):
        return checks
    assert settings.queue_url and settings.topic_arn  # noqa: S101 (checked above)
    try:
        canary = asyncio.run(run_canary(settings.queue_url, settings.topic_arn, issue, seconds))
    except ValidationError as error:
        raise CommandError(f"--issue: {explain(error)}; nothing was sent", exits.USAGE) from None
    for check in canary:
        checks.append(replace(check, needed_for=DEPLOYMENT))
    return checks


def _check_access(settings: Settings, name: str) -> list[Check]:
    from cli.repository_checks import check_access

    try:
        return check_access(settings, name)
    except ValueError as error:
        raise CommandError(f"--repo: {error}", exits.USAGE) from None


def _exit_code(failed: list[Check]) -> int:
    if any(check.needed_for == DEPLOYMENT for check in failed):
        return exits.FAILED
    return exits.USAGE if failed else exits.OK


def _check_lines(checks: list[Check]) -> list[str]:
    from rich.markup import escape

    lines = []
    for check in checks:
        name = escape(check.name)
        if check.ok:
            lines.append(f"[green]✓[/] {name}: {escape(check.detail)}")
            continue
        line = f"[red]✗[/] {name}: {escape(check.hint)}"
        if not check.is_needed_for_fix:
            line += f" [dim](for {check.needed_for})[/]"
        lines.append(line)
    return lines


def _setting_lines(rows: list[SettingRow], show_all: bool) -> list[str]:
    from rich.markup import escape

    shown = [row for row in rows if show_all or row.source != DEFAULT]
    lines = []
    for row in shown:
        value = escape(row.value) or "(not set)"
        lines.append(f"{row.variable} = {value}  [dim]from {escape(row.source)}[/]")
        lines.append(f"    [dim]{escape(row.meaning)}[/]")
    hidden = len(rows) - len(shown)
    if hidden:
        lines.append(f"[dim]{count(hidden, 'setting')} with the default value: --all shows them[/]")
    return lines
