"""Terraform applied to moto: a job goes through what it made, and changes destroy nothing that
holds data or takes jobs.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.model.scripted import Entry, Script
from tests.end_to_end.service import FILES, FIX, ISSUE, PATIENCE, REPOSITORY
from tests.stand_ins.aws import Aws, Topic, moto_server
from tests.stand_ins.github import WRITE_TOKEN, GithubStandIn
from tests.stand_ins.model_server import ModelServer
from tests.stand_ins.terraform import Deployment, NoTerraform, TerraformFailed

#: The provider waits about two minutes until what it made is in force, on moto too.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

COMMAND = str(Path(sys.executable).with_name("coding-agent"))
MODEL_KEY = "a-key-of-the-model"
SECRETS = {
    "GITHUB_TOKEN": WRITE_TOKEN,
    "OPENAI_API_KEY": MODEL_KEY,
    "CODING_AGENT_API_KEYS": "sevalla=a-key-of-the-backend-of-32-characters",
}
CERTIFICATE = (
    "arn:aws:acm:eu-central-1:123456789012:certificate/12345678-90ab-cdef-1234-567890abcdef"
)
#: What is replaced or destroyed when an operator changes every setting at once: a task definition
#: is never changed, and its old revision stays in ECS; with a certificate, HTTP only redirects.
EXPECTED_LOSSES = {
    "module.service.aws_ecs_task_definition.worker": ["delete", "create"],
    "module.intake.aws_lb_listener_rule.health[0]": ["delete"],
    "module.intake.aws_lb_listener_rule.plaintext_jobs[0]": ["delete"],
}


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    with ModelServer(Script([Entry(reply=FIX)]), key=MODEL_KEY) as server:
        yield server


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory, model: ModelServer) -> Iterator[Deployment]:
    variables = {
        "image": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/coding-agent:0.1.0",
        "model": "openai/gpt-4o-mini",
        "model_secrets": ["OPENAI_API_KEY"],
        "push": "branch",
        "allowed_repositories": [REPOSITORY],
        "environment": {
            "CODING_AGENT_STRATEGY": "single",
            "OPENAI_API_BASE": model.api_base,
        },
    }
    with moto_server() as aws:
        folder = tmp_path_factory.mktemp("applied") / "terraform"
        try:
            deployment = Deployment.prepare(folder, aws, variables)
        except NoTerraform as error:
            pytest.skip(str(error))
        deployment.apply()
        # moto applies the statement that denies plain HTTP without its condition.
        bucket = deployment.output("artifacts_bucket")
        aws.client("s3").delete_bucket_policy(Bucket=bucket)
        yield deployment


def task_environment(deployment: Deployment) -> dict[str, str]:
    """Return the variables with which ECS starts the worker: plain ones and secrets' values."""
    ecs = deployment.aws.client("ecs")
    (service,) = ecs.describe_services(
        cluster=deployment.output("cluster_name"), services=[deployment.output("service_name")]
    )["services"]
    task = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
    worker = next(part for part in task["containerDefinitions"] if part["name"] == "worker")
    assert worker["command"] == ["worker"]
    environment = {row["name"]: row["value"] for row in worker["environment"]}
    secrets = deployment.aws.client("secretsmanager")
    for row in worker["secrets"]:
        value = secrets.get_secret_value(SecretId=row["valueFrom"])
        environment[row["name"]] = value["SecretString"]
    return environment


def on_this_machine(
    environment: dict[str, str], aws: Aws, github: GithubStandIn, folder: Path
) -> dict[str, str]:
    """Replace what only a task on Fargate has: its folders, its sandbox, its port, GitHub."""
    kept = dict(environment)
    for name in ("CODING_AGENT_SANDBOX", "CODING_AGENT_SANDBOX_SOCKET", "CODING_AGENT_HOST"):
        del kept[name]
    return {
        **kept,
        **aws.environment,
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "CODING_AGENT_DATA_DIR": str(folder / "data"),
        "CODING_AGENT_PORT": "0",
        "GITHUB_API_URL": github.api_url,
    }


def finished_event(aws: Aws, topic: Topic) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for body, _ in aws.events(topic, wait_seconds=1):
            event = json.loads(body)
            if event["type"] == "run.finished":
                return event
    raise AssertionError(f"no run.finished within {PATIENCE:g} s")


