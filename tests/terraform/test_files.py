"""The Terraform files read as they should: everything described, every bad value refused by a test,
no check skipped without a reason."""

import re

import pytest

from tests.terraform.hcl import TERRAFORM, read

FOLDERS = sorted({path.parent for path in TERRAFORM.rglob("*.tf")})


@pytest.mark.parametrize(
    "folder", FOLDERS, ids=lambda folder: folder.relative_to(TERRAFORM.parent).as_posix()
)
def test_variables_and_outputs_are_described_and_typed(folder):
    files = [folder / "variables.tf", folder / "outputs.tf"]
    blocks = {kind: [] for kind in ("variable", "output")}
    for file in filter(lambda file: file.exists(), files):
        for kind, found in read(file.relative_to(TERRAFORM).as_posix()).items():
            blocks[kind] += [entry for one in found for entry in one.items()]
    assert [
        name for found in blocks.values() for name, body in found if not body.get("description")
    ] == []
    assert [name for name, body in blocks["variable"] if body.get("type", "any") == "any"] == []


def test_every_validation_is_tested_by_a_value_that_it_refuses():
    variables = [entry for one in read("variables.tf")["variable"] for entry in one.items()]
    validated = {name: len(body["validation"]) for name, body in variables if "validation" in body}
    text = (TERRAFORM / "tests/validation.tftest.hcl").read_text()
    refused = [
        re.findall(r"var\.(\w+)", run)
        for run in re.findall(r"expect_failures = \[(.*?)\]", text, re.S)
    ]
    counted = {name: sum(name in run for run in refused) for name in validated}
    assert {name for name, blocks in validated.items() if counted[name] < blocks} == set()


def test_a_check_is_skipped_with_a_reason_beside_the_resource():
    skips = [
        line.strip()
        for path in TERRAFORM.rglob("*.tf")
        for line in path.read_text().splitlines()
        if "checkov:skip" in line
    ]
    assert (
        skips
        and [
            skip for skip in skips if not re.fullmatch(r"#checkov:skip=CKV2?_AWS_\d+:.{15,}", skip)
        ]
        == []
    )


def test_versions_are_pinned_alike_everywhere():
    wanted = re.search(r"required_version.*?\n  }\n", (TERRAFORM / "versions.tf").read_text(), re.S)
    assert wanted is not None
    for folder in FOLDERS:
        text = "".join(path.read_text() for path in folder.glob("*.tf"))
        assert wanted[0].strip() in text, folder
