"""GithubForge over real PyGithub, against the stand-in."""

import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from github.GithubException import (
    BadCredentialsException,
    GithubException,
    RateLimitExceededException,
)

from pipeline.errors import Family, Retry, judge
from pipeline.github import Forge, ForgeRefused, NewPull
from pipeline.github.errors import forge_error
from pipeline.github.rest import MAX_COMMENTS, GithubForge
from pipeline.job import IssueRef
from tests.stand_ins.github import OUTSIDER_TOKEN, READ_TOKEN, WRITE_TOKEN, GithubStandIn

REF = IssueRef.parse("https://github.com/Octo/Sample/issues/1")
NEW = NewPull(head="fix", base="main", title="Fix it", body="What was done.", draft=False)


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GithubStandIn]:
    """Its owner is spelled ``Octo``; our references are lowered."""
    with GithubStandIn(tmp_path / "github") as server:
        server.add_repository("Octo/Sample", {"a.txt": "a\n"}, collaborators=["ada"])
        server.add_issue("Octo/Sample", "Broken", "It is <!-- hidden --> broken.", author="Octo")
        server.commit("Octo/Sample", {"b.txt": "b\n"}, branch="fix")
        yield server


def forge_for(github: GithubStandIn, token: str = WRITE_TOKEN) -> GithubForge:
    return GithubForge(github.connect(token))


@pytest.fixture
def forge(github: GithubStandIn) -> Forge:
    return forge_for(github)


def test_a_repository_is_described(github: GithubStandIn, forge: Forge) -> None:
    repository = forge.repository(REF)
    assert repository.full_name == "Octo/Sample"
    assert repository.clone_url == f"{github.origin}/Octo/Sample.git"
    assert (
        repository.default_branch,
        repository.archived,
        repository.push_refusal,
        repository.private,
    ) == (
        "main",
        False,
        None,
        False,
    )
    assert (repository.disabled, repository.has_issues) == (False, True)
    github.disable("Octo/Sample")
    github.disable_issues("Octo/Sample")
    repository = forge.repository(REF)
    assert (repository.disabled, repository.has_issues) == (True, False)


def test_an_issue_comes_with_all_pages_of_its_comments(github: GithubStandIn, forge: Forge) -> None:
    number = github.add_issue(
        "Octo/Sample",
        "Long",
        None,
        author=None,
        comments=[("ada", f"c{n}") for n in range(130)],
        locked=True,
        assignees=["ada"],
    )
    issue = forge.issue(IssueRef.parse(github.issue_url("Octo/Sample", number)))
    assert (issue.title, issue.body, issue.author, issue.association) == (
        "Long",
        "",
        "ghost",
        "NONE",
    )
    assert (issue.state, issue.locked, issue.assignees, issue.is_pull_request) == (
        "open",
        True,
        ("ada",),
        False,
    )
    assert [comment.body for comment in issue.comments] == [f"c{n}" for n in range(130)]
    assert {(comment.author, comment.association) for comment in issue.comments} == {
        ("ada", "COLLABORATOR")
    }


def test_texts_are_as_written(forge: Forge) -> None:
    issue = forge.issue(REF)
    assert issue.body == "It is <!-- hidden --> broken."
    assert issue.association == "OWNER"


def test_of_too_many_comments_the_newest_are_read(github: GithubStandIn, forge: Forge) -> None:
    texts = [f"c{number}" for number in range(MAX_COMMENTS + 50)]
    number = github.add_issue("Octo/Sample", "Long", "b", comments=texts)
    issue = forge.issue(IssueRef.parse(github.issue_url("Octo/Sample", number)))
    assert [comment.body for comment in issue.comments] == texts[50:]
    assert issue.unread_comments == 50


def test_a_comment_says_who_made_it_and_when(github: GithubStandIn, forge: Forge) -> None:
    github.add_comment("Octo/Sample", 1, "ada", "first")
    github.add_comment("Octo/Sample", 1, "helper[bot]", "second")
    made = github.now()
    github.edit_comment("Octo/Sample", 1, 1, "changed")
    first, second = forge.issue(REF).comments
    assert (first.is_bot, second.is_bot, second.body) == (False, True, "changed")
    assert first.created_at == first.updated_at < made
    assert (second.created_at, second.updated_at) == (made, github.now())


def test_the_last_edit_is_that_of_the_body_or_of_the_title(
    github: GithubStandIn, forge: Forge
) -> None:
    github.add_comment("Octo/Sample", 1, "ada", "a comment is no edit")
    assert forge.last_edit(REF) is None
    github.edit_issue("Octo/Sample", 1, body="Another.")
    assert forge.last_edit(REF) == github.now()
    github.edit_issue("Octo/Sample", 1, title="Another")
    assert forge.last_edit(REF) == github.now()
    with pytest.raises(ForgeRefused, match="issue #9 of octo/sample does not exist"):
        forge.last_edit(IssueRef.parse("https://github.com/Octo/Sample/issues/9"))


