import json

import pytest

from console.queues import dead_messages
from pipeline.queue import REASON
from tests.cli.console import Console
from tests.stand_ins.aws import Aws, Queue
from tests.stand_ins.dead_letters import URL, Dead


@pytest.fixture
def queue(console: Console, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Queue:
    queue = aws.make_queue()
    monkeypatch.setenv("CODING_AGENT_QUEUE_URL", queue.url)
    monkeypatch.setattr(dead_messages, "POLL_SECONDS", 0)
    return queue


@pytest.fixture
def dead(aws: Aws, queue: Queue) -> Dead:
    return Dead(aws, queue)


@pytest.fixture
def five(dead: Dead) -> list[str]:
    """Message ids: two failed for one reason, one for another in another repository, one
    unfinished, one no job.
    """
    return [
        dead.failed(1),
        dead.failed(2),
        dead.failed(3, repo="other", reason="a defect: KeyError"),
        dead.put(json.dumps({"issue_url": URL.format("repo", 4), "job_id": "ticket-4"})),
        dead.put("\x1b[31mnot a job", **{REASON: "the message is not JSON: \x1b[31m"}),
    ]
