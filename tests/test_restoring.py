"""The operator's runbook for restoring the table and the bucket, followed on the stand-in."""

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from botocore import xform_name

from pipeline.artifacts.s3 import S3Artifacts
from pipeline.outcome import Outcome
from pipeline.store.contract import Finished, Submission
from pipeline.store.dynamodb import DynamoStore, table_definition
from tests.doc_blocks import ROOT, Block, blocks_of
from tests.stand_ins.aws import Aws
from tests.stand_ins.runs import LEASE, claim, finish, job

OPERATIONS = "docs/operations.md"
BUCKET = "artifacts"

pytestmark = pytest.mark.slow


def runbook(anchor: str) -> list[str]:
    """Return the commands of the first block after an anchor."""
    text = (ROOT / OPERATIONS).read_text(encoding="utf-8")
    start = text[: text.index(f'<a id="{anchor}">')].count("\n")
    blocks: Iterator[Block] = (block for block in blocks_of(OPERATIONS, text) if block.line > start)
    return next(blocks).commands


def call(aws: Aws, command: str) -> Any:
    """Do what the command line of AWS does: ``aws SERVICE OPERATION --option value ...``."""
    _, service, operation, *words = shlex.split(command)
    client = aws.client(service.removesuffix("api"))
    if operation == "wait":
        waiter = client.get_waiter(words[0].replace("-", "_"))
        return waiter.wait(**parameters(client, xform_name(waiter.config.operation), words[1:]))
    name = operation.replace("-", "_")
    return getattr(client, name)(**parameters(client, name, words))


def parameters(client: Any, name: str, words: list[str]) -> dict[str, Any]:
    """Return the options as the operation's parameters; one without a value is true."""
    operation = client.meta.method_to_api_mapping[name]
    shape = client.meta.service_model.operation_model(operation).input_shape
    members = {xform_name(member).replace("_", "-"): member for member in shape.members}
    given: dict[str, Any] = {}
    for option, value in re.findall(r"--([a-z-]+)(?: (?!--)(\S+))?", shlex.join(words)):
        given[members[option]] = value or True
    return given


def test_a_restored_table_goes_on_where_it_was(aws: Aws) -> None:
    restore, wait, setting, look = runbook("restore-table")
    source = "coding-agent-runs"
    assert f"--source-table-name {source}" in restore
    aws.client("dynamodb").create_table(**table_definition(source))
    store = DynamoStore(source)
    event = finish(store, claim(store, job(1)), Outcome.PR_OPENED)
    claimed = claim(store, job(2))
    store.release(claimed.lease)
    store.close()

    call(aws, restore)
    call(aws, wait)
    table = setting.removeprefix("export CODING_AGENT_STORE=dynamodb://")
    restored = DynamoStore(table)

    assert look == "coding-agent jobs list"
    assert {run.job_id for run in restored.runs(limit=10)} == {job(1).id, job(2).id}
    again = restored.claim(Submission.of(job(1)), lease_seconds=LEASE)
    assert isinstance(again, Finished), "nothing is run or paid again"
    assert [row.event_id for row in restored.pending_events()] == [event.id]
    finish(restored, claim(restored, job(2)))
    restored.close()


def test_a_deleted_artifact_comes_back_with_its_marker_gone(aws: Aws) -> None:
    find, remove = runbook("restore-objects")
    client = aws.client("s3")
    location = {"LocationConstraint": client.meta.region_name}
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=location)
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    artifacts = S3Artifacts(BUCKET, "artifacts", client=client)
    artifacts.put("a-job/0/page.html", b"<p>a page</p>")
    client.delete_object(Bucket=BUCKET, Key="artifacts/a-job/0/page.html")
    with pytest.raises(FileNotFoundError):
        artifacts.get("a-job/0/page.html")

    in_bucket = {"$BUCKET": BUCKET, "JOB_ID": "a-job"}
    (marker,) = call(aws, fill_in(find, in_bucket))["DeleteMarkers"]
    names = {"$BUCKET": BUCKET, "KEY": marker["Key"], "MARKER": marker["VersionId"]}
    call(aws, fill_in(remove, names))

    assert artifacts.get("a-job/0/page.html") == b"<p>a page</p>"


def fill_in(command: str, names: dict[str, str]) -> str:
    for placeholder, name in names.items():
        assert placeholder in command
        command = command.replace(placeholder, name)
    return command
