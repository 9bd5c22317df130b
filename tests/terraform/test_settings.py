"""The task definition sets each setting that the worker needs, by its name and with the code's
default.
"""

import re
from typing import get_args

import pytest
from pydantic import ValidationError

from pipeline.settings import Settings, variable
from tests.terraform.hcl import TERRAFORM, block, read

ALL_VARIABLES = {variable(name) for name in Settings.model_fields}


def plain_variables() -> set[str]:
    """Return the variables that the task definition sets in clear text."""
    task = read("settings.tf")["locals"][0]
    return {*task["settings"], *task["optional"]}


def task_variables() -> set[str]:
    """Return all variables that the task definition sets."""
    task = read("settings.tf")["locals"][0]
    return plain_variables() | set(re.findall(r"[A-Z]+_[A-Z_]+", task["secrets"]))


def omitted_variables() -> dict[str, str]:
    """Return why the task definition omits a variable, from the table in the README."""
    readme = (TERRAFORM / "README.md").read_text()
    section = readme.partition("## Settings that the task definition leaves out")[2]
    table = section.partition("\n## ")[0]
    return dict(re.findall(r"^\| `(\w+)` \| (.+?) \|$", table, re.MULTILINE))


def test_every_setting_is_in_the_task_definition_or_documented_as_omitted():
    missing = ALL_VARIABLES - task_variables() - omitted_variables().keys()
    assert missing == set()


def test_no_setting_is_both_set_and_documented_as_omitted():
    assert task_variables() & omitted_variables().keys() == set()
    for name, reason in omitted_variables().items():
        assert len(reason) > 15, name


def test_the_task_definition_sets_only_known_settings():
    own_variables = {name for name in task_variables() if name.startswith("CODING_AGENT_")}
    assert own_variables <= ALL_VARIABLES


def test_secrets_are_not_in_the_environment():
    secrets = set()
    for name, field in Settings.model_fields.items():
        if "SecretStr" in str(field.annotation):
            secrets.add(variable(name))
    assert secrets & plain_variables() == set()
    assert secrets <= task_variables()


@pytest.mark.parametrize("name", ["concurrency", "visibility_timeout", "github_api_url"])
def test_a_variables_default_is_the_settings(name: str):
    default = block("variables.tf", "variable", name)["default"]
    assert default == Settings.model_fields[name].default


def test_the_bounds_of_the_visibility_are_the_settings():
    condition = block("variables.tf", "variable", "visibility_timeout")["validation"][0][
        "condition"
    ]
    bounds = [int(number) for number in re.findall(r"[<>]= (\d+)", condition)]
    for seconds in bounds:
        assert Settings(visibility_timeout=seconds).visibility_timeout == seconds
    for seconds in (bounds[0] - 1, bounds[1] + 1):
        with pytest.raises(ValidationError):
            Settings(visibility_timeout=seconds)


def test_the_budgets_defaults_are_the_settings():
    budget = block("variables.tf", "variable", "budget")["type"]
    attributes = re.findall(r"(\w+) = optional\(number, (\d+)\)", budget)
    assert len(attributes) == 5
    for name, value in attributes:
        assert float(value) == Settings.model_fields[name].default, name


def test_the_values_of_push_are_those_of_the_setting():
    condition = block("variables.tf", "variable", "push")["validation"][0]["condition"]
    choices = get_args(Settings.model_fields["push"].annotation)
    assert set(re.findall(r'"(\w+)"', condition)) == set(choices)
