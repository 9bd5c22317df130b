"""The GitHub stand-in responds like GitHub, and refuses what GitHub refuses."""

import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.stand_ins.github import OUTSIDER_TOKEN, READ_TOKEN, WRITE_TOKEN, GithubStandIn
from tests.stand_ins.github.wire import Failure, Incoming


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GithubStandIn]:
    with GithubStandIn(tmp_path / "github") as server:
        server.add_repository("octo/sample", {"a.txt": "a\n"}, collaborators=["ada"])
        yield server


def call(
    github: GithubStandIn, method: str, path: str, body: Any = None, token: str = WRITE_TOKEN
) -> Any:
    headers = {"Authorization": f"token {token}"} if token else {}
    return requests.request(
        method, github.api_url + path, json=body, headers=headers, timeout=10, allow_redirects=False
    )


def test_issues_and_pull_requests_are_read_and_written(github: GithubStandIn) -> None:
    number = github.add_issue(
        "octo/sample", "Broken", None, author=None, comments=["a", ("octo", "b")], assignees=["ada"]
    )
    github.commit("octo/sample", {"b.txt": "b\n"}, branch="fix")
    issue = f"/repos/octo/sample/issues/{number}"
    pulls = "/repos/octo/sample/pulls"
    assert call(github, "GET", "/repos/octo/sample").json()["full_name"] == "octo/sample"
    assert call(github, "GET", "/repos/octo/none").status_code == 404
    assert call(github, "GET", issue).json()["title"] == "Broken"
    comments = call(github, "GET", f"{issue}/comments").json()
    assert [comment["body"] for comment in comments] == ["a", "b"]

    new = {"title": "T", "head": "fix", "base": "main", "draft": True}
    created = call(github, "POST", pulls, new)
    assert created.status_code == 201
    assert created.json()["html_url"] == "https://github.com/octo/sample/pull/2"
    assert call(github, "POST", pulls, new).status_code == 422
    assert call(github, "POST", pulls, new, READ_TOKEN).status_code == 403
    assert call(github, "GET", f"{pulls}/2").json()["draft"] is True
    assert len(call(github, "GET", pulls).json()) == 1
    assert call(github, "PATCH", f"{pulls}/2", {"title": "U"}).json()["title"] == "U"
    labels = call(github, "POST", "/repos/octo/sample/issues/2/labels", {"labels": ["bug"]})
    assert labels.json()[0]["name"] == "bug"
    request = {"reviewers": ["ada"]}
    requested = call(github, "POST", f"{pulls}/2/requested_reviewers", request).json()
    assert requested["requested_reviewers"][0]["login"] == "ada"
    github.delete_issue("octo/sample", number)
    assert call(github, "GET", issue).status_code == 410


def test_a_reader_forks_unless_it_is_forbidden(github: GithubStandIn) -> None:
    assert call(github, "GET", "/user").json()["login"] == "write-bot"
    assert call(github, "GET", "/rate_limit").json()["rate"]["limit"] == 5000
    forked = call(github, "POST", "/repos/octo/sample/forks", {}, READ_TOKEN).json()
    assert forked["full_name"] == "read-bot/sample"
    assert forked["parent"]["full_name"] == "octo/sample"
    again = call(github, "GET", "/repos/read-bot/sample", token=READ_TOKEN).json()
    assert again["fork"] is True
    github.forbid_forks("octo/sample")
    assert call(github, "POST", "/repos/octo/sample/forks", {}, READ_TOKEN).status_code == 403


def test_an_app_gets_tokens_for_what_its_owners_granted(github: GithubStandIn) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    github.install_app(
        "octo", app_id="7", public_key=public, permissions={"contents": "write", "issues": "read"}
    )
    now = int(time.time())

    def signed(method: str, path: str, body: Any = None, seconds: int = 300) -> Any:
        claims = {"iat": now - 60, "exp": now + seconds, "iss": "7"}
        headers = {"Authorization": f"Bearer {jwt.encode(claims, key, algorithm='RS256')}"}
        return requests.request(
            method, github.api_url + path, json=body, headers=headers, timeout=10
        )

    assert signed("GET", "/app").json()["id"] == 7
    too_long = signed("GET", "/app", seconds=3600)
    assert too_long.status_code == 401, "ten minutes at most"
    number = signed("GET", "/repos/octo/sample/installation").json()["id"]
    assert signed("GET", "/repos/read-bot/sample/installation").status_code == 404
    path = f"/app/installations/{number}/access_tokens"
    token = signed("POST", path, {"permissions": {"contents": "read"}}).json()["token"]
    assert call(github, "GET", "/repos/octo/sample", token=token).status_code == 200
    assert signed("POST", path, {"permissions": {"issues": "write"}}).status_code == 422


