"""The progress comment on GitHub, against the stand-in."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from pipeline.github import ForgeRefused
from pipeline.github.accounts import GithubAccounts
from pipeline.github.progress_comment import MARKER, GithubProgressComment
from pipeline.job import IssueRef, PullRef
from tests.stand_ins.github import READ_TOKEN, WRITE_TOKEN, GithubStandIn

REPOSITORY = "octo/sample"
ISSUE = IssueRef.parse(f"https://github.com/{REPOSITORY}/issues/1")


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GithubStandIn]:
    with GithubStandIn(tmp_path / "github") as server:
        server.add_repository(REPOSITORY, {"a.txt": "a\n"})
        server.add_issue(REPOSITORY, "Broken", None)
        yield server


def comment_with(github: GithubStandIn, token: str = WRITE_TOKEN) -> GithubProgressComment:
    connection = github.connect(token)
    return GithubProgressComment(connection, GithubAccounts(connection))


def bodies(github: GithubStandIn, number: int = 1) -> list[str]:
    return [comment.body for comment in github.reviews.comments(REPOSITORY, number)]


def writes(github: GithubStandIn) -> list[str]:
    paths = [logged.path for logged in github.requests if logged.method in ("POST", "PATCH")]
    return [path for path in paths if "graphql" not in path]


def test_the_comment_is_created_and_then_edited(github: GithubStandIn) -> None:
    comment = comment_with(github)
    comment.put(ISSUE, "Begun.")
    github.add_comment(REPOSITORY, 1, "ada", "Thanks!")
    comment.put(ISSUE, "Ended.")
    assert bodies(github) == [f"{MARKER}\nEnded.", "Thanks!"]


def test_the_same_text_again_writes_nothing(github: GithubStandIn) -> None:
    comment_with(github).put(ISSUE, "Begun.")
    before = writes(github)
    comment_with(github).put(ISSUE, "Begun.")
    assert writes(github) == before


def test_a_comment_whose_creation_lost_its_reply_is_found(github: GithubStandIn) -> None:
    github.fail_next("POST", "/comments", status=None, after_effect=True)
    with pytest.raises(requests.ConnectionError):
        comment_with(github).put(ISSUE, "Begun.")
    comment_with(github).put(ISSUE, "Ended.")
    assert bodies(github) == [f"{MARKER}\nEnded."]


def test_a_copy_of_the_hidden_line_by_others_is_left_alone(github: GithubStandIn) -> None:
    github.add_comment(REPOSITORY, 1, "mallory", f"{MARKER}\nForged.")
    comment_with(github).put(ISSUE, "Begun.")
    assert bodies(github) == [f"{MARKER}\nForged.", f"{MARKER}\nBegun."]


def test_a_quote_of_the_comment_is_not_taken_for_it(github: GithubStandIn) -> None:
    github.add_comment(REPOSITORY, 1, "write-bot", f"> {MARKER}\n> Begun.")
    comment_with(github).put(ISSUE, "Begun.")
    assert len(bodies(github)) == 2


def test_a_pull_request_has_a_comment_of_its_own(github: GithubStandIn) -> None:
    number = github.add_pull(REPOSITORY, "A change")
    pull = PullRef.parse(f"https://github.com/{REPOSITORY}/pull/{number}")
    comment_with(github).put(ISSUE, "Begun.")
    comment_with(github).put(pull, "Begun, too.")
    assert bodies(github) == [f"{MARKER}\nBegun."]
    assert bodies(github, number) == [f"{MARKER}\nBegun, too."]


def test_a_missing_permission_is_named(github: GithubStandIn) -> None:
    github.limit(READ_TOKEN, issues="read")
    with pytest.raises(ForgeRefused, match="the token needs Issues: write"):
        comment_with(github, READ_TOKEN).put(ISSUE, "Begun.")
