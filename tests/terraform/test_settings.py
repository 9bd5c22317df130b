"""The task definition gives the worker each setting that it needs, by its name and with the code's
default.
"""

import re
from typing import get_args

import pytest

from pipeline.settings import Settings, variable
from tests.terraform.hcl import TERRAFORM, block, read

NAMES = {variable(name): name for name in Settings.model_fields}


def given() -> set[str]:
    made = read("settings.tf")["locals"][0]
    return {*made["settings"], *made["optional"], *re.findall(r"[A-Z]+_[A-Z_]+", made["secrets"])}


def not_needed() -> dict[str, str]:
    """Variable -> why the task definition leaves it out, from the README's table."""
    table = (
        (TERRAFORM / "README.md")
        .read_text()
        .partition("## Settings that the task definition leaves out")[2]
    )
    return dict(re.findall(r"^\| `(\w+)` \| (.+?) \|$", table.partition("\n## ")[0], re.MULTILINE))


def test_every_setting_is_in_the_task_definition_or_documented_as_omitted():
    assert sorted(NAMES.keys() - given() - not_needed().keys()) == []


def test_no_setting_is_both_set_and_documented_as_omitted():
    assert given() & not_needed().keys() == set()
    assert all(len(why) > 15 for why in not_needed().values())


def test_the_task_definition_sets_only_known_settings():
    ours = {name for name in given() if name.startswith("CODING_AGENT_")}
    assert ours - NAMES.keys() == set()


def test_secrets_are_not_in_the_environment():
    secret = {
        name
        for name, field in Settings.model_fields.items()
        if "SecretStr" in str(field.annotation)
    }
    made = read("settings.tf")["locals"][0]
    assert {variable(name) for name in secret} & {*made["settings"], *made["optional"]} == set()
    assert {variable(name) for name in secret} <= given()


@pytest.mark.parametrize("name", ["concurrency", "visibility_timeout", "github_api_url"])
def test_a_variables_default_is_the_settings(name: str):
    assert block("variables.tf", "variable", name)["default"] == Settings.model_fields[name].default


def test_the_budgets_defaults_are_the_settings():
    attributes = re.findall(
        r"(\w+) = optional\(number, (\d+)\)", block("variables.tf", "variable", "budget")["type"]
    )
    assert len(attributes) == 5
    assert {name: float(value) for name, value in attributes} == {
        name: Settings.model_fields[name].default for name, _ in attributes
    }


def test_the_values_of_push_are_those_of_the_setting():
    condition = block("variables.tf", "variable", "push")["validation"][0]["condition"]
    assert set(re.findall(r'"(\w+)"', condition)) == set(
        get_args(Settings.model_fields["push"].annotation)
    )
