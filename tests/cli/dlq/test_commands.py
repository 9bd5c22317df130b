"""``coding-agent dlq``, against moto's SQS."""

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.dlq import moving
from pipeline.queue import FAILED_GENERATION, REASON, SqsQueue
from prompts.template_set import TemplateSet
from stages.order import NAMES
from tests.cli.console import ROOT, Console
from tests.stand_ins.aws import Aws, Queue
from tests.stand_ins.dead_letters import RATE_LIMIT, URL, Dead


def interrupt_after(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Ctrl-C during the transfer of the message number ``count``."""
    sends = [0]
    send = SqsQueue.send

    async def sending(self: SqsQueue, *arguments: Any) -> str:
        sends[0] += 1
        if sends[0] == count:
            os.kill(os.getpid(), signal.SIGINT)
        return await send(self, *arguments)

    monkeypatch.setattr(SqsQueue, "send", sending)


# Replaying


def test_a_replay_sends_the_next_generation_with_its_overrides(
    console: Console, dead: Dead, five: list[str]
) -> None:
    options = [
        "--from-stage",
        "propose_patch",
        "--model",
        "m",
        "--max-cost",
        "5",
        "--max-rounds",
        "2",
    ]
    result = console.run("dlq", "replay", "--reason", "limit", *options, "--yes")
    assert result.exit_code == 0
    assert result.stdout.startswith(
        "replay 2 messages with from_stage=propose_patch, model=m, max_cost_usd=5.0, max_rounds=2\n"
        "     2  octo/repo  GitHub's rate limit: * (after * tries)\n"
    )
    replays = dead.sent_jobs()
    assert sorted(job.issue.number for job, _ in replays) == [1, 2]
    for job, attributes in replays:
        assert job.replay is not None
        assert job.replay.model_dump(exclude_none=True) == {
            "id": "redrive:0",
            "from_stage": "propose_patch",
            "model": "m",
        }
        assert job.limits.max_cost_usd == 5.0
        assert job.limits.max_rounds == 2
        assert attributes == {"sender": "billing"}
    assert dead.depth() == (3, 0)


def test_a_replay_takes_failed_jobs_only_and_reports_the_rest(
    console: Console, dead: Dead, five: list[str]
) -> None:
    result = console.run("dlq", "replay", "--yes", "--json")
    assert [json.loads(line)["message_id"] for line in result.stdout.splitlines()] == five[:3]
    assert (
        "1 unfinished left as they are; dlq redrive resumes their runs\n1 unreadable left"
        in result.stderr
    )
    assert "replayed 3 of 3\n" in result.stderr
    assert [row["message_id"] for row in console.lines("dlq", "ls", "--json")] == five[3:]


@pytest.mark.parametrize("command", ["replay", "redrive", "discard"])
def test_a_dry_run_or_a_refusal_changes_nothing(
    console: Console, dead: Dead, five: list[str], command: str
) -> None:
    dry = console.run("dlq", command, "--reason", "limit", "--dry-run")
    assert dry.exit_code == 0
    assert dry.stdout.startswith(f"{command} 2 messages")
    rows = console.lines("dlq", command, "--reason", "limit", "--dry-run", "--json")
    assert [row["message_id"] for row in rows] == five[:2]
    declined = console.run("dlq", command, "--reason", "limit", stdin="n\n")
    assert declined.exit_code == 1
    assert f"{command} them? [y/N]" in declined.stderr
    assert dead.depth() == (5, 0)
    assert dead.sent_jobs() == []
    assert list(console.folder.iterdir()) == []


def test_a_confirmation_at_the_prompt_is_enough(
    console: Console, dead: Dead, five: list[str]
) -> None:
    assert console.run("dlq", "replay", five[0], stdin="y\n").exit_code == 0
    assert len(dead.sent_jobs()) == 1


def test_an_empty_selection_is_not_an_error(console: Console, dead: Dead) -> None:
    result = console.run("dlq", "replay")
    assert result.exit_code == 0
    assert result.stdout == "replay 0 messages\n"


def test_ctrl_c_leaves_each_job_in_exactly_one_queue(
    console: Console, dead: Dead, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 16):
        dead.failed(number)
    interrupt_after(monkeypatch, 4)
    result = console.run("dlq", "replay", "--yes")
    assert result.exit_code == 130
    assert result.stderr.endswith(
        "replayed 4 of 15\ninterrupted; run the same command to continue with the rest\n"
    )
    assert dead.depth() == (11, 0)
    first = [job.issue.number for job, _ in dead.sent_jobs()]
    assert console.run("dlq", "replay", "--yes").exit_code == 0
    second = [job.issue.number for job, _ in dead.sent_jobs()]
    assert sorted(first + second) == list(range(1, 16))
    assert dead.depth() == (0, 0)


def test_ctrl_c_while_reading_changes_nothing(
    console: Console, dead: Dead, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead.failed(1)
    receive = SqsQueue.receive

    async def interrupted(self: SqsQueue, *arguments: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        return await receive(self, *arguments)

    monkeypatch.setattr(SqsQueue, "receive", interrupted)
    result = console.run("dlq", "replay", "--yes")
    assert result.exit_code == 130
    assert result.stderr == "interrupted\n"
    assert dead.depth() == (1, 0)
    assert dead.sent_jobs() == []


def test_a_replay_whose_deletion_failed_is_sent_again_as_the_same_replay(
    console: Console, dead: Dead, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead.failed(1)

    async def lost(self: SqsQueue, *deliveries: Any) -> None:
        raise ValueError("the connection broke")

    with monkeypatch.context() as broken:
        broken.setattr(SqsQueue, "delete", lost)
        result = console.run("dlq", "replay", "--yes")
    assert result.exit_code == 1
    assert (
        "the connection broke; replayed 1 of 1: run the same command to continue" in result.stderr
    )
    assert console.run("dlq", "replay", "--yes").exit_code == 0
    (first, _), (second, _) = dead.sent_jobs()
    assert first == second
    assert first.replay is not None


def test_messages_moved_by_others_in_the_meantime_are_reported(
    console: Console, aws: Aws, dead: Dead, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead.failed(1)
    confirm_plan = moving.confirm_plan

    def stolen(*arguments: Any, **options: Any) -> None:
        confirm_plan(*arguments, **options)
        aws.messages(dead.queue.dead_letters_url)

    monkeypatch.setattr("cli.dlq.commands.confirm_plan", stolen)
    result = console.run("dlq", "replay", "--yes")
    assert result.exit_code == 1
    assert "1 could no longer be seen" in result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--from-stage", "mend"],
            f"--from-stage: no stage 'mend'; the stages are {', '.join(NAMES)}",
        ),
        (["--model", "gpt-x"], "--model: 'gpt-x' is not in CODING_AGENT_ALLOWED_MODELS (a, b)"),
        (
            ["--max-cost", "-1"],
            "limits.max_cost_usd: Input should be greater than 0; nothing was replayed",
        ),
        (
            ["--since", "yesterday"],
            "'--since': 'yesterday' is neither an age, such as 90m, 2h or 3d, nor a time",
        ),
        (["--template-dir", "templates"], "the folder contains no *.md.j2 files"),
        (["--template-dir", "mistyped"], "mistyped: neither a folder, nor 4 or more digits"),
    ],
)
def test_overrides_that_workers_would_reject_are_refused_first(
    console: Console,
    dead: Dead,
    five: list[str],
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    message: str,
) -> None:
    monkeypatch.setenv("CODING_AGENT_ALLOWED_MODELS", "a,b")
    (console.folder / "templates").mkdir()
    result = console.run("dlq", "replay", "--yes", *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert dead.depth() == (5, 0)
    assert dead.sent_jobs() == []


def test_a_replay_publishes_a_folder_of_templates(console: Console, dead: Dead) -> None:
    folder = console.folder / "mine"
    shutil.copytree(ROOT / "prompts/templates", folder)
    template = folder / "propose.md.j2"
    template.write_text(template.read_text() + "\nBe brief.\n")
    dead.failed(1)
    assert console.run("dlq", "replay", "--template-dir", folder, "--yes").exit_code == 0
    ((job, _),) = dead.sent_jobs()
    set_hash = TemplateSet.load(folder).set_hash
    assert job.replay is not None
    assert job.replay.template_set == set_hash
    assert (console.data_dir / f"artifacts/template-sets/{set_hash}.json").exists()


def test_a_replay_takes_a_set_by_the_beginning_of_its_hash(console: Console, dead: Dead) -> None:
    set_hash = TemplateSet.load().set_hash
    dead.failed(1)
    for name in ("default", set_hash[:12]):
        result = console.run("dlq", "replay", "--template-dir", name, "--yes")
        assert result.exit_code == 0, result.output
        ((job, _),) = dead.sent_jobs()
        assert job.replay is not None
        assert job.replay.template_set == set_hash
        dead.failed(1)


def test_templates_with_findings_stop_a_replay(console: Console, dead: Dead) -> None:
    folder = console.folder / "mine"
    shutil.copytree(ROOT / "prompts/templates", folder)
    (folder / "propose.md.j2").write_text("no front matter")
    dead.failed(1)
    assert "no front matter" in console.refused("dlq", "replay", "--template-dir", folder, "--yes")
    assert dead.sent_jobs() == []


# Redriving


def test_a_redrive_puts_messages_back_as_they_were(
    console: Console, aws: Aws, dead: Dead, five: list[str]
) -> None:
    newer = dead.put('{"schema_version": 99}')
    result = console.run("dlq", "redrive", "--yes", "--json")
    assert result.exit_code == 0
    assert "1 unreadable left as they are\n" in result.stderr
    assert [json.loads(line)["message_id"] for line in result.stdout.splitlines()] == [
        *five[:4],
        newer,
    ]
    back = {
        message["Body"]: message.get("MessageAttributes", {})
        for message in aws.messages(dead.queue.url)
    }
    assert set(back) >= {
        '{"schema_version": 99}',
        json.dumps({"issue_url": URL.format("repo", 4), "job_id": "ticket-4"}),
    }
    attributes = back[json.dumps({"issue_url": URL.format("repo", 1)})]
    assert {name: value["StringValue"] for name, value in attributes.items()} == {
        FAILED_GENERATION: "0",
        REASON: RATE_LIMIT.format(1),
        "sender": "billing",
    }
    assert dead.depth() == (1, 0)


# Files


def test_a_repeated_import_adds_nothing(
    console: Console, aws: Aws, dead: Dead, five: list[str]
) -> None:
    result = console.run("dlq", "export", "dead.jsonl")
    assert result.exit_code == 0
    assert result.stderr == "5 messages written to dead.jsonl\n"
    file = console.folder / "dead.jsonl"
    assert file.stat().st_mode & 0o777 == 0o600
    assert (
        console.refused("dlq", "export", "dead.jsonl") == "dead.jsonl can't be created: File exists"
    )
    assert console.run("dlq", "discard", *five[1:3], "--yes", "--no-export").exit_code == 0
    dry = console.run("dlq", "import", "dead.jsonl", "--dry-run")
    assert dry.stderr == "2 messages to import; 3 already in the queue\n"
    assert dead.depth() == (
        3,
        0,
    )
    for _ in range(2):
        assert console.run("dlq", "import", "dead.jsonl").exit_code == 0
    assert console.run("dlq", "export", "again.jsonl").exit_code == 0
    assert content(console.folder / "again.jsonl") == content(file)


def content(file: Path) -> list[str]:
    """Return an export's content without the ids and times, which SQS assigns."""
    lines = map(json.loads, file.read_text().splitlines())
    return sorted(json.dumps([line["body"], line["attributes"]], sort_keys=True) for line in lines)


def test_an_export_goes_to_standard_output(console: Console, five: list[str]) -> None:
    lines = console.lines("dlq", "export", "-", "--reason", "limit")
    assert [line["message_id"] for line in lines] == five[:2]
    result = console.run("dlq", "import", "-", stdin="\n".join(map(json.dumps, lines)))
    assert result.stderr == "0 messages to import; 2 already in the queue\nimported 0 of 0\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            b'{"body": "x"}\n',
            "dead.jsonl, line 1 (as dlq export writes it): message_id: Field required",
        ),
        (b"\n{", "dead.jsonl, line 2 (as dlq export writes it): message: Invalid JSON"),
        (b"\xff", "dead.jsonl is not UTF-8 text; nothing was imported"),
    ],
)
def test_a_file_with_one_wrong_line_is_refused(
    console: Console, dead: Dead, text: bytes, message: str
) -> None:
    (console.folder / "dead.jsonl").write_bytes(text)
    assert console.refused("dlq", "import", "dead.jsonl").startswith(message)
    assert dead.depth() == (0, 0)


