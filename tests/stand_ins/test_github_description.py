"""What the stand-in answers, and what we ask it, is held against GitHub's API description."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import requests

from pipeline.github.client import USER_AGENT
from tests.stand_ins.github import WRITE_TOKEN, GithubStandIn
from tests.stand_ins.github.description import (
    MISSING,
    Description,
    github_description,
    validate_webhook,
)
from tests.stand_ins.github.shapes import Shapes
from tools.github_api import FOLDER, GRAPHQL, OPENAPI

NEW = {"title": "T", "head": "fix", "base": "main"}
PULLS = "/repos/octo/sample/pulls"


@pytest.fixture
def description() -> Description:
    description = github_description()
    if description is None:
        pytest.skip(MISSING)
    return description


@pytest.mark.skipif(shutil.which("npm") is None, reason=MISSING)
def test_the_descriptions_are_there_wherever_npm_is() -> None:
    for package in (OPENAPI, GRAPHQL):
        assert (FOLDER / package.file_name).exists(), "run make setup"


def talk(folder: Path, *requests_of_ours: tuple[str, str, Any], agent: str = USER_AGENT) -> None:
    """Send requests to a stand-in, and stop it."""
    headers = {"Authorization": f"token {WRITE_TOKEN}", "User-Agent": agent}
    with GithubStandIn(folder) as github:
        github.add_repository("octo/sample", {"a.txt": "a\n"})
        github.commit("octo/sample", {"b.txt": "b\n"}, branch="fix")
        for method, path, body in requests_of_ours:
            requests.request(method, github.api_url + path, json=body, headers=headers, timeout=10)


@pytest.mark.usefixtures("description")
@pytest.mark.parametrize(
    ("method", "path", "body", "mismatch"),
    [
        ("GET", f"{PULLS}?sate=all", None, "the operation has no query parameter sate"),
        ("GET", f"{PULLS}?state=any", None, "'any' is not one of"),
        ("GET", "/repos/octo/sample/pull/1", None, "GitHub has no such operation"),
        ("POST", PULLS, NEW | {"titel": "T"}, "the body's field titel is unknown"),
        ("POST", PULLS, NEW | {"draft": "yes"}, "'yes' is not of type 'boolean'"),
        ("POST", PULLS, {"title": "T"}, "'head' is a required property"),
    ],
)
def test_a_request_that_github_would_not_understand_fails_the_test(
    tmp_path: Path, method: str, path: str, body: Any, mismatch: str
) -> None:
    with pytest.raises(AssertionError, match=re.escape(mismatch)):
        talk(tmp_path, (method, path, body))


@pytest.mark.usefixtures("description")
def test_an_answer_that_github_would_not_give_fails_the_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Shapes, "rate_limits", lambda _: {"rate": {"limit": "many"}})
    with pytest.raises(AssertionError, match="'many' is not of type 'integer'"):
        talk(tmp_path, ("GET", "/rate_limit", None))


def test_refused_requests_of_tests_and_the_question_for_a_permission_may_be_wrong(
    tmp_path: Path,
) -> None:
    wrong = [("POST", PULLS, {"title": "T"}), ("GET", "/nothing", None)]
    talk(tmp_path / "tests", *wrong, agent="a test")
    talk(tmp_path / "ours", ("POST", PULLS, {}))


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/repos/octo/sample/pulls/comments", "/repos/{owner}/{repo}/pulls/comments"),
        ("/repos/octo/sample/pulls/7", "/repos/{owner}/{repo}/pulls/{pull_number}"),
        ("/repositories/12/issues", "/repos/{owner}/{repo}/issues"),
        ("/repos/octo/sample/git/ref/heads/a/b", "/repos/{owner}/{repo}/git/ref/{ref}"),
        ("/repos/octo/sample/contents/src/a.py", "/repos/{owner}/{repo}/contents/{path}"),
    ],
)
def test_an_operation_is_found_by_its_most_specific_path(
    description: Description, path: str, template: str
) -> None:
    operation = description.find_operation("GET", path)
    assert operation is not None
    assert "/".join(operation.segments) == template


def test_the_types_of_query_parameters_are_those_of_the_description(
    description: Description,
) -> None:
    operation = description.find_operation("GET", PULLS)
    assert operation is not None
    assert description.request_errors(operation, "page=2&state=all", b"") == []
    (error,) = description.request_errors(operation, "page=two", b"")
    assert error == "the query parameter page: 'two' is not of type 'integer'"


def test_an_error_or_a_redirect_may_come_from_any_operation_and_has_githubs_form(
    description: Description,
) -> None:
    operation = description.find_operation("GET", PULLS)
    assert operation is not None
    message = json.dumps({"message": "Server Error"}).encode()
    for status in (301, 401, 403, 500):
        assert description.response_errors(operation, status, message) == []
    assert description.response_errors(operation, 500, b'{"message": 5}')
    assert description.response_errors(operation, 201, message)
    assert description.response_errors(operation, 304, b"") == []
    assert description.response_errors(operation, 304, message)


@pytest.mark.usefixtures("description")
def test_a_webhook_is_held_against_the_description_of_its_event_and_action() -> None:
    validate_webhook("ping", {"zen": "Keep it logically awesome."})
    with pytest.raises(AssertionError, match="'repository' is a required property"):
        validate_webhook("issues", {"action": "labeled"})
    with pytest.raises(AssertionError, match="GitHub has no webhook issues-painted"):
        validate_webhook("issues", {"action": "painted"})
