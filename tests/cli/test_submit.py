"""``coding-agent submit``, against moto's SQS."""

import contextlib
import json
from datetime import UTC, datetime

import pytest

from pipeline.job import parse_job
from pipeline.outcome import Outcome
from pipeline.store.sqlite import SqliteStore
from tests.cli.console import Console
from tests.stand_ins.aws import Aws, Queue
from tests.stand_ins.runs import claim, finish, job

URL = "https://github.com/octo/repo/issues/{}"


@pytest.fixture
def queue(console: Console, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Queue:
    queue = aws.make_queue()
    monkeypatch.setenv("CODING_AGENT_QUEUE_URL", queue.url)
    return queue


def bodies(aws: Aws, queue: Queue) -> list[str]:
    return [message["Body"] for message in aws.messages(queue.url)]


def test_a_submitted_job_can_be_parsed_by_the_worker(
    console: Console, aws: Aws, queue: Queue
) -> None:
    options = [
        "--dry-run",
        "--base-branch",
        "v1",
        "--metadata",
        "ticket=OPS=7",
        "--metadata",
        "by=ann",
        "--requested-at",
        "2026-01-05T10:00:00+01:00",
    ]
    payload = console.json("submit", URL.format(42), *options, "--json")
    (body,) = bodies(aws, queue)
    job = parse_job(body)
    assert (job.issue.number, job.base_branch, job.options.dry_run) == (42, "v1", True)
    assert job.metadata == {"ticket": "OPS=7", "by": "ann"}
    assert job.requested_at == datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
    assert payload == {
        "job_id": job.id,
        "issue_url": job.issue.url,
        "message_id": payload["message_id"],
    }


def test_a_job_that_has_ended_says_how_and_can_be_run_again(
    console: Console, aws: Aws, queue: Queue
) -> None:
    with contextlib.closing(SqliteStore(console.data_dir / "store.sqlite")) as store:
        finish(store, claim(store, job(42)), Outcome.FAILED)
    result = console.run("submit", URL.format(42), URL.format(43), "--json")
    ended, new = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert (ended["outcome"], ended["reason"]) == ("failed", "a reason")
    assert "outcome" not in new
    assert result.stderr == (
        f"{job(42).id} has already ended as failed: a reason; its event is published again, and"
        " --again runs the job once more\n"
    )
    again = console.run("submit", URL.format(42), "--again")
    assert (again.exit_code, again.stderr) == (0, "")
    replays = [parse_job(body).replay for body in bodies(aws, queue)]
    assert sum(replay is not None for replay in replays) == 1


def test_a_file_or_standard_input_has_one_job_a_line(
    console: Console, aws: Aws, queue: Queue
) -> None:
    lines = "\n".join(
        json.dumps({"issue_url": URL.format(n), "metadata": {"n": "a\u2028b"}}) for n in (1, 2)
    )
    payload = console.lines("submit", "--file", "-", "--json", stdin=f"{lines}\n\n")
    (console.folder / "jobs.jsonl").write_text(lines)
    assert payload[0]["job_id"] != payload[1]["job_id"]
    assert [row["job_id"] for row in console.lines("submit", "--file", "jobs.jsonl", "--json")] == [
        row["job_id"] for row in payload
    ]
    assert sorted(parse_job(body).issue.number for body in bodies(aws, queue)) == [1, 1, 2, 2]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            '{"issue_url": "https://github.com/o/r/issues/2", "color": 1}',
            "line 2 (one job a line): color: unknown field",
        ),
        ("{", "line 2 (one job a line): the message is not JSON"),
        ('{"schema_version": 99}', "line 2 (one job a line): schema_version 99 is newer"),
        ('{"issue_url": "https://github.com/o/r/pull/2"}', "is a pull request's address"),
    ],
)
def test_nothing_is_sent_if_one_job_is_invalid(
    console: Console, aws: Aws, queue: Queue, line: str, message: str
) -> None:
    file = json.dumps({"issue_url": URL.format(1)}) + "\n" + line
    error = console.refused("submit", URL.format(3), "--file", "-", stdin=file)
    assert message in error
    assert error.endswith("; nothing was sent")
    assert bodies(aws, queue) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give the URL of an issue or a pull request, or --file"),
        (
            ["octo/repo#42"],
            "'octo/repo#42' is not an issue's address; it looks like https://github.com/OWNER/NAME/issues/N",
        ),
        ([URL.format(1), "--metadata", "ticket"], "--metadata ticket: give KEY=VALUE"),
        (
            [URL.format(1), "--base-branch", "a..b"],
            "base_branch: 'a..b' is not a branch name that git accepts",
        ),
        (["--file", "-", "--dry-run"], "in a file, each job has its own"),
        (["--file", "-"], "contains no job"),
    ],
)
def test_a_wrong_command_is_reported_in_one_line(
    console: Console, aws: Aws, queue: Queue, arguments: list[str], message: str
) -> None:
    assert message in console.refused("submit", *arguments, stdin="\n")
    assert bodies(aws, queue) == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ('"options": {"model": "gpt-9"}', "model 'gpt-9' is not in CODING_AGENT_ALLOWED_MODELS"),
        ('"limits": {"max_rounds": 9}', "limits.max_rounds: 9 is more than this deployment allows"),
        ('"replay": {"id": "r", "template_set": "00000000"}', "replay.template_set: "),
    ],
)
def test_what_is_set_here_refuses_a_job_before_it_is_sent(
    console: Console,
    aws: Aws,
    queue: Queue,
    monkeypatch: pytest.MonkeyPatch,
    fields: str,
    message: str,
) -> None:
    file = f'{{"issue_url": "{URL.format(1)}", {fields}}}'
    assert console.run("submit", "--file", "-", stdin=file).exit_code == 0, "not known here"
    (console.folder / "artifacts").mkdir()
    monkeypatch.setenv("CODING_AGENT_MODEL", "openai/gpt-4o")
    monkeypatch.setenv("CODING_AGENT_MAX_ROUNDS", "4")
    monkeypatch.setenv("CODING_AGENT_ARTIFACTS", str(console.folder / "artifacts"))
    monkeypatch.setenv("CODING_AGENT_ALLOWED_REPOSITORIES", "octo/*")
    error = console.refused("submit", "--file", "-", stdin=file)
    assert "line 1 (one job a line): " in error
    assert message in error
    elsewhere = "https://github.com/other/repo/issues/1"
    refused = console.refused("submit", elsewhere)
    assert refused.startswith("other/repo is not in CODING_AGENT_ALLOWED_REPOSITORIES")
    assert len(bodies(aws, queue)) == 1


