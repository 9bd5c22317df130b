"""The provisioned resources are those that the code expects."""

from typing import Any

from pipeline.api.server import KEEP_ALIVE_SECONDS
from pipeline.store.dynamodb import KEEP_DAYS, TIME_TO_LIVE, table_definition
from tests.terraform.hcl import block, named_blocks


def provisioned() -> dict[str, Any]:
    """The table of Terraform, as ``create_table`` would be given it."""
    table = block("modules/state/main.tf", "resource", "aws_dynamodb_table", "runs")

    def schema(keys: dict[str, Any]) -> list[dict[str, str]]:
        return [
            {"AttributeName": keys["hash_key"], "KeyType": "HASH"},
            {"AttributeName": keys["range_key"], "KeyType": "RANGE"},
        ]

    return {
        "BillingMode": table["billing_mode"],
        "AttributeDefinitions": [
            {"AttributeName": a["name"], "AttributeType": a["type"]} for a in table["attribute"]
        ],
        "KeySchema": schema(table),
        "GlobalSecondaryIndexes": [
            {
                "IndexName": index["name"],
                "KeySchema": schema(index),
                "Projection": {
                    "ProjectionType": index["projection_type"],
                    "NonKeyAttributes": sorted(index["non_key_attributes"]),
                },
            }
            for index in table["global_secondary_index"]
        ],
        "TimeToLive": {
            "Enabled": table["ttl"][0]["enabled"],
            "AttributeName": table["ttl"][0]["attribute_name"],
        },
    }


def test_the_table_is_the_one_that_the_store_reads_and_writes():
    expected = table_definition("t") | {"TimeToLive": TIME_TO_LIVE}
    del expected["TableName"]
    for index in expected["GlobalSecondaryIndexes"]:
        index["Projection"]["NonKeyAttributes"].sort()
    assert provisioned() == expected


def test_artifacts_outlive_the_runs_that_name_them():
    rules = block(
        "modules/state/main.tf", "resource", "aws_s3_bucket_lifecycle_configuration", "artifacts"
    )["rule"]
    assert rules[0]["expiration"][0]["days"] > KEEP_DAYS


def test_resources_with_data_are_protected_against_deletion():
    for kind, name in (("aws_dynamodb_table", "runs"), ("aws_s3_bucket", "artifacts")):
        assert (
            block("modules/state/main.tf", "resource", kind, name)["lifecycle"][0][
                "prevent_destroy"
            ]
            is True
        )


def test_the_load_balancer_closes_idle_connections_before_the_service_does():
    assert (
        block("modules/intake/main.tf", "resource", "aws_lb", "this")["idle_timeout"]
        < KEEP_ALIVE_SECONDS
    )


def test_the_service_depends_on_the_listeners():
    payload = block("modules/intake/outputs.tf", "output", "target_group_arn")["depends_on"]
    assert payload == ["${aws_lb_listener.https}", "${aws_lb_listener_rule.health}"]


def test_a_listeners_rule_is_made_before_another_one_is_destroyed():
    priorities = []
    for kind, rules in named_blocks("modules/intake/listeners.tf", "resource"):
        if kind == "aws_lb_listener_rule":
            priorities += [rule["priority"] for rule in rules.values()]
    assert len(priorities) == len(set(priorities)) == 3


def test_ecs_can_go_back_to_the_revision_before():
    task = block("modules/service/task.tf", "resource", "aws_ecs_task_definition", "worker")
    assert task["skip_destroy"] is True
