"""The canary of ``coding-agent doctor --aws``: one dry run through a whole deployment.

    canary ── job ──► SQS queue ──► worker ── event ──► SNS topic ──► temporary queue ──► canary

The last check that is not ok says where the job got stuck, and what to look at.
"""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from cli.check import Check
from console.queues.dead_messages import DeadMessages
from console.queues.visibility import HOLD_SECONDS, VISIBILITY_TIMEOUT
from pipeline.aws import open_client
from pipeline.errors import describe
from pipeline.job import FixIssueJob, Limits, Options
from pipeline.outcome import EventType, Outcome
from pipeline.queue import SqsQueue
from repository.counts import count

#: The canary shows that the deployment works, not what it can do: it asks for little.
LIMITS = Limits(max_cost_usd=0.5, max_rounds=1)

#: SQS's limit for a long poll (ReceiveMessage, WaitTimeSeconds).
_LONGEST_POLL = 20
_REASON_WIDTH = 300

#: The data of each event of one job.
Events = dict[EventType, dict[str, Any]]


@dataclass(frozen=True)
class EventProbe:
    """A temporary queue that is subscribed to the topic."""

    sqs: Any
    url: str

    async def wait_for_end(self, job_id: str, seconds: float) -> Events:
        """Collect the job's events until it ends, for at most ``seconds``."""
        events: Events = {}
        deadline = time.monotonic() + seconds
        while EventType.FINISHED not in events:
            seconds_left = deadline - time.monotonic()
            if seconds_left <= 0:
                break
            for event in await self._receive(seconds_left):
                if event["data"]["job_id"] == job_id:
                    events[EventType(event["type"])] = event["data"]
        return events

    async def _receive(self, seconds: float) -> list[dict[str, Any]]:
        response = await self.sqs.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=max(1, min(_LONGEST_POLL, int(seconds))),
        )
        events = []
        for message in response.get("Messages", []):
            events.append(json.loads(message["Body"]))
            receipt = message["ReceiptHandle"]
            await self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=receipt)
        return events


@asynccontextmanager
async def event_probe(topic_arn: str, name: str) -> AsyncIterator[EventProbe]:
    """Subscribe a new queue to the topic. Both queue and subscription are deleted at the end."""
    async with open_client("sqs") as sqs, open_client("sns") as sns:
        created = await sqs.create_queue(QueueName=name)
        url = created["QueueUrl"]
        try:
            queue_arn = await _allow_topic(sqs, url, topic_arn)
            subscription = await sns.subscribe(
                TopicArn=topic_arn,
                Protocol="sqs",
                Endpoint=queue_arn,
                Attributes={"RawMessageDelivery": "true"},
                ReturnSubscriptionArn=True,
            )
            try:
                yield EventProbe(sqs, url)
            finally:
                await sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
        finally:
            await sqs.delete_queue(QueueUrl=url)


async def _allow_topic(sqs: Any, url: str, topic_arn: str) -> str:
    """Let the topic send to the queue, and return the queue's ARN."""
    response = await sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    queue_arn: str = response["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    await sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    return queue_arn


async def run_canary(queue_url: str, topic_arn: str, issue_url: str, seconds: float) -> list[Check]:
    """Send a job and wait up to ``seconds`` for it to end.

    Raises:
        pydantic.ValidationError: ``issue_url`` is not the address of an issue.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    job = _canary_job(issue_url)
    part = "topic"
    address = topic_arn
    try:
        async with (
            event_probe(topic_arn, f"coding-agent-{job.id}") as probe,
            SqsQueue(queue_url, visibility_timeout=VISIBILITY_TIMEOUT) as queue,
        ):
            part = "queue"
            address = queue_url
            await queue.submit(job)
            events = await probe.wait_for_end(job.id, seconds)
            return [
                Check("topic", True, "accepts a subscription"),
                Check("queue", True, f"took the job {job.id}"),
                *await _check_run(queue, job.id, events, seconds),
            ]
    except (BotoCoreError, ClientError) as error:
        return [Check(part, False, address, f"{address}: {describe(error)}")]


def _canary_job(issue_url: str) -> FixIssueJob:
    return FixIssueJob(
        issue_url=issue_url,
        job_id=f"doctor-{uuid.uuid4().hex[:12]}",
        limits=LIMITS,
        options=Options(dry_run=True),
        metadata={"sent_by": "coding-agent doctor --aws"},
    )


async def _check_run(queue: SqsQueue, job_id: str, events: Events, seconds: float) -> list[Check]:
    result = events.get(EventType.FINISHED)
    if result is not None:
        return _check_result(result)
    if EventType.STARTED in events:
        hint = (
            f"the run started and has not ended within {seconds:.0f} s; its log lines have job_id"
            f" {job_id}"
        )
        return [Check("run", False, job_id, hint)]
    return [await _find_job(queue, job_id, seconds)]


def _check_result(result: dict[str, Any]) -> list[Check]:
    reason = " ".join(result["reason"].split())[:_REASON_WIDTH]
    outcome = result["outcome"]
    detail = (
        f"{outcome} after {result['seconds']:.0f} s, for {result['cost_usd']:.4f} USD: {reason}"
    )
    ok = outcome not in (Outcome.FAILED, Outcome.REJECTED)
    hint = f"{detail} (job and event went through; this is how the run itself ended)"
    return [
        Check("worker", True, "took the job and published its result"),
        Check("run", ok, detail, hint),
    ]


async def _find_job(queue: SqsQueue, job_id: str, seconds: float) -> Check:
    """Find out where a job without any event got stuck."""
    reason = await _dead_letter_reason(queue, job_id)
    if reason is not None:
        hint = f"the job is in the dead-letter queue: {reason}"
        return Check("worker", False, job_id, hint)
    depth = await queue.depth()
    if depth.visible or depth.delayed:
        waiting = count(depth.visible, "waiting job")
        hint = (
            f"no worker took it within {seconds:.0f} s ({waiting}): does the service run a task?"
            " Look at its events, and at the log of a task that stopped: no image for its"
            " architecture, an empty secret, a setting that it refuses"
        )
        return Check("worker", False, job_id, hint)
    if depth.in_flight:
        hint = (
            f"a worker received it and has not started the run within {seconds:.0f} s; its log"
            f" lines have job_id {job_id}"
        )
        return Check("worker", False, job_id, hint)
    hint = (
        "the job was taken, but no event was published: look for 'not be published' in the worker's"
        " log (is its role allowed to publish to this topic?), and check whether another program"
        " takes jobs from this queue"
    )
    return Check("event", False, job_id, hint)


async def _dead_letter_reason(queue: SqsQueue, job_id: str) -> str | None:
    """Return why the job is in the dead-letter queue, or None if it is not there."""
    url = await queue.dead_letters_url()
    async with SqsQueue(url, visibility_timeout=HOLD_SECONDS) as dead_letter_queue:
        snapshot = await DeadMessages(dead_letter_queue, asyncio.Event()).read()
    for message in snapshot.messages:
        if message.job_id == job_id:
            return message.reason
    return None