def test_a_file_that_is_not_text_is_refused(console: Console, queue: Queue) -> None:
    (console.folder / "jobs").write_bytes(b"\xff\xfe")
    assert console.refused("submit", "--file", "jobs") == "jobs is not UTF-8 text; nothing was sent"


def test_submit_needs_a_queue(console: Console) -> None:
    assert console.refused("submit", URL.format(1)).startswith("CODING_AGENT_QUEUE_URL is not set")


def test_a_refused_message_is_reported(
    console: Console, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODING_AGENT_QUEUE_URL", f"{aws.endpoint}/123456789012/nowhere")
    message = console.refused("submit", URL.format(1), code=1)
    assert "/nowhere refused: " in message
    assert "jobs that are not listed were not sent" in message


PULL = "https://github.com/octo/repo/pull/7"


def test_a_pull_requests_address_asks_for_an_answer_to_its_review_each_time(
    console: Console, aws: Aws, queue: Queue
) -> None:
    console.run("submit", PULL, "--metadata", "by=ann")
    console.run("submit", PULL)
    jobs = [parse_job(body) for body in bodies(aws, queue)]
    assert [job.type for job in jobs] == ["address_review", "address_review"]
    assert {job.subject.url for job in jobs} == {PULL}
    assert jobs[0].id != jobs[1].id
    assert jobs[0].metadata == {"by": "ann"}


def test_an_option_of_issues_is_refused_for_a_pull_request(
    console: Console, aws: Aws, queue: Queue
) -> None:
    assert "are for issues" in console.refused("submit", PULL, "--base-branch", "main")
    assert bodies(aws, queue) == []