def subscribed(aws: Aws, topic_arn: str) -> Topic:
    """Subscribe a new queue to a topic, as a backend does."""
    queue = aws.make_queue("backend")
    aws.sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=queue.arn)
    return Topic(topic_arn, queue.url)


def losses(actions: dict[str, list[str]]) -> dict[str, list[str]]:
    return {address: steps for address, steps in actions.items() if "delete" in steps}


def test_a_job_reaches_its_pull_request_through_what_terraform_made(
    applied: Deployment, tmp_path: Path
):
    aws = applied.aws
    for variable, arn in applied.output("secret_arns").items():
        aws.client("secretsmanager").put_secret_value(SecretId=arn, SecretString=SECRETS[variable])
    topic = subscribed(aws, applied.output("topic_arn"))
    with GithubStandIn(tmp_path / "github") as github:
        github.add_repository(REPOSITORY, FILES)
        issue_url = github.issue_url(REPOSITORY, github.add_issue(REPOSITORY, *ISSUE))
        environment = on_this_machine(task_environment(applied), aws, github, tmp_path)
        sender = {**environment, "CODING_AGENT_QUEUE_URL": applied.output("queue_url")}
        subprocess.run([COMMAND, "submit", issue_url], env=sender, check=True)
        with (tmp_path / "worker.log").open("w") as log:
            worker = subprocess.Popen([COMMAND, "worker"], env=environment, stderr=log)
        try:
            event = finished_event(aws, topic)
        finally:
            worker.kill()
            worker.wait()
        (pull,) = github.pulls(REPOSITORY)
    assert event["data"]["outcome"] == "pr_opened", (tmp_path / "worker.log").read_text()
    assert event["data"]["pull_request_number"] == pull.number
    items = aws.client("dynamodb").scan(TableName=applied.output("table_name"))["Items"]
    objects = aws.client("s3").list_objects_v2(Bucket=applied.output("artifacts_bucket"))
    assert items
    assert objects["KeyCount"] > 0


def test_an_operators_changes_destroy_nothing_that_holds_data_or_takes_jobs(applied: Deployment):
    actions = applied.plan(
        {
            "image": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/coding-agent:0.2.0",
            "spot_percent": 50,
            "on_demand_tasks": 0,
            "cpu": 4096,
            "memory": 8192,
            "storage_gib": 60,
            "architecture": "X86_64",
            "max_tasks": 20,
            "concurrency": 4,
            "zones": 3,
            "interface_endpoints": True,
            "flow_logs": True,
            "console": "actions",
            "certificate_arn": CERTIFICATE,
            "waf_requests_per_5_minutes": 2000,
            "waf_managed_rules": "block",
            "dns_firewall": "block",
            "visibility_timeout": 300,
            "log_retention_days": 90,
            "alarm_emails": ["operations@example.com"],
            "sender_iam_user": True,
            "tags": {"Environment": "production"},
        }
    )
    assert losses(actions) == EXPECTED_LOSSES
    assert actions["module.service.aws_ecs_service.worker"] == ["update"]
    assert actions["module.console[0].aws_ecs_task_definition.console"] == ["create"]


def test_a_target_group_that_must_be_replaced_is_made_before_the_old_one_is_destroyed(
    applied: Deployment,
):
    applied.edit("settings.tf", "= 8080", "= 9090")
    try:
        actions = applied.plan({})
    finally:
        applied.edit("settings.tf", "= 9090", "= 8080")
    assert losses(actions) == {
        "module.intake.aws_lb_target_group.worker": ["create", "delete"],
        "module.service.aws_ecs_task_definition.worker": ["delete", "create"],
    }
    assert actions["module.intake.aws_lb_listener_rule.health[0]"] == ["update"]
    assert actions["module.service.aws_ecs_service.worker"] == ["update"]


def test_another_name_is_refused_since_it_would_destroy_data(applied: Deployment):
    with pytest.raises(TerraformFailed) as failure:
        applied.plan({"name": "another"})
    refusal = str(failure.value)
    assert "Instance cannot be destroyed" in refusal
    assert "aws_dynamodb_table.runs" in refusal
    assert "aws_s3_bucket.artifacts" in refusal