def test_a_pull_request_from_a_fork_is_listed_with_its_fork(github: GithubStandIn) -> None:
    number = github.add_pull("octo/sample", "Fixes #1", author="ann")
    listed = call(github, "GET", "/repos/octo/sample/pulls")
    (pull,) = listed.json()
    assert (pull["number"], pull["user"]["login"], pull["body"]) == (number, "ann", "Fixes #1")
    assert pull["head"]["repo"]["full_name"] == "ann/sample"
    assert pull["base"]["ref"] == "main"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"head": "missing"}, {"resource": "PullRequest", "field": "head", "code": "invalid"}),
        ({"head": "someone:fix"}, {"resource": "PullRequest", "field": "head", "code": "invalid"}),
        ({"base": "missing"}, {"resource": "PullRequest", "field": "base", "code": "invalid"}),
        (
            {"head": "same"},
            {
                "resource": "PullRequest",
                "code": "custom",
                "message": "No commits between main and same",
            },
        ),
        (
            {"title": "t" * 257},
            {
                "resource": "Issue",
                "field": "title",
                "code": "custom",
                "message": "title is too long (maximum is 256 characters)",
            },
        ),
        (
            {"body": "b" * 65_537},
            {
                "resource": "Issue",
                "field": "body",
                "code": "custom",
                "message": "body is too long (maximum is 65536 characters)",
            },
        ),
    ],
)
def test_a_pull_request_that_github_would_refuse_is_refused(
    github: GithubStandIn, change: Any, error: Any
) -> None:
    github.commit("octo/sample", {"b.txt": "b\n"}, branch="fix")
    subprocess.run(["git", "branch", "same", "main"], cwd=github.path("octo/sample"), check=True)
    answer = call(
        github,
        "POST",
        "/repos/octo/sample/pulls",
        {"title": "T", "head": "fix", "base": "main"} | change,
    )
    assert answer.status_code == 422
    assert answer.json()["message"] == "Validation Failed" and answer.json()["errors"] == [error]
    assert github.pulls("octo/sample") == []


@pytest.mark.parametrize(
    ("token", "message"), [("", "Requires authentication"), ("wrong", "Bad credentials")]
)
def test_a_call_without_a_valid_token_is_401(
    github: GithubStandIn, token: str, message: str
) -> None:
    answer = call(github, "GET", "/repos/octo/sample", token=token)
    assert (answer.status_code, answer.json()["message"]) == (401, message)


def test_permissions_decide_what_a_token_sees(github: GithubStandIn) -> None:
    github.add_repository("octo/secret", {"s": "s"}, private=True)
    assert (
        call(github, "GET", "/repos/octo/secret", token=READ_TOKEN).json()["permissions"]["push"]
        is False
    )
    assert call(github, "GET", "/repos/octo/secret", token=OUTSIDER_TOKEN).status_code == 404
    assert (
        call(github, "GET", "/repos/OCTO/Sample", token=WRITE_TOKEN).json()["permissions"]["push"]
        is True
    )


def test_pages_are_linked_and_hold_100_at_most(github: GithubStandIn) -> None:
    number = github.add_issue("octo/sample", "T", "B", comments=[f"c{n}" for n in range(205)])
    page: requests.Response = call(
        github, "GET", f"/repos/octo/sample/issues/{number}/comments?per_page=500"
    )
    sizes = [len(page.json())]
    while "next" in page.links:
        page = call(github, "GET", page.links["next"]["url"].removeprefix(github.api_url))
        sizes.append(len(page.json()))
    assert sizes == [100, 100, 5]


