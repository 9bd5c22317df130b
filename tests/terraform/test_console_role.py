"""The console's role allows the calls that the console makes: no more, and no fewer."""

import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from console.queues import dead_messages
from console.queues.dead_letters import DeadLetters
from console.queues.watch import QueueWatch
from pipeline.artifacts.s3 import S3Artifacts
from pipeline.outcome import Outcome
from pipeline.store.dynamodb import DynamoStore, table_definition
from pipeline.template_sets import TemplateSets
from prompts.template_set import TemplateSet
from tests.console.web.conftest import Site
from tests.stand_ins.aws import Aws
from tests.stand_ins.dead_letters import Dead
from tests.stand_ins.runs import Clock, claim, finish, job
from tests.terraform.aws_calls import Permission, RecordedCall, permissions
from tests.terraform.hcl import block

ORIGIN = {"Origin": "http://127.0.0.1:8081"}
ARTIFACTS = "${var.artifacts.bucket_arn}"
RESOURCES = {
    "${var.queue_arn}": "queue",
    "${var.dead_letter_queue_arn}": "dead-letter queue",
    "${var.table_arn}": "table",
    "${var.table_arn}/index/listed": "index",
    f"{ARTIFACTS}/${{var.artifacts.prefix}}/*": "artifacts",
    f"{ARTIFACTS}/${{var.artifacts.templates}}/*": "templates",
    ARTIFACTS: "bucket",
}
#: The statement that no call of the console needs: people reach the task through a session.
SESSION = "Session"


def allowed(*, with_actions: bool) -> set[Permission]:
    """Return what the policy allows."""
    policy = block("modules/console/task_role.tf", "data", "aws_iam_policy_document", "task")
    allowed = set()
    for statement in policy["statement"]:
        if statement["sid"] == SESSION:
            continue
        for resource in statement["resources"]:
            allowed |= {(action, RESOURCES[resource]) for action in statement["actions"]}
    if with_actions:
        for dynamic in policy["dynamic"]:
            name = re.search(r"\[var\.(\w+)\]", dynamic["statement"]["for_each"])
            assert name is not None
            (content,) = dynamic["statement"]["content"]
            kind = RESOURCES[f"${{var.{name[1]}}}"]
            allowed |= {(action, kind) for action in content["actions"]}
    return allowed


class Deployment:
    """A table, a bucket and queues with a run, template sets and a dead letter."""

    def __init__(self, aws: Aws, folder: Path):
        name = f"console-{uuid.uuid4().hex[:12]}"
        client = aws.client("dynamodb")
        client.create_table(**table_definition(name))
        place = {"LocationConstraint": client.meta.region_name}
        aws.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration=place)
        clock = Clock()
        store = DynamoStore(name, clock=clock)
        claimed = claim(store)
        finish(store, claimed, Outcome.FAILED)
        self.job_id = claimed.run.job_id
        claim(store, job(7))
        templates = TemplateSets(
            S3Artifacts(name, "artifacts/template-sets"), S3Artifacts(name, "templates")
        )
        self.template_hash = templates.publish(TemplateSet.load())
        queue = aws.make_queue()
        self.dead_id = Dead(aws, queue).failed(1)
        site = Site(store, folder, clock)
        self.browser: TestClient = site.browser(
            artifacts=S3Artifacts(name, "artifacts"),
            template_sets=templates,
            queue=QueueWatch(queue.url, clock),
            dead_letters=DeadLetters(queue.url, clock),
            allow_actions=True,
        )

    def look_at_everything(self) -> None:
        run = f"/runs/{self.job_id}/0"
        for path in (
            "/",
            "/running",
            f"/search?q={self.job_id}",
            "/search?q=octo/repo%2342",
            run,
            f"{run}/progress",
            "/queue",
            "/spend",
            "/templates",
            f"/templates/diff?before={self.template_hash}&after={self.template_hash}",
            "/dead-letters",
        ):
            response = self.browser.get(path)
            assert response.status_code in (200, 303), (path, response.text)
        missing = self.browser.get(f"{run}/artifacts/{self.job_id}/0/missing.txt")
        assert missing.status_code == 404

    def replay(self) -> None:
        page = self.browser.get("/dead-letters").text
        token = re.search(r'name="form_token" value="(\w+)"', page)
        assert token is not None
        form = {"form_token": token[1], "message": [self.dead_id]}
        response = self.browser.post("/dead-letters/replay", data=form, headers=ORIGIN)
        assert "Replayed 1 of 1 message" in response.text


@pytest.fixture
def deployment(aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    monkeypatch.setattr(dead_messages, "POLL_SECONDS", 0)
    yield Deployment(aws, tmp_path)


def needed(calls: list[RecordedCall]) -> set[Permission]:
    return {permission for call in calls for permission in permissions(call)}


def test_the_role_allows_what_the_console_calls_and_nothing_else(
    deployment: Deployment, recorded_calls: list[RecordedCall]
) -> None:
    recorded_calls.clear()
    deployment.look_at_everything()
    assert needed(recorded_calls) == allowed(with_actions=False)
    deployment.replay()
    assert needed(recorded_calls) == allowed(with_actions=True)
