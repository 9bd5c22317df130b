"""The guides' commands, extracted: each would run as written, up to where AWS is needed."""

import re
import shlex
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.session import get_session

from pipeline.job import FixIssueJob
from pipeline.outcome import Outcome, RunResult

ROOT = Path(__file__).parents[1]
GUIDES = [
    ROOT / "docs" / f"{name}.md"
    for name in ("AWS_FARGATE_DEPLOYMENT", "SEVALLA_DEPLOYMENT", "security", "cost")
]
TEXT = {path.stem: path.read_text() for path in GUIDES}
WORKFLOWS = "".join(path.read_text() for path in sorted((ROOT / ".github/workflows").glob("*.yml")))
TERRAFORM = ROOT / "terraform"
#: Commands that the command line has beside the API's operations.
OWN_COMMANDS = {("ecr", "get-login-password"), ("logs", "tail")}


def lines() -> list[str]:
    """Every line of the shell's code blocks."""
    return [
        line[4:]
        for text in TEXT.values()
        for line in text.splitlines()
        if re.match(r"    [a-z]", line)
    ]


def aws_commands() -> list[str]:
    """Every ``aws SERVICE OPERATION ...``, including those inside other commands."""
    commands = [
        message
        for text in TEXT.values()
        for message in re.findall(r"(?<![-\w])aws [a-z-]+ [a-z-]+[^|;&`)>\n]*", text)
    ]
    return sorted({message.split("  #")[0].strip() for message in commands})


@cache
def service(name: str) -> Any:
    return get_session().get_service_model(name)


@pytest.mark.parametrize("guide", TEXT)
def test_every_block_of_commands_is_valid_shell(guide: str) -> None:
    script = "\n".join(line for line in TEXT[guide].splitlines() if re.match(r"    [a-z]", line))
    process = subprocess.run(
        ["bash", "-n"], input=script, text=True, capture_output=True, check=False
    )
    assert process.returncode == 0, process.stderr


@pytest.mark.parametrize("message", aws_commands())
def test_an_aws_command_exists_with_its_options(message: str) -> None:
    _, name, operation, *words = shlex.split(message)
    options = {word[2:] for word in words if word.startswith("--")}
    if (name, operation) in OWN_COMMANDS:
        return
    if operation == "wait":
        model = get_session().get_waiter_model(name)
        waiter = {
            xform_name(operation_name).replace("_", "-"): operation_name
            for operation_name in model.waiter_names
        }[words[0]]
        operation = xform_name(model.get_waiter(waiter).operation).replace("_", "-")
    operations = {
        xform_name(operation_name).replace("_", "-"): operation_name
        for operation_name in service(name).operation_names
    }
    assert operation in operations, f"aws {name} has no {operation}"
    takes = service(name).operation_model(operations[operation]).input_shape
    members = {xform_name(member).replace("_", "-") for member in takes.members} if takes else set()
    of_the_command_line = {"query", "output", "region", "notification-endpoint"}
    assert options <= members | of_the_command_line, f"{operation} takes {sorted(members)}"


def test_the_check_of_aws_commands_finds_mistakes() -> None:
    assert len(aws_commands()) > 10
    for wrong in ("aws ecs update-services --cluster x", "aws ecs update-service --culster x"):
        with pytest.raises(AssertionError):
            test_an_aws_command_exists_with_its_options(wrong)


def test_make_targets_and_programs_exist() -> None:
    targets = set(re.findall(r"^([\w-]+):.*##", (ROOT / "Makefile").read_text(), re.M))
    message = "\n".join(TEXT.values())
    assert {
        word for line in lines() if line.startswith("make ") for word in line.split()[1:]
    } <= targets
    assert set(re.findall(r"`make ([\w-]+)`", message)) <= targets
    example = (ROOT / "examples/integration_example.py").read_text()
    for word in re.findall(r"integration_example\.py ([\w-]+)", message):
        assert f'"{word}"' in example, word


def test_the_guide_names_the_repository_variables_that_the_workflows_read() -> None:
    used = set(re.findall(r"vars\.([A-Z_]+)", WORKFLOWS))
    assert used == {
        name for name in re.findall(r"`([A-Z_]+)`", TEXT["AWS_FARGATE_DEPLOYMENT"]) if name in used
    }
    roles = re.findall(r"^\| `(AWS_[A-Z]+_ROLE)` ", TEXT["AWS_FARGATE_DEPLOYMENT"], re.M)
    assert set(roles) == {name for name in used if name.endswith("_ROLE")}
    for name in re.findall(r"`(\w+\.yml)`", TEXT["AWS_FARGATE_DEPLOYMENT"]):
        assert (ROOT / ".github/workflows" / name).exists()


def outputs_of(folder: Path) -> set[str]:
    return set(re.findall(r'^output "(\w+)"', (folder / "outputs.tf").read_text(), re.M))


def test_terraforms_variables_outputs_and_files_exist() -> None:
    text = "\n".join(TEXT.values())
    asked = set(re.findall(r"terraform output (?:-\w+ )?([a-z]\w+)", text))
    of_the_account = outputs_of(TERRAFORM / "examples/account")
    assert len(asked) >= 5
    for example in ("minimal", "production"):
        assert asked <= outputs_of(TERRAFORM / "examples" / example) | of_the_account, example
    variables_file = (TERRAFORM / "variables.tf").read_text()
    account_file = (TERRAFORM / "examples/account/variables.tf").read_text()
    variables = set(re.findall(r'^variable "(\w+)"', variables_file + account_file, re.M))
    values = set(re.findall(r'"([a-z]+(?:_[a-z]+)+)"', variables_file))
    known = (
        variables
        | values
        | outputs_of(TERRAFORM)
        | set(FixIssueJob.model_fields)
        | set(RunResult.model_fields)
        | set(Outcome)
    )
    known |= {"job_id", "schema_version", "pull_request", "pull_request_target"}
    named = set(re.findall(r"`([a-z]+(?:_[a-z_]+)+)(?: = [^`]*)?`", text))
    assert named - known == set()
    files = re.findall(r"`(terraform/[\w./-]+)`", text)
    assert [file for file in files if not (ROOT / file).exists()] == []


def test_the_secrets_are_named_as_terraform_names_them() -> None:
    secrets = set(re.findall(r"~/coding-agent-secrets/([a-z-]+)$", "\n".join(lines()), re.M))
    assert secrets == {"github-token", "anthropic-api-key", "coding-agent-api-keys"}
    settings = (TERRAFORM / "settings.tf").read_text()
    assert '"GITHUB_TOKEN"' in settings
    assert '"CODING_AGENT_API_KEYS"' in settings
    assert (
        'lower(replace(each.key, "_", "-"))' in (TERRAFORM / "modules/secrets/main.tf").read_text()
    )