def test_a_fault_can_lose_the_reply_or_cut_the_connection(
    github: GithubStandIn,
) -> None:
    number = github.add_issue("octo/sample", "T", "B")
    path = f"/repos/octo/sample/issues/{number}/labels"
    github.fail_next("POST", "/labels$", status=502, after_effect=True)
    github.fail_next("GET", "/issues/", status=None)
    assert call(github, "POST", path, {"labels": ["bug"]}).status_code == 502
    with pytest.raises(requests.RequestException):
        call(github, "GET", f"/repos/octo/sample/issues/{number}")
    assert [
        label["name"]
        for label in call(github, "GET", f"/repos/octo/sample/issues/{number}").json()["labels"]
    ] == ["bug"]
    assert [logged.status for logged in github.requests] == [502, None, 200]


@pytest.mark.parametrize(
    ("token", "status"), [(None, 401), ("wrong", 401), (READ_TOKEN, 403), (WRITE_TOKEN, 200)]
)
def test_pushes_need_a_token_that_may_write(
    github: GithubStandIn, token: str | None, status: int
) -> None:
    auth = ("x-access-token", token) if token else None
    where = f"{github.origin}/octo/sample.git/info/refs?service=git-receive-pack"
    answer = requests.get(where, auth=auth, timeout=10)
    assert answer.status_code == status
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)


@pytest.mark.parametrize(
    ("token", "status"), [(None, 401), ("wrong", 401), (OUTSIDER_TOKEN, 404), (READ_TOKEN, 200)]
)
def test_a_private_repository_is_hidden_from_git_too(
    github: GithubStandIn, token: str | None, status: int
) -> None:
    github.add_repository("octo/secret", {"s": "s"}, private=True)
    auth = ("x-access-token", token) if token else None
    where = f"{github.origin}/octo/secret.git/info/refs?service=git-upload-pack"
    assert requests.get(where, auth=auth, timeout=10).status_code == status


def test_a_strike_sees_whose_request_it_is_and_acts_after_the_effect(github: GithubStandIn) -> None:
    number = github.add_issue("octo/sample", "T", "B")
    acted: list[tuple[str, bytes]] = []

    def strike(incoming: Incoming) -> Failure | None:
        if incoming.method == "GET":
            return None
        act = partial(acted.append, (incoming.secret, incoming.body))
        return Failure(None, after_effect=True, act=act)

    github.wire.strike = strike
    with pytest.raises(requests.RequestException):
        call(github, "POST", f"/repos/octo/sample/issues/{number}/labels", {"labels": ["bug"]})
    assert acted == [(WRITE_TOKEN, b'{"labels": ["bug"]}')]
    labels = call(github, "GET", f"/repos/octo/sample/issues/{number}").json()["labels"]
    assert [label["name"] for label in labels] == ["bug"]


def graphql(github: GithubStandIn, fields: str, **variables: object) -> Any:
    query = (
        "query($owner: String!, $name: String!, $number: Int!) {"
        f" repository(owner: $owner, name: $name) {{ issue(number: $number) {{ {fields} }} }} }}"
    )
    values = {"owner": "octo", "name": "sample", "number": 1} | variables
    url = github.api_url.replace("/api/v3", "/api/graphql")
    headers = {"Authorization": f"token {WRITE_TOKEN}"}
    body = {"query": query, "variables": values}
    return requests.post(url, json=body, headers=headers, timeout=10).json()


def test_graphql_refuses_what_githubs_schema_does_not_have(github: GithubStandIn) -> None:
    github.add_issue("octo/sample", "T", "b")
    answer = graphql(github, "title lastEditedAt")
    assert answer == {"data": {"repository": {"issue": {"title": "T", "lastEditedAt": None}}}}
    for fields, message in (
        ("editedAt", "Field 'editedAt' doesn't exist on type 'Issue'"),
        ("timelineItems(last: 1) { totalCount }", "doesn't accept these arguments"),
        ("title { body }", "is a scalar"),
    ):
        assert message in graphql(github, fields)["errors"][0]["message"]
    wrong_type = graphql(github, "title", number="1")
    assert "wrong types" in wrong_type["errors"][0]["message"]
    assert graphql(github, "title", number=2)["errors"][0]["type"] == "NOT_FOUND"
    assert graphql(github, "title", name="none")["errors"][0]["type"] == "NOT_FOUND"
