"""``coding-agent doctor``: every setting with its source, every tool, and how to mend what is
missing.
"""

import asyncio
import json
import os
import shutil
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import click
from pydantic import ValidationError

from cli import exits
from cli.command import CommandError, read_env
from pipeline import settings as config
from pipeline.job import explain
from pipeline.settings import Settings, SettingsError

#: What a check of --aws is needed for.
DEPLOYMENT = "the deployment"


@dataclass(frozen=True)
class Check:
    name: str
    ok: bool
    found: str
    mend: str = ""
    needed_for: str = "fix and worker"


#: A model's prefix -> the variable that LiteLLM reads its key from
#: (https://docs.litellm.ai/docs/providers).
PROVIDER_KEYS = {
    "openai": "OPENAI_API_KEY",
    "gpt": "OPENAI_API_KEY",
    "o1": "OPENAI_API_KEY",
    "o3": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "claude": "ANTHROPIC_API_KEY",
    "gemini": "GEMINI_API_KEY",
    "openrouter": "OPENROUTER_API_KEY",
    "mistral": "MISTRAL_API_KEY",
    "deepseek": "DEEPSEEK_API_KEY",
}


@click.command("doctor")
@click.option(
    "--aws", is_flag=True, help="Send a job through queue, worker and topic instead; needs --issue."
)
@click.option(
    "--issue", metavar="ISSUE_URL", help="The job's issue. It is a dry run: nothing is pushed."
)
@click.option(
    "--wait",
    type=click.IntRange(1, 7200),
    default=1200,
    show_default=True,
    help="Seconds to wait for the job's end.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object: settings, checks, ok.")
@click.pass_context
def command(ctx: click.Context, aws: bool, issue: str | None, wait: int, as_json: bool) -> None:
    """Show each setting, where it came from, and what is missing, with how to set it.

    Exits with 0 where `fix` can run, with 2 where something it needs is missing. Whether the model has a known price is
    checked when `fix` or `worker` starts: that takes seconds.

    With --aws it looks at a deployment from outside, with CODING_AGENT_QUEUE_URL and CODING_AGENT_TOPIC_ARN alone: it
    sends a dry run (one round, half a dollar at most) and listens to the topic by a queue of its own, which it deletes.
    It exits with 4 where the job got stuck, and says where.

    \b
    Examples:
      coding-agent doctor
      coding-agent doctor --json
      coding-agent doctor --aws --issue https://github.com/octo/repo/issues/42
    """
    if aws != bool(issue):
        raise CommandError("--aws and --issue ISSUE_URL go together", exits.USAGE)
    from_file = read_env(ctx)
    data_dir = ctx.find_root().params.get("data_dir")
    try:
        settings = config.load({"data_dir": data_dir})
    except SettingsError as error:
        checks = [
            Check(line.split(":")[0], False, "wrong", line.partition(": ")[2])
            for line in str(error).splitlines()
        ]
        rows: list[dict[str, str]] = []
    else:
        rows = [_row(settings, name, from_file) for name in Settings.model_fields]
        if data_dir:
            next(row for row in rows if row["variable"] == config.variable("data_dir"))[
                "source"
            ] = "--data-dir"
        checks = run_checks(settings) if issue is None else _deployment(settings, issue, wait)
    needed = [check for check in checks if not check.ok and (aws or "fix" in check.needed_for)]
    if as_json:
        click.echo(
            json.dumps(
                {"settings": rows, "checks": [asdict(check) for check in checks], "ok": not needed}
            )
        )
    else:
        _print(rows, checks)
    stuck = any(check.needed_for == DEPLOYMENT for check in needed)
    ctx.exit(exits.FAILED if stuck else exits.USAGE if needed else exits.OK)


def _row(settings: Settings, name: str, from_file: set[str]) -> dict[str, str]:
    variable = config.variable(name)
    value = getattr(settings, name)
    source = (
        ".env"
        if variable in from_file
        else "environment"
        if os.environ.get(variable)
        else "default"
    )
    return {
        "variable": variable,
        "value": config.format_value(value),
        "source": source,
        "meaning": Settings.model_fields[name].description or "",
    }


def run_checks(settings: Settings) -> list[Check]:
    return [
        *_tools(settings),
        _github(settings),
        *_model(settings),
        _templates(settings),
        _data_dir(settings),
        *_aws(settings),
    ]


def _tools(settings: Settings) -> list[Check]:
    from cli.wiring import python_folders, sandbox_for, uv_path
    from repository.testing.install.interpreters import find_interpreters
    from sandbox import NoIsolation

    git = shutil.which("git")
    checks = [Check("git", git is not None, git or "", "install git: apt-get install git")]
    try:
        checks.append(Check("uv", True, str(uv_path())))
    except SettingsError as error:
        checks.append(Check("uv", False, "", str(error)))
    try:
        sandbox = sandbox_for(settings, local=not settings.queue_url)
        checks.append(Check("sandbox", True, sandbox.name))
    except NoIsolation as error:
        checks.append(Check("sandbox", False, "", str(error)))
    pythons = find_interpreters(python_folders(settings))
    found = ", ".join(f"python3.{minor}" for minor in sorted(pythons))
    checks.append(
        Check(
            "interpreters",
            bool(pythons),
            found,
            "set CODING_AGENT_PYTHONS to folders with python3.X in them",
        )
    )
    return [*checks, *_extras(settings)]


