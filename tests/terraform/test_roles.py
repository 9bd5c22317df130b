"""The roles of the workflows that plan and apply."""

import re

from tests.terraform.hcl import TERRAFORM, block, named_blocks

ACCOUNT = "examples/account/roles.tf"
#: The policies of those who read contents: the worker, ECS when it starts it, and the console.
READERS = (
    "modules/service/task_role.tf",
    "modules/service/execution_role.tf",
    "modules/console/task_role.tf",
)
#: Actions that read, but no content.
HARMLESS = {"ecr:GetAuthorizationToken", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"}
IDENTITIES = {"aws_iam_instance_profile", "aws_iam_policy", "aws_iam_role", "aws_iam_user"}


def test_the_plans_role_reads_none_of_what_the_services_roles_read():
    statements = block(ACCOUNT, "data", "aws_iam_policy_document", "plan")["statement"]
    denied = set()
    for statement in statements:
        assert statement["effect"] == "Deny"
        denied |= set(statement["actions"])
    read = set()
    for file in READERS:
        read |= set(
            re.findall(r'"(\w+:(?:BatchGet|Get|Query|Receive)\w*)"', (TERRAFORM / file).read_text())
        )
    assert len(read - HARMLESS) >= 6
    assert read - HARMLESS <= denied


def test_the_applys_role_may_manage_every_identity_of_the_deployment():
    names = []
    for path in TERRAFORM.glob("modules/*/*.tf"):
        for kind, by_name in named_blocks(path.relative_to(TERRAFORM).as_posix(), "resource"):
            if kind in IDENTITIES:
                for identity in by_name.values():
                    names.append(identity.get("name") or identity["name_prefix"])
    assert len(names) >= 6
    assert [name for name in names if not name.startswith("${var.name}-")] == []


def test_each_workflow_assumes_the_role_that_is_made_for_it():
    workflows = TERRAFORM.parent / ".github/workflows"
    roles = set(re.findall(r"^    (\w+) += \{ subject", (TERRAFORM / ACCOUNT).read_text(), re.M))
    assumed = set()
    for path in workflows.glob("*.yml"):
        assumed |= set(re.findall(r"vars\.AWS_(\w+)_ROLE", path.read_text()))
    assert {role.upper() for role in roles} == assumed
