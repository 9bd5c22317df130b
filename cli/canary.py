"""The canary of ``coding-agent doctor --aws``: one dry run through queue, worker and topic, and
where it got stuck.
"""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from cli.dlq.dead_letters import HOLD_SECONDS, DeadLetters
from cli.doctor import Check
from pipeline.aws import limits, region
from pipeline.errors import describe
from pipeline.job import FixIssueJob, Limits, Options
from pipeline.outcome import EventType, Outcome
from pipeline.queue import SqsQueue

#: It asks for little: what a deployment can do is not what it is to show.
LIMITS = Limits(max_cost_usd=0.5, max_rounds=1)


@dataclass(frozen=True)
class Ear:
    """A queue of our own that the topic writes to."""

    sqs: Any
    url: str

    async def listen(self, job_id: str, seconds: float) -> dict[EventType, dict[str, Any]]:
        """What was told of the job until its end, or until ``seconds`` are over."""
        heard: dict[EventType, dict[str, Any]] = {}
        until = time.monotonic() + seconds
        while EventType.FINISHED not in heard and (left := until - time.monotonic()) > 0:
            answer = await self.sqs.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=10,
                WaitTimeSeconds=max(1, min(20, int(left))),
            )
            for message in answer.get("Messages", []):
                event = json.loads(message["Body"])
                if event["data"]["job_id"] == job_id:
                    heard[EventType(event["type"])] = event["data"]
                await self.sqs.delete_message(
                    QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"]
                )
        return heard


@asynccontextmanager
async def listening(topic_arn: str, name: str) -> AsyncIterator[Ear]:
    """Subscribed while entered; afterwards nothing of it is left."""
    import aioboto3
    from aiobotocore.config import AioConfig

    session = aioboto3.Session()
    options = {"region_name": region(), "config": AioConfig(**limits())}
    async with session.client("sqs", **options) as sqs, session.client("sns", **options) as sns:
        url = (await sqs.create_queue(QueueName=name))["QueueUrl"]
        try:
            asked = await sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
            arn = asked["Attributes"]["QueueArn"]
            statement = {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
            }
            policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            await sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
            subscribed = await sns.subscribe(
                TopicArn=topic_arn,
                Protocol="sqs",
                Endpoint=arn,
                Attributes={"RawMessageDelivery": "true"},
                ReturnSubscriptionArn=True,
            )
            try:
                yield Ear(sqs, url)
            finally:
                await sns.unsubscribe(SubscriptionArn=subscribed["SubscriptionArn"])
        finally:
            await sqs.delete_queue(QueueUrl=url)


async def sing(queue_url: str, topic_arn: str, issue_url: str, seconds: float) -> list[Check]:
    """Send the job and wait for its end. The last check that is not ok says where it got stuck, and
    what to look at.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    name = f"doctor-{uuid.uuid4().hex[:12]}"
    job = FixIssueJob(
        issue_url=issue_url,
        job_id=name,
        limits=LIMITS,
        options=Options(dry_run=True),
        metadata={"sent_by": "coding-agent doctor --aws"},
    )
    where = "topic"
    at = topic_arn
    try:
        async with (
            listening(topic_arn, f"coding-agent-{name}") as ear,
            SqsQueue(queue_url, visibility_timeout=30) as q,
        ):
            where = "queue"
            at = queue_url
            await q.submit(job)
            heard = await ear.listen(name, seconds)
            reached = [
                Check("topic", True, "can be listened to"),
                Check("queue", True, f"took the job {name}"),
            ]
            return reached + (
                _ended(heard) or [await _stuck(q, name, seconds, begun=EventType.STARTED in heard)]
            )
    except (BotoCoreError, ClientError) as error:
        return [Check(where, False, at, f"{at}: {describe(error)}")]


def _ended(heard: dict[EventType, dict[str, Any]]) -> list[Check]:
    """Empty where the end was not told."""
    data = heard.get(EventType.FINISHED)
    if data is None:
        return []
    why = " ".join(data["reason"].split())[:300]
    told = f"{data['outcome']} after {data['seconds']:.0f} s, for {data['cost_usd']:.4f} USD: {why}"
    good = data["outcome"] not in (Outcome.FAILED, Outcome.REJECTED)
    return [
        Check("worker", True, "took it and told how it ended"),
        Check(
            "run", good, told, f"{told} (the way there and back works; this is what the run met)"
        ),
    ]


async def _stuck(queue: SqsQueue, job_id: str, seconds: float, *, begun: bool) -> Check:
    if begun:
        mend = (
            f"the run began and has not ended within {seconds:.0f} s; its log lines have job_id"
            f" {job_id}"
        )
        return Check("run", False, job_id, mend)
    if reason := await _buried(queue, job_id):
        return Check("worker", False, job_id, f"the job is in the dead-letter queue: {reason}")
    depth = await queue.depth()
    if depth.visible or depth.delayed:
        mend = (
            f"nobody took it within {seconds:.0f} s ({depth.visible} jobs wait): does the service"
            " run a task? See its events, and the log of a task that stopped: no image for its"
            " architecture, an empty secret, a setting that it refuses"
        )
        return Check("worker", False, job_id, mend)
    if depth.in_flight:
        mend = (
            f"a worker holds it and has not begun within {seconds:.0f} s; its log lines have job_id"
            f" {job_id}"
        )
        return Check("worker", False, job_id, mend)
    mend = (
        "the job was taken, and no event came of it: look for 'is not published' in the worker's"
        " log (may its role publish to this topic?), and whether somebody else takes jobs from this"
        " queue"
    )
    return Check("event", False, job_id, mend)


async def _buried(queue: SqsQueue, job_id: str) -> str | None:
    async with SqsQueue(await queue.dead_letters_url(), visibility_timeout=HOLD_SECONDS) as dead:
        looked = await DeadLetters(dead, asyncio.Event()).look()
    return next((letter.reason for letter in looked.letters if letter.job_id == job_id), None)
