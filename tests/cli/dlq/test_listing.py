"""``coding-agent dlq ls``, ``show`` and ``group-by``, against moto's SQS."""

import json

import pytest

from tests.cli.console import Console
from tests.cli.terminal import run_on_terminal
from tests.stand_ins.aws import Aws
from tests.stand_ins.dead_letters import RATE_LIMIT, URL, Dead


def test_messages_are_listed_and_stay(console: Console, dead: Dead, five: list[str]) -> None:
    rows = console.lines("dlq", "ls", "--json")
    assert [row["message_id"] for row in rows] == five
    assert [row["kind"] for row in rows] == [
        "failed",
        "failed",
        "failed",
        "unfinished",
        "unreadable",
    ]
    assert rows[0]["reason"] == RATE_LIMIT.format(1)
    assert rows[0]["repository"] == "octo/repo"
    assert rows[0]["failed_generation"] == 0
    assert rows[3]["job_id"] == "ticket-4"
    assert rows[4]["job_id"] is None
    lines = [line.split("\t") for line in console.run("dlq", "ls").stdout.splitlines()]
    assert [line[0] for line in lines] == five
    assert [line[2] for line in lines] == [row["kind"] for row in rows]
    assert lines[3][1:4] == ["ticket-4", "unfinished", "octo/repo#4"]
    assert lines[4][1:4] == ["", "unreadable", ""]
    assert lines[4][5] == "the message is not JSON: ␛[31m"
    assert dead.depth() == (5, 0)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--reason", "RATE*limit"], [0, 1]),
        (["--repo", "Octo/Other"], [2]),
        (["--since", "1h"], [0, 1, 2, 3, 4]),
        (["--since", "2999-01-01"], []),
        (["--limit", "2"], [0, 1]),
        (["--reason", "limit", "--limit", "1"], [0]),
        (["ticket-4"], [3]),
        (["tick"], [3]),
        (["octo/other#3"], [2]),
        (["https://github.com/octo/repo/issues/4"], [3]),
        (["#1", "#2"], [0, 1]),
    ],
)
def test_a_list_can_be_filtered(
    console: Console, five: list[str], options: list[str], expected: list[int]
) -> None:
    rows = console.lines("dlq", "ls", "--json", *options)
    assert [five.index(row["message_id"]) for row in rows] == expected


def test_a_list_covers_several_pages_and_counts_messages_in_flight(
    console: Console, aws: Aws, dead: Dead
) -> None:
    ids = [dead.failed(number) for number in range(1, 26)]
    (held,) = aws.sqs.receive_message(QueueUrl=dead.queue.dead_letters_url, VisibilityTimeout=600)[
        "Messages"
    ]
    result = console.run("dlq", "ls", "--json")
    listed = [json.loads(line)["message_id"] for line in result.stdout.splitlines()]
    assert sorted([*listed, held["MessageId"]]) == sorted(ids)
    assert result.stderr == "about 1 more can't be seen now: in flight elsewhere, or delayed\n"


def test_a_message_is_shown_by_either_id(console: Console, five: list[str]) -> None:
    payload = console.json("dlq", "show", five[0], "--json")
    assert json.loads(payload["body"]) == {"issue_url": URL.format("repo", 1)}
    assert payload["attributes"]["sender"] == {"DataType": "String", "StringValue": "billing"}
    assert console.json("dlq", "show", "ticket-4", "--json")["message_id"] == five[3]
    output = console.run("dlq", "show", five[4]).stdout
    assert "not a job" in output
    assert "\x1b" not in output
    for command in (("show", "nothing"), ("replay", "nothing", "--yes")):
        assert console.refused("dlq", *command) == (
            "'nothing': not seen in the dead-letter queue; see: coding-agent dlq ls"
        )


def test_messages_are_counted_by_reason_and_repository(console: Console, five: list[str]) -> None:
    (first, *rest) = console.lines("dlq", "group-by", "reason", "--json")
    assert first == {"reason": "GitHub's rate limit: * (after * tries)", "count": 2}
    assert len(rest) == 3
    assert len(console.lines("dlq", "ls", "--json", "--reason", first["reason"])) == 2
    repositories = console.lines("dlq", "group-by", "repo", "--json")
    assert repositories == [
        {"repo": "octo/repo", "count": 3},
        {"repo": "octo/other", "count": 1},
        {"repo": "-", "count": 1},
    ]
    assert console.run("dlq", "group-by", "repo").stdout.startswith("     3  octo/repo\n")


def test_the_beginning_of_a_message_id_names_it(console: Console, five: list[str]) -> None:
    (row,) = console.lines("dlq", "ls", "--json", five[4][:12])
    assert row["message_id"] == five[4]


def test_of_several_names_those_without_a_message_are_reported(
    console: Console, five: list[str]
) -> None:
    result = console.run("dlq", "ls", five[4], "another", "octo/repo#999")
    assert result.stdout.startswith(five[4])
    assert result.stderr.splitlines() == [
        "'another': not seen in the dead-letter queue",
        "'octo/repo#999': not seen in the dead-letter queue",
    ]


def test_the_beginning_of_several_ids_is_refused(console: Console, dead: Dead) -> None:
    for number in (1, 2):
        dead.failed(number, job_id=f"ticket-{number}")
    message = console.refused("dlq", "discard", "ticket", "--yes")
    assert message == "'ticket' is the beginning of several ids: ticket-1, ticket-2"
    assert dead.depth() == (2, 0)


def test_on_a_terminal_each_message_is_one_line(console: Console, five: list[str]) -> None:
    _, printed = run_on_terminal(console.folder, "dlq", "ls", NO_COLOR="1")
    lines = [line.rstrip() for line in printed.split("\n")[1:-1]]
    assert [line[:8] for line in lines] == [message_id[:8] for message_id in five]
    assert "octo/other#3" in lines[2]
    assert lines[2].endswith("a defect: KeyError")
    assert max(len(line) for line in lines) <= 80
