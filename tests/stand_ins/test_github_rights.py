"""The GitHub stand-in refuses what a token's own limits, or a repository's state, forbid."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.stand_ins.github import WRITE_TOKEN, GithubStandIn

FINE = "github_pat_standIn0000"
REPO = "/repos/octo/secret"
PULL = {"title": "T", "head": "fix", "base": "main"}


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GithubStandIn]:
    tokens = {WRITE_TOKEN: "write", FINE: "write"}
    with GithubStandIn(tmp_path / "github", tokens=tokens) as server:  # type: ignore[arg-type]
        server.add_repository("octo/secret", {"a.txt": "a\n"}, private=True)
        server.add_repository("octo/open", {"a.txt": "a\n"})
        server.add_issue("octo/secret", "T", "B")
        server.commit("octo/secret", {"b.txt": "b\n"}, branch="fix")
        yield server


def call(
    github: GithubStandIn, method: str, path: str, body: Any = None, token: str = FINE
) -> requests.Response:
    headers = {"Authorization": f"token {token}"}
    return requests.request(method, github.api_url + path, json=body, headers=headers, timeout=10)


def git(github: GithubStandIn, service: str, token: str = FINE) -> requests.Response:
    url = f"{github.origin}/octo/secret.git/info/refs?service={service}"
    return requests.get(url, auth=("x-access-token", token), timeout=10)


@pytest.mark.parametrize("right", ["none", "read", "write"])
def test_a_permission_allows_what_it_names_and_nothing_else(
    github: GithubStandIn, right: str
) -> None:
    reads = 403 if right == "none" else 200
    github.limit(FINE, issues=right)
    assert call(github, "GET", f"{REPO}/issues/1").status_code == reads
    assert call(github, "GET", f"{REPO}/pulls").status_code == 403
    github.limit(FINE, contents=right)
    assert call(github, "GET", f"{REPO}/issues/1").status_code == 403
    assert git(github, "git-upload-pack").status_code == reads
    assert git(github, "git-receive-pack").status_code == (200 if right == "write" else 403)
    github.limit(FINE, pull_requests=right)
    assert call(github, "GET", f"{REPO}/pulls").status_code == reads
    answer = call(github, "POST", f"{REPO}/pulls", PULL)
    assert answer.status_code == (201 if right == "write" else 403)
    assert call(github, "GET", REPO).json()["permissions"]["push"], "that is its person's right"


def test_a_public_repository_is_read_without_permissions(github: GithubStandIn) -> None:
    github.limit(FINE)
    assert call(github, "GET", "/repos/octo/open/pulls").status_code == 200
    assert call(github, "POST", "/repos/octo/open/pulls", PULL).status_code == 403


def test_an_empty_request_for_a_pull_request_is_refused_after_its_permission(
    github: GithubStandIn,
) -> None:
    github.limit(FINE, pull_requests="read")
    assert call(github, "POST", f"{REPO}/pulls", {}).status_code == 403
    github.limit(FINE, pull_requests="write")
    answer = call(github, "POST", f"{REPO}/pulls", {})
    assert (answer.status_code, "supplied" in answer.json()["message"]) == (422, True)


def test_a_classic_tokens_scopes_are_named_and_decide(github: GithubStandIn) -> None:
    assert call(github, "GET", REPO, token=WRITE_TOKEN).headers["X-OAuth-Scopes"] == "repo"
    github.limit_scopes(WRITE_TOKEN, "public_repo")
    assert call(github, "GET", REPO, token=WRITE_TOKEN).status_code == 404
    assert git(github, "git-receive-pack", WRITE_TOKEN).status_code == 404
    path = "/repos/octo/open/pulls"
    assert call(github, "POST", path, PULL, WRITE_TOKEN).status_code == 422, "no such branch"
    github.limit_scopes(WRITE_TOKEN)
    assert call(github, "POST", path, PULL, WRITE_TOKEN).status_code == 404
    github.limit(FINE)
    assert "X-OAuth-Scopes" not in call(github, "GET", REPO).headers


def test_switches_of_a_repository_refuse_as_github_does(github: GithubStandIn) -> None:
    token = WRITE_TOKEN
    github.forbid_drafts("octo/secret")
    answer = call(github, "POST", f"{REPO}/pulls", PULL | {"draft": True}, token)
    assert (answer.status_code, "Draft pull requests" in answer.text) == (422, True)
    github.forbid_pulls("octo/secret")
    assert call(github, "POST", f"{REPO}/pulls", PULL, token).status_code == 403
    github.disable_issues("octo/secret")
    assert call(github, "GET", f"{REPO}/issues/1", token=token).status_code == 410
    github.disable("octo/secret")
    assert git(github, "git-upload-pack", token).status_code == 403
    github.delete_repository("octo/secret")
    assert call(github, "GET", REPO, token=token).status_code == 404
    github.revoke(token)
    assert call(github, "GET", REPO, token=token).status_code == 401
