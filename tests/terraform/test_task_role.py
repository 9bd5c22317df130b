"""The task role allows the calls that the worker makes: no more, and no fewer.

The calls are recorded from traffic to a stand-in. A test compares them with the source, so that no
call is missing."""

import ast
import asyncio
import re
import uuid
from pathlib import Path

import pytest
from botocore.session import get_session

from pipeline.artifacts.s3 import S3Artifacts
from pipeline.queue import SqsQueue, VisibilityExtender
from pipeline.store.contract import MoneyCaps, Submission
from pipeline.store.dynamodb import DynamoStore, table_definition
from pipeline.template_sets import TemplateSets
from pipeline.worker.outbox import Publisher
from pipeline.worker.task_protection import AGENT_VARIABLE, connect_agent
from tests.stand_ins.aws import Aws
from tests.stand_ins.ecs_agent import ecs_agent
from tests.stand_ins.runs import call_request, claim, finish, job
from tests.terraform.aws_calls import Permission, RecordedCall, permissions

ROOT = Path(__file__).parents[2]
POLICY = ROOT / "terraform/modules/service/task_role.tf"
#: Resource expression in the policy -> kind of resource.
RESOURCES = {
    "var.queue.arn": "queue",
    "var.dead_letter_queue_arn": "dead-letter queue",
    "var.topic_arns": "topic",
    "var.table_arn": "table",
    "${var.table_arn}/index/listed": "index",
    "${var.artifacts.bucket_arn}/${var.artifacts.prefix}/*": "artifacts",
    "${var.artifacts.bucket_arn}/${var.artifacts.templates}/*": "templates",
    "var.artifacts.bucket_arn": "bucket",
}


def allowed() -> set[Permission]:
    """Return the calls that the policy allows."""
    calls = set()
    for body in re.findall(r"^  statement \{\n(.*?)^  \}", POLICY.read_text(), re.M | re.S):
        actions = re.findall(r'"([\w:*]+)"', re.search(r"actions\s*=\s*\[(.*?)\]", body, re.S)[1])  # type: ignore[index]
        (resource,) = re.findall(r"^    resources\s*=\s*(?:\[(.*?)\]|(.*))$", body, re.M)
        name = (resource[0] or resource[1]).strip('" ')
        kind = "own task" if ":task/" in name and name.endswith("/*") else RESOURCES[name]
        calls |= {(action, kind) for action in actions}
    return calls


async def everything_a_worker_does(aws: Aws, table: str, bucket: str) -> None:
    queues = aws.make_queue()
    topic = aws.make_topic()
    store = DynamoStore(table)
    async with (
        SqsQueue(queues.url, visibility_timeout=30) as queue,
        Publisher(store, lambda _: topic.arn) as publisher,
    ):
        await queue.submit(job())
        (delivery,) = await queue.receive(1, 1)
        extender = VisibilityExtender(queues.url, 30)
        extender.open()
        extender.extend(delivery)
        await queue.change_visibility(delivery, 10)
        await queue.to_dead_letters(delivery, "because")
        await queue.depth()
        await queue.delete(delivery)
        claimed = claim(store)
        store.register(Submission.of(job(7), owner="sevalla"))
        store.renew(claimed.lease, lease_seconds=60)
        store.checkpoints(claimed.run.key)
        store.reserve(claimed.lease, call_request(1), MoneyCaps(1, 1, 1))
        finish(store, claimed, topic=topic.arn)
        await publisher.drain()
        store.runs()
    store.close()
    artifacts = S3Artifacts(bucket, "artifacts")
    artifacts.put("a/b", b"c")
    artifacts.address("a/b")
    assert artifacts.get("a/b") == b"c"
    with pytest.raises(FileNotFoundError):
        artifacts.get("not/there")
    sets = TemplateSets(
        S3Artifacts(bucket, "artifacts/template-sets"), S3Artifacts(bucket, "templates")
    )
    assert sets.refusal("0123abcd") is not None
    sets.current()


@pytest.fixture
def traffic(aws: Aws, recorded_calls: list[RecordedCall]) -> list[RecordedCall]:
    name = f"iam-{uuid.uuid4().hex[:12]}"
    client = aws.client("dynamodb")
    client.create_table(**table_definition(name))
    place = {"LocationConstraint": client.meta.region_name}
    aws.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration=place)
    worker_calls: list[RecordedCall] = []
    asyncio.run(everything_a_worker_does(aws, name, name))
    setting_up = {"CreateQueue", "CreateTopic", "Subscribe", "CreateTable", "CreateBucket"}
    worker_calls += [call for call in recorded_calls if call[1] not in setting_up]
    # The stand-in itself makes these calls while it sets up.
    return [call for call in worker_calls if call[2].get("AttributeNames") != ["QueueArn"]]


def operations_of_the_source() -> set[tuple[str, str]]:
    """(service, operation) of every call of a client in ``pipeline/``."""
    operations = set()
    for folder, service in (
        ("queue", "sqs"),
        ("queue/topics.py", "sns"),
        ("artifacts", "s3"),
        ("store/dynamodb.py", "dynamodb"),
        ("store/dynamodb_queries.py", "dynamodb"),
    ):
        names = {
            re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower(): name for name in _operations(service)
        }
        place = ROOT / "pipeline" / folder
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                    of = node.func.value
                    client = (
                        of.attr
                        if isinstance(of, ast.Attribute)
                        else of.id
                        if isinstance(of, ast.Name)
                        else ""
                    )
                    name = node.func.attr
                    if name == "get_paginator" and isinstance(node.args[0], ast.Constant):
                        name = str(node.args[0].value)
                    if client.endswith("client") and name in names:
                        operations.add((service, names[name]))
    return operations


def _operations(service: str) -> list[str]:
    return list(get_session().get_service_model(service).operation_names)


def test_the_role_allows_what_the_worker_calls_and_nothing_else(
    traffic: list[RecordedCall],
) -> None:
    assert {call[:2] for call in traffic} == operations_of_the_source(), (
        "the scenario makes every call of the source"
    )
    needed = {needed for call in traffic for needed in permissions(call)}
    with ecs_agent() as ecs:
        protect = connect_agent({AGENT_VARIABLE: ecs.uri})
        assert protect is not None
        protect(True)
        assert ecs.requests
        needed.add(("ecs:UpdateTaskProtection", "own task"))
    if not POLICY.exists():
        pytest.skip("terraform/ is not in this checkout")
    assert allowed() == needed
