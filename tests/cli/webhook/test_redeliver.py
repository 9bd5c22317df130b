"""``coding-agent webhook redeliver``: an event in a file becomes a job on the queue, once."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.job import FixIssueJob, parse_job
from tests.cli.console import Console
from tests.stand_ins.aws import Aws, Queue
from tests.stand_ins.github import WRITE_TOKEN, GithubStandIn

REPOSITORY = "octo/repo"


@pytest.fixture
def github(
    console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[GithubStandIn]:
    with GithubStandIn(tmp_path / "github") as github:
        github.add_repository(REPOSITORY, {"a.txt": "a\n"})
        github.add_issue(REPOSITORY, "It is broken", "It should not be.")
        monkeypatch.setenv("GITHUB_TOKEN", WRITE_TOKEN)
        monkeypatch.setenv("GITHUB_API_URL", github.api_url)
        yield github


@pytest.fixture
def queue(console: Console, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Queue:
    queue = aws.make_queue()
    monkeypatch.setenv("CODING_AGENT_QUEUE_URL", queue.url)
    return queue


def write_event(console: Console, github: GithubStandIn, label: str = "coding-agent") -> str:
    """Write the payload of an event that happened just now, and return the file's name."""
    event = github.webhooks.issue_labeled(REPOSITORY, 1, label, sender="octo")
    event.payload["issue"]["updated_at"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    (console.folder / "event.json").write_bytes(event.body)
    return "event.json"


def test_an_event_in_a_file_becomes_a_job_once(
    console: Console, aws: Aws, queue: Queue, github: GithubStandIn
) -> None:
    file = write_event(console, github)
    answer = console.json("webhook", "redeliver", file, "--event", "issues", "--json")
    again = console.json("webhook", "redeliver", file, "--event", "issues", "--json")
    (message,) = aws.messages(queue.url)
    job = parse_job(message["Body"])
    assert isinstance(job, FixIssueJob)
    assert (job.issue.number, job.requested_by) == (1, "octo")
    assert answer == again == {"action": "queued", "job_ids": [job.id], "reason": None}


@pytest.mark.usefixtures("queue")
def test_an_event_that_asks_for_nothing_says_why(console: Console, github: GithubStandIn) -> None:
    file = write_event(console, github, label="bug")
    result = console.run("webhook", "redeliver", file, "--event", "issues")
    assert result.exit_code == 0
    assert result.stdout.startswith("ignored: only the labels coding-agent and no-agent")


@pytest.mark.usefixtures("queue")
def test_a_file_that_is_no_payload_of_the_event_is_an_error(
    console: Console, github: GithubStandIn
) -> None:
    file = write_event(console, github)
    result = console.run("webhook", "redeliver", file, "--event", "check_suite")
    assert result.exit_code == 1
    assert "the payload is not one of a check_suite event: check_suite:" in result.stderr


def test_without_a_queue_it_says_what_to_set(console: Console, github: GithubStandIn) -> None:
    file = write_event(console, github)
    result = console.run("webhook", "redeliver", file, "--event", "issues")
    assert result.exit_code == 2
    assert "CODING_AGENT_QUEUE_URL" in result.stderr
