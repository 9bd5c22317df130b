"""``coding-agent env``: how a repository's tests are run here, and why so."""

import asyncio
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import exits
from cli.command import CommandError, exit_on_settings_error, settings

if TYPE_CHECKING:
    from repository.git import Mirror
    from repository.testing.models import Recipe
    from stages.checkout import Checkout
    from stages.prepare_tests import Plan, PrepareTests


@click.group("env")
def command() -> None:
    """How the tests of a repository are run.

    \b
    Examples:
      coding-agent env explain --repo .
      coding-agent env explain --repo . --commit v2.1 --build
    """


@command.command("explain")
@click.option(
    "--repo",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A git repository.",
)
@click.option(
    "--commit", default="HEAD", show_default=True, help="The commit whose tests are asked about."
)
@click.option(
    "--build", is_flag=True, help="Make the environment too, in the sandbox, and print its log."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def explain(ctx: click.Context, repo: Path, commit: str, build: bool, as_json: bool) -> None:
    """Say how a repository is tested, and by what evidence. Nothing of it is run without --build.

    \b
    Examples:
      coding-agent env explain --repo .
      coding-agent env explain --repo ../shop --build
      coding-agent env explain --repo . --json

    The repository's own word goes first: the table [tests] of its .coding-agent.toml
    (runner, command, python, requirements, extras, files, environment). Exit code 3: its tests can't be run here.
    """
    from cli.wiring import python_folders, sandbox_for, uv_path
    from repository.git import GitError
    from sandbox import NoIsolation
    from stages.prepare_tests import PrepareTests

    chosen = settings(ctx)
    mirror, checkout = _checkout(repo, commit)
    try:
        sandbox = sandbox_for(chosen, local=True) if build else _Unused()
        with exit_on_settings_error():
            prepare = PrepareTests(
                _One(mirror),  # type: ignore[arg-type]
                sandbox,  # type: ignore[arg-type]
                pythons=python_folders(chosen),
                uv=uv_path(),
                cache=chosen.data_dir / "cache",
            )
        plan = asyncio.run(prepare.plan(checkout))
        log = asyncio.run(_built(prepare, plan.recipe)) if build and plan.recipe else None
    except (GitError, NoIsolation, OSError) as error:
        raise CommandError(str(error)) from None
    told = _told(plan)
    if as_json:
        click.echo(json.dumps(told | ({"log": log} if log is not None else {})))
    else:
        for name, value in told.items():
            _show(name, value)
        click.echo(log or "", nl=False)
    if plan.recipe is None:
        ctx.exit(exits.NO_FIX)


async def _built(prepare: "PrepareTests", recipe: "Recipe") -> str:
    from repository.testing.environment import EnvironmentFailed

    log: list[str] = []
    with tempfile.TemporaryDirectory(prefix="env-", ignore_cleanup_errors=True) as folder:
        try:
            await prepare.build(recipe, Path(folder), log)
        except EnvironmentFailed as error:
            log.append(f"no environment: {error}\n")
    return "".join(log)


def _told(plan: "Plan") -> dict[str, Any]:
    found = plan.found
    recipe = plan.recipe
    told: dict[str, Any] = {"runnable": recipe is not None, "why": plan.why}
    if recipe is None:
        return told | {"automation": [f"{path}: {line}" for path, line in found.said.calls[:10]]}
    return told | {
        "runner": recipe.runner,
        "else": list(recipe.fallback_runners),
        "script": recipe.script,
        "python": recipe.python,
        "requires_python": found.requires_python,
        "classified": [f"3.{minor}" for minor in found.classified],
        "version": recipe.version,
        "installed": recipe.packaged,
        "extras": list(recipe.extras) or "those for tests",
        "requirements": list(recipe.requirements),
        "if_missing": sorted(set(recipe.modules.values())),
        "tools": list(recipe.tools),
        "steps": [step.command for step in recipe.steps],
        "test_files": len(found.test_files),
        "patterns": list(recipe.patterns),
        "automation": [f"{path}: {line}" for path, line in found.said.calls[:10]],
    }


def _show(name: str, value: Any) -> None:
    if isinstance(value, list):
        for number, one in enumerate(value):
            click.echo(f"{name if not number else '':<16} {one}")
    elif value not in (None, "", []):
        click.echo(f"{name:<16} {'yes' if value is True else 'no' if value is False else value}")


def _checkout(repo: Path, commit: str) -> tuple["Mirror", "Checkout"]:
    from repository.git import Mirror, run_git
    from stages.checkout import Checkout

    asked = run_git(["rev-parse", "--path-format=absolute", "--git-common-dir"], cwd=repo)
    if asked.returncode != 0:
        raise CommandError(f"{repo} is not a git repository", exits.USAGE)
    mirror = Mirror(Path(asked.stdout.decode().strip()), lambda: None)
    found = run_git(
        ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{commit}}"], cwd=repo
    )
    if found.returncode != 0:
        raise CommandError(f"{repo} has no commit {commit!r}", exits.USAGE)
    sha = found.stdout.decode().strip()
    checkout = Checkout(
        repository=repo.resolve().name,
        clone_url="",
        base_branch="",
        base_sha=sha,
        committed_at=mirror.commit_time(sha),
        described=mirror.describe(sha),
    )
    return mirror, checkout


class _One:
    """``Mirrors`` with one repository."""

    def __init__(self, mirror: "Mirror"):
        self._mirror = mirror

    def at(self, repository: str) -> "Mirror":
        return self._mirror


class _Unused:
    name = "none"

    async def run(self, command: object) -> None:
        raise AssertionError("nothing is to be run")
