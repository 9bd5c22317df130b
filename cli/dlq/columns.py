"""The columns of a list of dead messages."""

import time
from collections.abc import Sequence

from cli.tables import Column, cut
from cli.times import iso_time
from console.queues.dead_messages import DeadMessage
from console.runs.phrases import age
from console.runs.short_names import shorten_ids, shorten_issue
from pipeline.job import parse_subject


def message_columns(messages: Sequence[DeadMessage]) -> list[Column[DeadMessage]]:
    short_ids = shorten_ids([message.message_id for message in messages])
    short_job_ids = shorten_ids([message.job_id for message in messages if message.job_id])
    now = time.time()
    return [
        Column(
            "message",
            lambda message: short_ids[message.message_id],
            lambda message: message.message_id,
        ),
        Column(
            "job",
            lambda message: short_job_ids.get(message.job_id or "", "-"),
            lambda message: message.job_id or "",
        ),
        Column("kind", lambda message: message.kind, lambda message: message.kind),
        Column("issue", _issue, _issue, shorten=shorten_issue),
        Column(
            "age",
            lambda message: age(now - message.delivery.sent_at),
            lambda message: iso_time(message.delivery.sent_at),
        ),
        Column(
            "reason",
            lambda message: message.reason,
            lambda message: message.reason,
            shorten=cut,
        ),
    ]


def _issue(message: DeadMessage) -> str:
    if message.issue_url is None:
        return ""
    return f"{message.repository}#{parse_subject(message.issue_url).number}"