def test_a_discarded_message_is_written_to_a_file_first(
    console: Console, dead: Dead, five: list[str]
) -> None:
    rows = console.lines("dlq", "discard", "--reason", "not JSON", "--yes", "--json")
    (file,) = console.folder.glob("discarded-*.jsonl")
    assert rows == [{"message_id": five[4], "job_id": None, "kept_in": file.name}]
    assert dead.depth() == (4, 0)
    assert json.loads(file.read_text())["body"] == "\x1b[31mnot a job"
    assert console.run("dlq", "import", file).exit_code == 0
    assert dead.depth() == (5, 0)


def test_nothing_is_discarded_if_its_copy_cannot_be_written(
    console: Console, dead: Dead, five: list[str]
) -> None:
    result = console.run("dlq", "discard", "--yes", "--export", "no/such/folder.jsonl")
    assert result.exit_code == 2
    assert "no/such/folder.jsonl can't be created: No such file or directory" in result.stderr
    assert dead.depth() == (5, 0)
    assert (
        console.refused("dlq", "discard", "--export", "x", "--no-export")
        == "--export or --no-export, not both"
    )


# What is missing


Break = Callable[[Aws, pytest.MonkeyPatch], None]


def _alone(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    url = aws.sqs.create_queue(QueueName="alone")["QueueUrl"]
    monkeypatch.setenv("CODING_AGENT_QUEUE_URL", url)


def _nowhere(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODING_AGENT_QUEUE_URL", f"{aws.endpoint}/123456789012/nowhere")


def _unset(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CODING_AGENT_QUEUE_URL")


@pytest.mark.parametrize(
    ("broken", "code", "message"),
    [
        (_alone, 2, "/alone has no RedrivePolicy: give it a dead-letter queue"),
        (_nowhere, 1, "SQS refused: "),
        (_unset, 2, "CODING_AGENT_QUEUE_URL is not set"),
    ],
)
def test_a_missing_queue_is_reported(
    console: Console,
    aws: Aws,
    queue: Queue,
    monkeypatch: pytest.MonkeyPatch,
    broken: Break,
    code: int,
    message: str,
) -> None:
    broken(aws, monkeypatch)
    assert message in console.refused("dlq", "ls", code=code)