@pytest.mark.parametrize(("kind", "error"), [("FORBIDDEN", ForgeRefused), ("RATE_LIMITED", Retry)])
def test_an_error_of_graphql_is_judged_by_its_type(kind: str, error: type[Exception]) -> None:
    """Its status is 200; PyGithub makes it a 400."""
    answer = {"errors": [{"type": kind, "message": "Resource not accessible"}]}
    judged = forge_error(GithubException(400, answer), "not there")
    assert isinstance(judged, error)
    if isinstance(judged, Retry):
        assert not judged.counts, "it is a wait"


def test_the_number_of_a_pull_request_is_recognized(github: GithubStandIn, forge: Forge) -> None:
    opened = forge.create_pull(REF, NEW)
    assert forge.issue(
        IssueRef.parse(github.issue_url("octo/sample", opened.number))
    ).is_pull_request


def test_a_missing_issue_is_refused_with_the_reason(github: GithubStandIn, forge: Forge) -> None:
    github.add_repository("octo/secret", {"s": "s"}, private=True)
    github.delete_issue("Octo/Sample", github.add_issue("Octo/Sample", "Gone", ""))
    secret = IssueRef.parse("https://github.com/octo/secret/issues/1")
    with pytest.raises(ForgeRefused, match="octo/secret does not exist, or the token can't see it"):
        forge_for(github, OUTSIDER_TOKEN).repository(secret)
    with pytest.raises(ForgeRefused, match="issue #1 of octo/secret does not exist"):
        forge.issue(secret)
    with pytest.raises(ForgeRefused, match="was deleted"):
        forge.issue(IssueRef.parse("https://github.com/octo/sample/issues/2"))


def test_a_moved_issue_is_refused_with_its_new_address(github: GithubStandIn, forge: Forge) -> None:
    github.add_repository("octo/other", {"s": "s"})
    github.transfer_issue("Octo/Sample", 1, "octo/other")
    with pytest.raises(ForgeRefused, match=r"moved to https://github.com/octo/other/issues/1"):
        forge.issue(REF)
    github.rename_repository("Octo/Sample", "Octo/Renamed")
    with pytest.raises(ForgeRefused, match=r"moved to Octo/Renamed"):
        forge.repository(REF)


def test_a_pull_request_is_opened_with_labels_and_reviewers(
    github: GithubStandIn, forge: Forge
) -> None:
    new = NewPull("fix", "main", "T", "B", draft=True, labels=("bug", "agent"), reviewers=("ada",))
    opened = forge.create_pull(REF, new)
    [pull] = github.pulls("Octo/Sample")
    assert (pull.draft, pull.issue.labels, pull.reviewers) == (True, ["bug", "agent"], ["ada"])
    assert opened.url == f"https://github.com/Octo/Sample/pull/{opened.number}"
    assert opened.state == "open"
    assert opened.head_sha == github.sha("Octo/Sample", "fix")
    assert opened.body == "B"


def test_a_refused_reviewer_costs_a_warning_only(
    github: GithubStandIn, forge: Forge, caplog: pytest.LogCaptureFixture
) -> None:
    forge.create_pull(
        REF, NewPull("fix", "main", "T", "B", draft=False, reviewers=("stranger", "ada"))
    )
    assert github.pulls("Octo/Sample")[0].reviewers == ["ada"]
    assert "reviewer stranger" in caplog.text
    assert "collaborators" in caplog.text


def test_the_pull_requests_of_a_branch_are_found_newest_first(
    github: GithubStandIn, forge: Forge
) -> None:
    github.commit("Octo/Sample", {"c.txt": "c\n"}, branch="another")
    first = forge.create_pull(REF, NEW)
    github.close_pull("Octo/Sample", first.number)
    second = forge.create_pull(REF, NEW)
    forge.create_pull(REF, NewPull("another", "main", "T", "B", draft=False))
    pulls = forge.find_pulls(REF, "fix")
    assert [(pull.number, pull.state) for pull in pulls] == [
        (second.number, "open"),
        (first.number, "closed"),
    ]
    assert forge.find_pulls(REF, "nothing") == []


