"""Workflows and compose.yaml: pinned, without keys, with commands and settings that exist."""

import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from cli.main import main
from pipeline.settings import Settings, variable

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]


def steps(path: Path) -> list[dict[str, Any]]:
    jobs = yaml.safe_load(path.read_text())["jobs"].values()
    return [step for job in jobs for step in job.get("steps", [])]


def exists(words: list[str]) -> None:
    """``coding-agent``'s words name a command and its options."""
    command: click.Command = main
    while isinstance(command, click.Group):
        subcommand = command.get_command(click.Context(main), words[0])
        assert subcommand is not None, words
        command = subcommand
        words = words[1:]
    options = {name for parameter in command.params for name in parameter.opts}
    assert {word.split("=")[0] for word in words if word.startswith("--")} <= options, words


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_by_commit_and_leave_no_token_in_the_checkout(path: Path) -> None:
    for step in steps(path):
        if "uses" in step:
            assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", step["uses"]), step["uses"]
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_use_oidc_and_put_no_expression_into_a_script(
    path: Path,
) -> None:
    text = path.read_text()
    assert "secrets." not in text
    assert "access-key" not in text
    assert yaml.safe_load(text)["permissions"]["contents"] == "read"
    for step in steps(path):
        assert "${{" not in step.get("run", ""), (
            "through env: an expression is pasted into the shell's text"
        )


def test_a_forks_pull_request_gets_no_credentials() -> None:
    (job,) = yaml.safe_load((ROOT / ".github/workflows/plan.yml").read_text())["jobs"].values()
    assert "head.repo.full_name == github.repository" in job["if"]


def test_workflows_run_make_targets_and_commands_that_exist() -> None:
    targets = set(re.findall(r"^([\w-]+):.*##", (ROOT / "Makefile").read_text(), re.M))
    script = "\n".join(step.get("run", "") for path in WORKFLOWS for step in steps(path))
    assert set(" ".join(re.findall(r"^make (.+)$", script, re.M)).split()) <= targets
    for line in re.findall(r"coding-agent (doctor .+)$", script, re.M):
        exists(shlex.split(line))


def test_composes_commands_exist() -> None:
    for service in ("worker", "sandbox"):
        exists(SERVICES[service].get("command", ["worker"]))
    for line in re.findall(
        r"exec worker coding-agent (.+)$", (ROOT / "compose.yaml").read_text(), re.M
    ):
        exists(shlex.split(line))


def test_only_composes_worker_has_secrets_and_its_settings_exist() -> None:
    known = {variable(name) for name in Settings.model_fields}
    environment = set(SERVICES["worker"]["environment"])
    assert {name for name in environment if name.startswith(("CODING_AGENT_", "GITHUB_"))} <= known
    secret = {"GITHUB_TOKEN", "CODING_AGENT_API_KEYS"}
    assert secret <= environment
    assert not [
        name
        for name, service in SERVICES.items()
        if name != "worker" and secret & set(service.get("environment", {}))
    ]


def test_only_the_sandbox_is_root_and_it_shares_the_workers_folders() -> None:
    assert [name for name, service in SERVICES.items() if service.get("user") == "0"] == ["sandbox"]
    assert "environment" not in SERVICES["sandbox"]
    assert set(SERVICES["sandbox"]["volumes"]) <= set(SERVICES["worker"]["volumes"])
    assert SERVICES["sandbox"]["cap_drop"] == SERVICES["worker"]["cap_drop"] == ["ALL"]


def test_composes_files_exist_and_its_ports_are_open_on_loopback_only() -> None:
    mounts = [
        mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", [])
    ]
    assert [path for path in mounts if path.startswith("./") and not (ROOT / path).exists()] == []
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
