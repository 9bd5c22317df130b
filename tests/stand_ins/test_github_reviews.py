"""Reviews and comments in the GitHub stand-in: what it shows, and what it refuses."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.stand_ins.github import OUTSIDER_TOKEN, READ_TOKEN, WRITE_TOKEN, GithubStandIn
from tests.stand_ins.github.reviews import OnLine

REPOSITORY = "octo/sample"
PULLS = f"/repos/{REPOSITORY}/pulls"
ISSUES = f"/repos/{REPOSITORY}/issues"


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GithubStandIn]:
    with GithubStandIn(tmp_path / "github") as server:
        server.add_repository(REPOSITORY, {"a.txt": "a\n"}, collaborators=["ada"])
        yield server


def call(
    github: GithubStandIn, method: str, path: str, body: Any = None, token: str = WRITE_TOKEN
) -> requests.Response:
    headers = {"Authorization": f"token {token}"}
    return requests.request(method, github.api_url + path, json=body, headers=headers, timeout=10)


def test_a_review_has_its_own_text_and_comments_on_lines(github: GithubStandIn) -> None:
    pull = github.add_pull(REPOSITORY, "A change")
    review, on_line, on_file = github.reviews.submit(
        REPOSITORY,
        pull,
        "ada",
        "Almost.",
        state="CHANGES_REQUESTED",
        comments=[OnLine("a.txt", 1, "why?"), OnLine("a.txt", None, "move it")],
    )
    [shown] = call(github, "GET", f"{PULLS}/{pull}/reviews").json()
    assert (shown["id"], shown["body"], shown["state"]) == (review, "Almost.", "CHANGES_REQUESTED")
    comments = call(github, "GET", f"{PULLS}/{pull}/comments").json()
    assert [comment["id"] for comment in comments] == [on_line, on_file]
    assert [comment["subject_type"] for comment in comments] == ["line", "file"]
    assert comments[0]["pull_request_review_id"] == review


def test_a_pending_review_is_shown_to_its_author_only(github: GithubStandIn) -> None:
    pull = github.add_pull(REPOSITORY, "A change")
    on_line = OnLine("a.txt", 1, "a draft")
    github.reviews.submit(REPOSITORY, pull, "ada", state="PENDING", comments=[on_line])
    assert call(github, "GET", f"{PULLS}/{pull}/reviews").json() == []
    assert call(github, "GET", f"{PULLS}/{pull}/comments").json() == []


def test_an_outdated_comment_has_no_line(github: GithubStandIn) -> None:
    pull = github.add_pull(REPOSITORY, "A change")
    _, comment = github.reviews.submit(
        REPOSITORY, pull, "ada", comments=[OnLine("a.txt", 1, "why?")]
    )
    github.reviews.outdate(REPOSITORY, pull, comment)
    [shown] = call(github, "GET", f"{PULLS}/{pull}/comments").json()
    assert "line" not in shown
    assert shown["original_line"] == 1


def test_comments_on_lines_are_sorted_newest_first_on_request(github: GithubStandIn) -> None:
    pull = github.add_pull(REPOSITORY, "A change")
    comments = [OnLine("a.txt", 1, str(number)) for number in range(3)]
    github.reviews.submit(REPOSITORY, pull, "ada", comments=comments)
    path = f"{PULLS}/{pull}/comments?sort=created&direction=desc&per_page=2"
    first = call(github, "GET", path)
    assert [comment["body"] for comment in first.json()] == ["2", "1"]
    second = requests.get(
        first.links["next"]["url"], headers={"Authorization": f"token {WRITE_TOKEN}"}, timeout=10
    )
    assert [comment["body"] for comment in second.json()] == ["0"]


def test_a_reply_is_made_to_the_first_comment_of_a_thread(github: GithubStandIn) -> None:
    pull = github.add_pull(REPOSITORY, "A change")
    _, first = github.reviews.submit(REPOSITORY, pull, "ada", comments=[OnLine("a.txt", 1, "why?")])
    replies = f"{PULLS}/{pull}/comments/{first}/replies"
    reply = call(github, "POST", replies, {"body": "because"})
    assert reply.status_code == 201
    assert reply.json()["in_reply_to_id"] == first
    to_reply = f"{PULLS}/{pull}/comments/{reply.json()['id']}/replies"
    assert call(github, "POST", to_reply, {"body": "and so"}).status_code == 404


@pytest.mark.parametrize("body", [{}, {"body": " "}, {"body": 1}, {"body": "x" * 65_537}])
def test_a_comment_needs_a_text_of_65536_characters_at_most(
    github: GithubStandIn, body: Any
) -> None:
    number = github.add_issue(REPOSITORY, "Broken", None)
    assert call(github, "POST", f"{ISSUES}/{number}/comments", body).status_code == 422
    whole = {"body": "x" * 65_536}
    assert call(github, "POST", f"{ISSUES}/{number}/comments", whole).status_code == 201


def test_whoever_reads_may_comment_unless_it_is_locked(github: GithubStandIn) -> None:
    number = github.add_issue(REPOSITORY, "Broken", None)
    path = f"{ISSUES}/{number}/comments"
    assert call(github, "POST", path, {"body": "me too"}, OUTSIDER_TOKEN).status_code == 201
    github.lock_issue(REPOSITORY, number)
    assert call(github, "POST", path, {"body": "me too"}, OUTSIDER_TOKEN).status_code == 403
    assert call(github, "POST", path, {"body": "solved"}).status_code == 201


def test_a_comment_is_edited_by_its_author_or_a_writer(github: GithubStandIn) -> None:
    number = github.add_issue(REPOSITORY, "Broken", None)
    path = f"{ISSUES}/{number}/comments"
    comment = call(github, "POST", path, {"body": "one"}, READ_TOKEN).json()["id"]
    edit = f"{ISSUES}/comments/{comment}"
    assert call(github, "PATCH", edit, {"body": "two"}, OUTSIDER_TOKEN).status_code == 403
    assert call(github, "PATCH", edit, {"body": "two"}, READ_TOKEN).json()["body"] == "two"
    assert call(github, "PATCH", edit, {"body": "three"}).status_code == 200
    assert call(github, "PATCH", f"{ISSUES}/comments/1", {"body": "x"}).status_code == 404


def test_a_pulls_comments_need_either_of_two_permissions(github: GithubStandIn) -> None:
    issue = github.add_issue(REPOSITORY, "Broken", None)
    pull = github.add_pull(REPOSITORY, "A change")
    github.limit(WRITE_TOKEN, pull_requests="write", issues="read")
    body = {"body": "x"}
    assert call(github, "POST", f"{ISSUES}/{pull}/comments", body).status_code == 201
    assert call(github, "POST", f"{ISSUES}/{issue}/comments", body).status_code == 403


@pytest.mark.parametrize(
    ("login", "role", "older"),
    [
        ("octo", "admin", "admin"),
        ("ada", "write", "write"),
        ("mia", "maintain", "write"),
        ("tom", "triage", "read"),
        ("ops", "deployer", "write"),
        ("stranger", "read", "read"),
    ],
)
def test_everybody_has_a_role_and_an_older_permission(
    github: GithubStandIn, login: str, role: str, older: str
) -> None:
    github.reviews.set_role(REPOSITORY, "mia", "maintain")
    github.reviews.set_role(REPOSITORY, "tom", "triage")
    github.reviews.set_role(REPOSITORY, "ops", "deployer", based_on="write")
    answer = call(github, "GET", f"/repos/{REPOSITORY}/collaborators/{login}/permission").json()
    assert (answer["role_name"], answer["permission"]) == (role, older)


def test_a_bot_and_a_missing_account_have_no_permission(github: GithubStandIn) -> None:
    github.reviews.remove_account("gone")
    for login in ("renovate[bot]", "gone"):
        path = f"/repos/{REPOSITORY}/collaborators/{login}/permission"
        assert call(github, "GET", path).status_code == 404