def test_open_pull_requests_are_listed_newest_first_and_ours_are_recognized(
    github: GithubStandIn, forge: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = forge.create_pull(REF, NEW)
    theirs = github.add_pull("Octo/Sample", "Fixes #1", author="ann")
    github.close_pull("Octo/Sample", github.add_pull("Octo/Sample", "Fixes #1", author="bob"))
    newest, own = forge.open_pulls(REF)
    assert (newest.number, newest.author, newest.body) == (theirs, "ann", "Fixes #1")
    assert (newest.base, newest.is_from_push_repository) == ("main", False)
    assert (own.number, own.head, own.url) == (opened.number, "fix", opened.url)
    assert own.is_from_push_repository
    monkeypatch.setattr("pipeline.github.rest.MAX_OPEN_PULLS", 1)
    assert forge.open_pulls(REF) == [newest]


def test_a_pull_request_is_updated(github: GithubStandIn, forge: Forge) -> None:
    opened = forge.create_pull(REF, NEW)
    moved = github.commit("Octo/Sample", {"b.txt": "b2\n"}, branch="fix")
    changed = NewPull(
        "fix", "main", "New", "Text", draft=False, labels=("bot",), reviewers=("ada",)
    )
    for _ in range(2):
        updated = forge.update_pull(REF, opened.number, changed)
        assert (updated.number, updated.body, updated.head_sha) == (opened.number, "Text", moved)
    (pull,) = github.pulls("Octo/Sample")
    assert (pull.issue.title, pull.issue.labels, pull.reviewers) == ("New", ["bot"], ["ada"])


def test_a_second_pull_request_is_a_retry(
    forge: Forge,
) -> None:
    opened = forge.create_pull(REF, NEW)
    with pytest.raises(Retry, match="already exists for Octo:fix"):
        forge.create_pull(REF, NEW)
    assert [pull.number for pull in forge.find_pulls(REF, "fix")] == [opened.number]


def test_a_pull_request_without_commits_is_refused(github: GithubStandIn, forge: Forge) -> None:
    with pytest.raises(ForgeRefused, match="No commits between main and main"):
        forge.create_pull(REF, NewPull("main", "main", "T", "B", draft=False))


def test_a_token_that_may_not_write_is_refused(github: GithubStandIn) -> None:
    with pytest.raises(ForgeRefused, match=r"403.*Must have write access"):
        forge_for(github, READ_TOKEN).create_pull(REF, NEW)


def test_wrong_credentials_pass_through(github: GithubStandIn) -> None:
    with pytest.raises(BadCredentialsException) as raised:
        forge_for(github, "ghp_wrong").repository(REF)
    assert judge(raised.value).family is Family.CREDENTIALS


@pytest.mark.parametrize("status", [502, None])
def test_a_post_with_a_lost_reply_is_not_repeated(
    github: GithubStandIn, forge: Forge, status: int | None
) -> None:
    github.fail_next("POST", "/pulls$", status=status, after_effect=True)
    with pytest.raises((GithubException, requests.RequestException)) as raised:
        forge.create_pull(REF, NEW)
    assert judge(raised.value).family is Family.WAIT
    assert sum(logged.method == "POST" for logged in github.requests) == 1
    assert len(forge.find_pulls(REF, "fix")) == 1


def test_a_rate_limit_passes_through_with_its_delay(github: GithubStandIn, forge: Forge) -> None:
    secondary = (
        "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
    )
    github.fail_next("GET", "/repos/", status=403, headers={"Retry-After": "61"}, message=secondary)
    with pytest.raises(RateLimitExceededException) as raised:
        forge.repository(REF)
    assert judge(raised.value).delay == 61.0

    reset = {
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Limit": "5000",
        "X-RateLimit-Reset": str(int(time.time()) + 600),
    }
    github.fail_next(
        "GET",
        "/repos/",
        status=403,
        headers=reset,
        message="API rate limit exceeded for user ID 1.",
    )
    with pytest.raises(RateLimitExceededException) as raised:
        forge.repository(REF)
    assert 590 < (judge(raised.value).delay or 0) < 602


def test_refused_credentials_raise(forge: Forge, github: GithubStandIn) -> None:
    forge.check_credentials()
    with pytest.raises(BadCredentialsException):
        forge_for(github, "ghp_revoked").check_credentials()


def test_credentials_are_accepted_by_an_enterprise_server_without_rate_limits(
    forge: Forge, github: GithubStandIn
) -> None:
    message = "Rate limiting is not enabled."
    github.fail_next("GET", "/rate_limit", status=404, message=message)
    forge.check_credentials()
    github.fail_next("GET", "/rate_limit", status=404, message="Not Found")
    with pytest.raises(ForgeRefused, match="GITHUB_API_URL is not the address of GitHub's API"):
        forge.check_credentials()


def test_calls_from_many_threads_do_not_mix(github: GithubStandIn, forge: Forge) -> None:
    numbers = [github.add_issue("Octo/Sample", f"title {n}", "b") for n in range(20)]
    refs = [IssueRef.parse(github.issue_url("octo/sample", number)) for number in numbers]
    with ThreadPoolExecutor(8) as pool:
        titles = [issue.title for issue in pool.map(forge.issue, refs)]
    assert titles == [f"title {n}" for n in range(20)]


def test_the_token_is_in_no_url_and_no_log(
    github: GithubStandIn, forge: Forge, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    forge.create_pull(REF, NEW)
    forge.find_pulls(REF, "fix")
    assert len(github.requests) == 3
    assert not any(WRITE_TOKEN in logged.path for logged in github.requests)
    assert caplog.text
    assert WRITE_TOKEN not in caplog.text
    connection = vars(forge)["connection"]
    assert WRITE_TOKEN not in repr(vars(connection))
