"""``coding-agent jobs prompt``: what the model was sent and what it replied."""

import shutil

import pytest

from tests.cli.console import Console
from tests.stand_ins.example_runs import failed, four_rounds, long_agent_run, opened_pull_request
from tests.stand_ins.runs import job


def test_the_newest_round_is_printed_with_tokens_and_cost(console: Console) -> None:
    four_rounds(console.data_dir)
    output = console.run("jobs", "prompt", job().id).stdout
    assert output.startswith(
        "propose_patch · round 4 · provider/model-1 · 2000 tokens in, 150 out · $0.0900\n"
    )
    assert "round 4" in output.partition("── user\n")[2]
    assert "── reply\nAdd a day if the end is before the start." in output


def test_a_round_can_be_chosen(console: Console) -> None:
    four_rounds(console.data_dir)
    (call,) = console.lines("jobs", "prompt", job().id, "--round", "2", "--json")
    assert call["round"] == 2
    assert call["reply"] == "Try 2: compare the times."
    assert [message["role"] for message in call["messages"]] == ["system", "user"]
    message = console.refused("jobs", "prompt", job().id, "--round", "5")
    assert message == "there is no round 5: the run has rounds 1 to 4"


def test_an_agents_first_step_is_printed_and_another_can_be_chosen(console: Console) -> None:
    long_agent_run(console.data_dir)
    result = console.run("jobs", "prompt", job().id)
    assert "I look at part 1." in result.stdout
    assert "The agent took 60 steps" in result.stderr
    (call,) = console.lines("jobs", "prompt", job().id, "--step", "7", "--json")
    assert (call["step"], call["reply"]) == (7, "I look at part 7.")
    message = console.refused("jobs", "prompt", job().id, "--step", "61")
    assert message == "attempt 1 of the agent has no step 61: it has 60 steps"


@pytest.mark.parametrize("options", [["--step", "1", "--round", "1"], ["--attempt", "1"]])
def test_options_that_do_not_belong_together_are_refused(
    console: Console, options: list[str]
) -> None:
    long_agent_run(console.data_dir, steps=2)
    result = console.run("jobs", "prompt", job().id, *options)
    assert result.exit_code == 2
    assert "--step" in result.stderr


def test_hostile_text_has_no_effect(console: Console) -> None:
    opened_pull_request(console.data_dir, body="\x1b[2J[red]Owned[/]\u202e")
    output = console.run("jobs", "prompt", job().id).stdout
    assert "[red]Owned[/]" in output
    assert not any(character in output for character in "\x1b\u202e")


def test_a_run_without_a_reply_says_so(console: Console) -> None:
    failed(console.data_dir)
    message = console.refused("jobs", "prompt", job().id, code=1)
    assert message == "no model has replied"


def test_replies_that_are_gone_are_not_denied(console: Console) -> None:
    opened_pull_request(console.data_dir)
    shutil.rmtree(console.data_dir / "artifacts")
    message = console.refused("jobs", "prompt", job().id, code=1)
    assert message == "what the model replied is no longer stored"