def _extras(settings: Settings) -> list[Check]:
    """Optional parts, looked for without the seconds that importing them takes."""
    wanted = [
        ("github", "PyGithub", "github", "fix and worker"),
        ("aioboto3", "aioboto3", "aws", "worker"),
    ]
    if not (settings.model or "").startswith("scripted:"):
        wanted.append(("litellm", "litellm", "model", "fix and worker"))
    return [
        Check(
            name,
            find_spec(module) is not None,
            "installed",
            f"pip install 'coding-agent[{extra}]'",
            needed_for,
        )
        for module, name, extra, needed_for in wanted
    ]


def _github(settings: Settings) -> Check:
    mend = (
        "set GITHUB_TOKEN: a fine-grained token with Contents and Pull requests (write) and Issues"
        " (read); not needed for fix --repo"
    )
    if settings.github_app_id and settings.github_app_private_key:
        return Check("GITHUB_APP_ID", True, settings.github_app_id)
    return Check(
        "GITHUB_TOKEN",
        settings.github_token is not None,
        "(set)" if settings.github_token else "",
        mend,
    )


def _model(settings: Settings) -> list[Check]:
    name = settings.model
    if not name:
        mend = (
            "set CODING_AGENT_MODEL to a LiteLLM model name, or scripted:FILE to try without a key"
        )
        return [Check("CODING_AGENT_MODEL", False, "", mend)]
    if name.startswith("scripted:"):
        path = Path(name.removeprefix("scripted:"))
        return [Check("CODING_AGENT_MODEL", path.is_file(), name, f"there is no file {path}")]
    key = PROVIDER_KEYS.get(name.split("/")[0].split("-")[0])
    checks = [Check("CODING_AGENT_MODEL", True, name)]
    if key:
        found = "(set)" if os.environ.get(key) else ""
        checks.append(Check(key, bool(found), found, f"set {key}: the key for {name}"))
    return checks


def _templates(settings: Settings) -> Check:
    from cli.wiring import template_sets
    from prompts import TemplateError

    try:
        return Check("templates", True, f"set {template_sets(settings).wanted().set_hash[:12]}")
    except (SettingsError, TemplateError) as error:
        return Check("templates", False, "", str(error))


def _data_dir(settings: Settings) -> Check:
    folder = settings.data_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free / 1e9
    except OSError as error:
        return Check("data directory", False, str(folder), f"{error}: set CODING_AGENT_DATA_DIR")
    writable = os.access(folder, os.W_OK)
    return Check(
        "data directory",
        writable and free > 1,
        f"{folder}, {free:.0f} GB free",
        "needs 1 GB that can be written",
    )


def _aws(settings: Settings) -> list[Check]:
    """Queue and topic: only the worker and submit need them. Asked for real where they are set."""
    checks = []
    for name, value, told in (
        ("CODING_AGENT_QUEUE_URL", settings.queue_url, "the SQS queue's URL"),
        ("CODING_AGENT_TOPIC_ARN", settings.topic_arn, "the SNS topic's ARN"),
    ):
        checks.append(
            Check(name, bool(value), value or "", f"set {name}: {told}", needed_for="worker")
        )
    if settings.queue_url:
        checks.append(asyncio.run(_ask_queue(settings.queue_url)))
    return checks


async def _ask_queue(url: str) -> Check:
    from pipeline.errors import describe
    from pipeline.queue import SqsQueue

    try:
        async with SqsQueue(url, visibility_timeout=30) as queue:
            return Check(
                "dead-letter queue", True, await queue.dead_letters_url(), needed_for="worker"
            )
    except Exception as error:  # whatever is wrong with it is what the operator wants to read
        return Check("queue", False, url, describe(error), needed_for="worker")


def _deployment(settings: Settings, issue: str, seconds: float) -> list[Check]:
    """Raises CommandError: the issue's address is none."""
    checks = _aws(settings)
    if not all(check.ok for check in checks):
        return checks
    from cli.canary import sing

    assert settings.queue_url and settings.topic_arn  # noqa: S101 (the checks are ok)
    try:
        sung = asyncio.run(sing(settings.queue_url, settings.topic_arn, issue, seconds))
    except ValidationError as error:
        raise CommandError(f"--issue: {explain(error)}; nothing was sent", exits.USAGE) from None
    return checks + [replace(check, needed_for=DEPLOYMENT) for check in sung]


def _print(rows: list[dict[str, str]], checks: list[Check]) -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False, soft_wrap=True)
    for row in rows:
        value = escape(row["value"]) or "(not set)"
        console.print(f"{row['variable']} = {value}  [dim]from {escape(row['source'])}[/]")
        console.print(f"    [dim]{escape(row['meaning'])}[/]")
    console.print()
    for check in checks:
        mark, said = ("[green]✓[/]", check.found) if check.ok else ("[red]✗[/]", check.mend)
        extra = (
            "" if check.ok or "fix" in check.needed_for else f" [dim](for {check.needed_for})[/]"
        )
        console.print(f"{mark} {check.name}: {escape(said)}{extra}")
