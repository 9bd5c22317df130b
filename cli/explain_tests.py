"""``coding-agent env``: how a repository's tests are run here, and the evidence for it."""

import asyncio
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import exits
from cli.command import CommandError, exit_on_settings_error, settings
from cli.output import Output, json_option

if TYPE_CHECKING:
    from pipeline.settings import Settings
    from repository.git import Mirror
    from repository.testing.evidence import Evidence
    from repository.testing.models import Recipe
    from repository.testing.plan import BaseCommit, TestPlan

_MAX_CALLS = 10


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
@click.option("--commit", default="HEAD", show_default=True, help="The commit to explain.")
@click.option(
    "--build", is_flag=True, help="Also build the environment, in the sandbox, and print its log."
)
@json_option("Print one JSON object.")
@click.pass_context
def explain(ctx: click.Context, repo: Path, commit: str, build: bool, output: Output) -> None:
    """Explain how a repository is tested, and why. None of its code runs without --build.

    \b
    Examples:
      coding-agent env explain --repo .
      coding-agent env explain --repo ../shop --build
      coding-agent env explain --repo . --json

    The repository's own configuration takes precedence: the table [tests] of its .coding-agent.toml
    (runner, command, python, requirements, extras, files, environment). Exits with 3 if its tests
    can't be run here.
    """
    from cli.backends import python_folders
    from repository.git import GitError
    from repository.testing.evidence import explain as explain_plan
    from repository.testing.plan import plan_tests
    from sandbox import NoIsolation

    chosen = settings(ctx)
    mirror, base = _open_commit(repo, commit)
    log: str | None = None
    try:
        plan = plan_tests(mirror, base, python_folders(chosen))
        if build and plan.recipe is not None:
            log = _build(chosen, mirror, plan, plan.recipe)
    except (GitError, NoIsolation, OSError) as error:
        raise CommandError(str(error)) from None

    evidence = explain_plan(plan)
    fields = _summarize(plan)
    lines = _field_lines({**fields, "evidence": [str(item) for item in evidence]})
    fields["evidence"] = [_evidence_fields(item) for item in evidence]
    if log is not None:
        fields["log"] = log
        lines += log.splitlines()
    output.write(fields, "\n".join(lines))
    if plan.recipe is None:
        ctx.exit(exits.NO_FIX)


def _build(chosen: "Settings", mirror: "Mirror", plan: "TestPlan", recipe: "Recipe") -> str:
    """Build the environment in a temporary folder and load the tests; return the log."""
    from cli.backends import python_folders, sandbox_for, uv_path
    from repository.testing.command_log import CommandLog
    from repository.testing.environment import EnvironmentFailed
    from repository.testing.install.build_task import BuildTask
    from repository.testing.install.tools import BuildTools, index_settings
    from repository.testing.loading.preparation import Preparation

    sandbox = sandbox_for(chosen, local=True)
    with exit_on_settings_error():
        tools = BuildTools(
            sandbox=sandbox,
            pythons=python_folders(chosen),
            uv=uv_path(),
            cache=chosen.data_dir / "cache",
            index=index_settings(os.environ),
        )
    log = CommandLog()
    with tempfile.TemporaryDirectory(prefix="env-", ignore_cleanup_errors=True) as folder:
        task = BuildTask(tools, Path(folder), recipe, log)
        preparation = Preparation(task, mirror, plan)
        try:
            asyncio.run(preparation.build(()))
        except EnvironmentFailed as error:
            log.note(f"no environment: {error}")
    return log.text


def _summarize(plan: "TestPlan") -> dict[str, Any]:
    """Return the fields of the command's JSON output."""
    detection = plan.detection
    recipe = plan.recipe
    automation = [f"{call.source}: {call.text}" for call in detection.hints.calls[:_MAX_CALLS]]
    if recipe is None:
        return {"runnable": False, "why": plan.reason, "automation": automation}
    package = detection.draft.package
    return {
        "runnable": True,
        "why": plan.reason,
        "runner": recipe.runner,
        "else": list(recipe.fallback_runners),
        "script": recipe.script,
        "python": recipe.python,
        "python_from": plan.python_source,
        "requires_python": package.requires_python,
        "classified": [f"3.{minor}" for minor in package.classified_minors],
        "version": recipe.version,
        "installed": recipe.packaged,
        "projects": [folder or "." for folder in recipe.folders],
        "projects_from": detection.draft.layout.reason,
        "package": recipe.project,
        "siblings": list(recipe.siblings),
        "extras": list(recipe.extras) or "those for tests",
        "requirements": list(recipe.requirements),
        "if_missing": sorted(set(recipe.modules.values())),
        "tools": [f"{tool} {recipe.tool_versions.get(tool, '')}".strip() for tool in recipe.tools],
        "steps": [step.describe() for step in recipe.steps],
        "test_files": len(detection.tests.paths),
        "patterns": list(recipe.patterns),
        "automation": automation,
    }


def _evidence_fields(evidence: "Evidence") -> dict[str, Any]:
    source = evidence.source
    return {
        "decision": evidence.decision,
        "file": source.path or None,
        "line": source.line,
        "place": source.place or None,
    }


def _field_lines(fields: Mapping[str, Any]) -> list[str]:
    """Return names and values in two columns, one line per item; empty values are left out."""
    lines: list[str] = []
    for name, value in fields.items():
        label = name
        for item in _items(value):
            lines.append(f"{label:<16} {item}")
            label = ""
    return lines


def _items(value: Any) -> list[Any]:
    if value in (None, ""):
        return []
    if isinstance(value, bool):
        return ["yes" if value else "no"]
    if isinstance(value, list):
        return value
    return [value]


def _open_commit(repo: Path, commit: str) -> tuple["Mirror", "BaseCommit"]:
    from repository.git import Mirror, run_git
    from repository.testing.plan import BaseCommit

    git_folder = run_git(["rev-parse", "--path-format=absolute", "--git-common-dir"], cwd=repo)
    if git_folder.returncode != 0:
        raise CommandError(f"{repo} is not a git repository", exits.USAGE)
    mirror = Mirror(Path(git_folder.stdout.decode().strip()), lambda: None)
    revision = run_git(
        ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{commit}}"], cwd=repo
    )
    if revision.returncode != 0:
        raise CommandError(f"{repo} has no commit {commit!r}", exits.USAGE)
    sha = revision.stdout.decode().strip()
    base = BaseCommit(
        repository=repo.resolve().name,
        sha=sha,
        committed_at=mirror.commit_time(sha),
        described=mirror.describe(sha),
    )
    return mirror, base
