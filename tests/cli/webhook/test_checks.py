"""What ``coding-agent doctor`` says of the webhook."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.api.webhook.triggers import EVENTS
from pipeline.github.app import PERMISSIONS
from tests.cli.console import Console
from tests.stand_ins.github import WRITE_TOKEN, GithubStandIn


@pytest.fixture
def github(
    console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[GithubStandIn]:
    with GithubStandIn(tmp_path / "github") as github:
        monkeypatch.setenv("GITHUB_API_URL", github.api_url)
        monkeypatch.setenv("CODING_AGENT_WEBHOOK_SECRET", "a-secret-of-the-webhook")
        yield github


@pytest.fixture
def app(
    github: GithubStandIn, keys: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> GithubStandIn:
    """The service works as an App."""
    private_key, public_key = keys
    github.install_app("octo", app_id="7", public_key=public_key, permissions=PERMISSIONS)
    monkeypatch.setenv("GITHUB_APP_ID", "7")
    monkeypatch.setenv("GITHUB_APP_PRIVATE_KEY", private_key)
    return github


def webhook_checks(console: Console, *options: str) -> list[dict[str, Any]]:
    payload = console.json("doctor", "--json", *options, code=2)
    return [check for check in payload["checks"] if check["name"] == "webhook"]


def test_nothing_is_said_if_it_is_off(
    console: Console, github: GithubStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CODING_AGENT_WEBHOOK_SECRET")
    assert webhook_checks(console) == []


def test_with_a_token_it_is_on(
    console: Console, github: GithubStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", WRITE_TOKEN)
    (check,) = webhook_checks(console)
    assert check["ok"]
    assert check["found"].startswith("on, with the label coding-agent")


def test_an_app_that_sends_all_events_is_fine(console: Console, app: GithubStandIn) -> None:
    app.subscribe_app("push", *EVENTS)
    (check,) = webhook_checks(console)
    assert (check["ok"], check["found"]) == (
        True,
        "on, with the label coding-agent; the App sends the events that it needs",
    )


def test_events_that_the_app_does_not_send_are_named(console: Console, app: GithubStandIn) -> None:
    app.subscribe_app("issues", "issue_comment", "pull_request", "pull_request_review")
    (check,) = webhook_checks(console)
    assert not check["ok"]
    assert "does not send pull_request_review_comment, check_suite:" in check["mend"]


def test_an_app_without_events_leaves_them_to_a_repositorys_webhook(
    console: Console, app: GithubStandIn
) -> None:
    (check,) = webhook_checks(console)
    assert check["ok"]
    assert "a repository's own webhook must send them" in check["found"]


def test_a_refused_key_is_said(console: Console, app: GithubStandIn, monkeypatch: Any) -> None:
    monkeypatch.setenv("GITHUB_APP_ID", "8")
    (check,) = webhook_checks(console)
    assert not check["ok"]
    assert check["mend"]


def test_offline_nobody_is_asked(console: Console, app: GithubStandIn) -> None:
    (check,) = webhook_checks(console, "--offline")
    assert check["ok"]
    assert app.requests == []
