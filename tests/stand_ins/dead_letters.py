"""A dead-letter queue for tests."""

import json
from typing import Any

from pipeline.job import FixIssueJob, parse_job
from pipeline.queue import FAILED_GENERATION, REASON
from tests.stand_ins.aws import Aws, Queue

URL = "https://github.com/octo/{}/issues/{}"
RATE_LIMIT = "GitHub's rate limit: 403 (after {} tries)"


class Dead:
    """The dead-letter queue, filled as workers and SQS fill it."""

    def __init__(self, aws: Aws, queue: Queue):
        self.aws = aws
        self.queue = queue

    def put(self, body: str, **attributes: str) -> str:
        named = {
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
        }
        response = self.aws.sqs.send_message(
            QueueUrl=self.queue.dead_letters_url, MessageBody=body, MessageAttributes=named
        )
        return str(response["MessageId"])

    def failed(
        self, number: int, *, repo: str = "repo", reason: str = RATE_LIMIT, **fields: Any
    ) -> str:
        body = json.dumps({"issue_url": URL.format(repo, number), **fields})
        return self.put(
            body, **{FAILED_GENERATION: "0", REASON: reason.format(number), "sender": "billing"}
        )

    def depth(self) -> tuple[int, int]:
        return self.aws.depth(self.queue.dead_letters_url)

    def sent_jobs(self) -> list[tuple[FixIssueJob, dict[str, str]]]:
        """Receive the messages on the main queue."""
        return [
            (
                parse_job(message["Body"]),
                {k: v["StringValue"] for k, v in message.get("MessageAttributes", {}).items()},
            )
            for message in self.aws.messages(self.queue.url)
        ]
