"""The conventions of the Terraform files: everything is described, every validation tested, and no
check skipped without a reason.
"""

import re

import pytest

from tests.terraform.hcl import TERRAFORM, named_blocks

FOLDERS = sorted({path.parent for path in TERRAFORM.rglob("*.tf")})


def folder_name(folder):
    return folder.relative_to(TERRAFORM.parent).as_posix()


def blocks_of(folder, file, kind):
    path = folder / file
    if not path.exists():
        return []
    return named_blocks(path.relative_to(TERRAFORM).as_posix(), kind)


@pytest.mark.parametrize("folder", FOLDERS, ids=folder_name)
def test_variables_and_outputs_are_described_and_typed(folder):
    variables = blocks_of(folder, "variables.tf", "variable")
    outputs = blocks_of(folder, "outputs.tf", "output")
    for name, body in [*variables, *outputs]:
        assert body.get("description"), name
    for name, body in variables:
        assert body.get("type", "any") != "any", name


def test_every_validation_is_tested_by_a_value_that_it_refuses():
    text = (TERRAFORM / "tests/validation.tftest.hcl").read_text()
    expected_failures = re.findall(r"expect_failures = \[(.*?)\]", text, re.S)
    refused = [re.findall(r"var\.(\w+)", failures) for failures in expected_failures]
    for name, body in named_blocks("variables.tf", "variable"):
        validations = body.get("validation", [])
        runs = [names for names in refused if name in names]
        assert len(runs) >= len(validations), name


def test_what_is_in_use_is_replaced_before_it_is_destroyed_under_a_new_name():
    replaced = []
    for path in TERRAFORM.rglob("modules/*/*.tf"):
        file = path.relative_to(TERRAFORM).as_posix()
        for kind, by_name in named_blocks(file, "resource"):
            if kind in ("aws_lb_target_group", "aws_security_group"):
                replaced += by_name.values()
    assert len(replaced) == 5
    for resource in replaced:
        assert "name" not in resource
        assert resource["name_prefix"]
        assert resource["lifecycle"][0]["create_before_destroy"] is True


def test_a_check_is_skipped_with_a_reason_beside_the_resource():
    skips = []
    for path in TERRAFORM.rglob("*.tf"):
        lines = path.read_text().splitlines()
        skips += [line.strip() for line in lines if "checkov:skip" in line]
    assert skips
    for skip in skips:
        assert re.fullmatch(r"#checkov:skip=CKV2?_AWS_\d+:.{15,}", skip), skip


def test_modules_have_one_range_of_versions_and_examples_one_version_in_it():
    versions = (TERRAFORM / "versions.tf").read_text()
    pins = re.search(r"required_version.*?\n  }\n", versions, re.S)
    assert pins is not None
    exact = pins[0].replace('">= 5.100, < 7.0"', '"5.100.0"')
    assert exact != pins[0]
    for folder in FOLDERS:
        text = "".join(path.read_text() for path in folder.glob("*.tf"))
        expected = exact if folder.parent.name == "examples" else pins[0]
        assert expected.strip() in text, folder
