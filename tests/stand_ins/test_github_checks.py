"""Checks in the GitHub stand-in: runs, statuses, required ones, and the logs of jobs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.stand_ins.github import WRITE_TOKEN, GithubStandIn
from tests.stand_ins.github.records import CheckAnnotation

REPOSITORY = "octo/sample"
HEADERS = {"Authorization": f"token {WRITE_TOKEN}"}


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GithubStandIn]:
    with GithubStandIn(tmp_path / "github") as server:
        server.add_repository(REPOSITORY, {"a.txt": "a\n"}, private=True)
        yield server


@pytest.fixture
def sha(github: GithubStandIn) -> str:
    return github.commit(REPOSITORY, {"b.txt": "b\n"}, branch="feature/b")


def get(github: GithubStandIn, path: str) -> requests.Response:
    address = f"{github.api_url}/repos/{REPOSITORY}{path}"
    return requests.get(address, headers=HEADERS, timeout=10, allow_redirects=False)


def test_only_the_latest_run_of_a_name_is_shown_unless_all_are_asked_for(
    github: GithubStandIn, sha: str
) -> None:
    first = github.checks.add_run(REPOSITORY, sha, "test", conclusion="failure")
    second = github.checks.add_run(REPOSITORY, sha, "test", conclusion="success")
    path = f"/commits/{sha}/check-runs"
    assert [run["id"] for run in get(github, path).json()["check_runs"]] == [second]
    every = get(github, f"{path}?filter=all").json()
    assert [run["id"] for run in every["check_runs"]] == [second, first]
    assert every["total_count"] == 2


def test_a_running_check_has_no_conclusion(github: GithubStandIn, sha: str) -> None:
    github.checks.add_run(REPOSITORY, sha, "test", conclusion=None)
    [run] = get(github, f"/commits/{sha}/check-runs").json()["check_runs"]
    assert (run["status"], run["conclusion"]) == ("in_progress", None)


def test_a_run_has_annotations(github: GithubStandIn, sha: str) -> None:
    annotation = CheckAnnotation("a.txt", 1, "bad")
    run = github.checks.add_run(REPOSITORY, sha, "lint", annotations=[annotation])
    [shown] = get(github, f"/check-runs/{run}/annotations").json()
    assert (shown["path"], shown["start_line"], shown["message"]) == ("a.txt", 1, "bad")


@pytest.mark.parametrize(
    ("states", "combined"),
    [
        ([], "pending"),
        (["success"], "success"),
        (["pending", "success"], "success"),
        (["success", "error"], "failure"),
    ],
)
def test_the_last_status_of_a_context_counts(
    github: GithubStandIn, sha: str, states: list[str], combined: str
) -> None:
    for state in states:
        github.checks.add_status(REPOSITORY, sha, "ci/build", state)
    status = get(github, f"/commits/{sha}/status").json()
    assert status["state"] == combined
    assert len(status["statuses"]) == min(len(states), 1)


def test_a_commit_that_is_not_there_has_no_checks(github: GithubStandIn) -> None:
    missing = "0" * 40
    assert get(github, f"/commits/{missing}/check-runs").status_code == 422
    assert get(github, f"/commits/{missing}/status").status_code == 422


def test_a_branch_names_the_checks_that_its_protection_requires(
    github: GithubStandIn, sha: str
) -> None:
    github.checks.require(REPOSITORY, "test", "ci/build")
    required = get(github, "/branches/main").json()["protection"]["required_status_checks"]
    assert required["contexts"] == ["test", "ci/build"]
    free = get(github, "/branches/feature%2Fb").json()
    assert free["protected"] is False
    assert free["protection"]["required_status_checks"]["contexts"] == []
    assert get(github, "/branches/none").status_code == 404


def test_a_ruleset_names_the_checks_that_it_requires(github: GithubStandIn) -> None:
    github.checks.require_by_rule(REPOSITORY, "test", app_id=15368)
    [rule] = get(github, "/rules/branches/main").json()
    assert rule["type"] == "required_status_checks"
    [check] = rule["parameters"]["required_status_checks"]
    assert check == {"context": "test", "integration_id": 15368}


def test_a_jobs_log_is_at_a_signed_address_that_takes_no_other_credentials(
    github: GithubStandIn, sha: str
) -> None:
    job = github.checks.add_run(REPOSITORY, sha, "test", log="FAILED a\n")
    redirect = get(github, f"/actions/jobs/{job}/logs")
    assert redirect.status_code == 302
    address = redirect.headers["Location"]
    assert requests.get(address, timeout=10).text == "FAILED a\n"
    assert requests.get(address, headers=HEADERS, timeout=10).status_code == 401


def test_a_log_that_was_deleted_is_gone(github: GithubStandIn, sha: str) -> None:
    job = github.checks.add_run(REPOSITORY, sha, "test")
    assert get(github, f"/actions/jobs/{job}/logs").status_code == 410


@pytest.mark.parametrize(
    ("permission", "path"),
    [
        ("checks", "/commits/{sha}/check-runs"),
        ("statuses", "/commits/{sha}/status"),
        ("contents", "/branches/main"),
        ("metadata", "/rules/branches/main"),
    ],
)
def test_each_needs_its_own_permission_in_a_private_repository(
    github: GithubStandIn, sha: str, permission: str, path: str
) -> None:
    github.limit(WRITE_TOKEN, issues="write", **{permission: "read"})
    assert get(github, path.format(sha=sha)).status_code == 200
    github.limit(WRITE_TOKEN, issues="write")
    expected = 200 if permission == "metadata" else 403
    assert get(github, path.format(sha=sha)).status_code == expected
