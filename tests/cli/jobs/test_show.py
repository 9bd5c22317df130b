"""``coding-agent jobs show --json`` and ``--verbose``; its story has tests of its own."""

import pytest

from pipeline.outcome import Outcome
from tests.cli.console import Console
from tests.stand_ins.example_runs import at_work
from tests.stand_ins.runs import job


def test_show_prints_everything_about_a_run(console: Console, ended: str) -> None:
    payload = console.json("jobs", "show", ended, "--generation", "0", "--json")
    assert payload["outcome"] == "no_fix"
    assert payload["round"] == 2
    assert payload["deliveries"] == 1
    assert [(stage["stage"], stage["seconds"]) for stage in payload["stages"]] == [
        ("fetch_issue", 1.5)
    ]
    assert [(call["state"], call["cost_usd"]) for call in payload["calls"]] == [("settled", 0.0025)]
    assert payload["rounds"][0]["to"] == "propose_patch"
    assert payload["result"]["outcome"] == "no_fix"
    assert [moment["what"] for moment in payload["history"]][-1] == "finished"
    newest = console.json("jobs", "show", ended, "--json")
    assert newest["generation"] == 1
    assert newest["effects"][0]["result"] == {"sha": "abc"}


def test_the_json_form_has_everything_that_is_stored(console: Console, ended: str) -> None:
    payload = console.json("jobs", "show", ended, "--json")
    assert list(payload) == [
        "job_id",
        "generation",
        "issue_url",
        "state",
        "outcome",
        "reason",
        "round",
        "tries",
        "deliveries",
        "crashes",
        "seconds",
        "waits",
        "cost_usd",
        "created_at",
        "last_error",
        "stages",
        "rounds",
        "calls",
        "effects",
        "history",
        "timeline",
        "result",
    ]


@pytest.mark.parametrize("form", ["--json", "--verbose"])
def test_secrets_of_this_machine_are_left_out(
    console: Console, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "token-of-this-machine")
    run = at_work(console.data_dir)
    run.finish(Outcome.FAILED, "GitHub refused token-of-this-machine")
    output = console.run("jobs", "show", job().id, form).stdout
    assert "GitHub refused" in output
    assert "token-of-this-machine" not in output


def test_the_verbose_form_has_the_timeline_without_control_characters(
    console: Console, ended: str
) -> None:
    output = console.run("jobs", "show", ended, "--generation", "0", "--verbose").stdout
    assert output.startswith(f"{ended} generation 0: no_fix\n")
    assert "round 2 opened at propose_patch:" in output
    assert "Tests fail" in output
    assert "\x1b" not in output


def test_an_unknown_generation_is_reported(console: Console, ended: str) -> None:
    message = console.refused("jobs", "show", ended, "--generation", "7")
    assert message.startswith(f"there is no generation 7 of job {ended}")
