"""Whether a token may open pull requests, asked without opening one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from github import Auth, Github, GithubException

from pipeline.errors import Family, judge
from pipeline.github.rest import GithubForge
from pipeline.github.rights import find_fork_refusal, find_pull_refusal
from pipeline.job import IssueRef
from tests.stand_ins.github import GithubStandIn

REF = IssueRef.parse("https://github.com/octo/sample/issues/1")
FINE = "github_pat_standIn0000"
CLASSIC = "ghp_standIn0000"
ACTIONS = "ghs_standIn0000"


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GithubStandIn]:
    tokens = dict.fromkeys((FINE, CLASSIC, ACTIONS), "write")
    with GithubStandIn(tmp_path / "github", tokens=tokens) as server:  # type: ignore[arg-type]
        server.add_repository("octo/sample", {"a.txt": "a\n"})
        server.limit(FINE, contents="write", issues="read", pull_requests="write")
        server.limit(ACTIONS, contents="write", issues="read", pull_requests="write")
        yield server


def refusal(github: GithubStandIn, token: str) -> str | None:
    forge = GithubForge(github.connect(token))
    return forge.pull_refusal(REF)


@pytest.mark.parametrize("token", [FINE, CLASSIC, ACTIONS])
def test_a_token_with_the_right_is_not_refused_and_opens_nothing(
    github: GithubStandIn, token: str
) -> None:
    assert refusal(github, token) is None
    assert github.pulls("octo/sample") == []


def test_the_question_names_no_branches_so_a_workflows_setting_stays_unknown(
    github: GithubStandIn,
) -> None:
    github.forbid_pulls("octo/sample")
    assert refusal(github, ACTIONS) is None


@pytest.mark.parametrize("right", ["none", "read"])
def test_a_fine_grained_token_without_the_right_is_refused(
    github: GithubStandIn, right: str
) -> None:
    github.limit(FINE, contents="write", issues="read", pull_requests=right)
    assert refusal(github, FINE) == (
        "the token can't open pull requests in octo/sample (GitHub: Resource not accessible by"
        " personal access token): give it Pull requests: write"
    )


def test_an_empty_list_of_scopes_says_nothing_about_a_token_that_has_none(
    github: GithubStandIn,
) -> None:
    repository = Github(auth=Auth.Token(FINE), base_url=github.api_url).get_repo("octo/sample")
    assert find_pull_refusal(FINE, [""], repository) is None
    assert find_pull_refusal(CLASSIC, [""], repository) is not None
    assert find_pull_refusal(CLASSIC, None, repository) is None, "a proxy removed the header"


@pytest.mark.parametrize(
    ("scopes", "needed"),
    [(("public_repo",), None), ((), "public_repo"), (("gist",), "public_repo")],
)
def test_a_classic_tokens_scopes_decide(
    github: GithubStandIn, scopes: tuple[str, ...], needed: str | None
) -> None:
    github.limit_scopes(CLASSIC, *scopes)
    reason = refusal(github, CLASSIC)
    if needed is None:
        assert reason is None
    else:
        assert reason == (
            f"the token can't open pull requests in octo/sample: give it the scope {needed}"
        )
    assert all(logged.method == "GET" for logged in github.requests)


@pytest.mark.parametrize(
    ("status", "headers"), [(503, {}), (403, {"Retry-After": "60"}), (429, {})]
)
def test_an_outage_or_a_limit_is_not_a_refusal(
    github: GithubStandIn, status: int, headers: dict[str, str]
) -> None:
    github.fail_next("POST", "/pulls$", status=status, headers=headers)
    with pytest.raises(GithubException) as raised:
        refusal(github, FINE)
    assert judge(raised.value).family is Family.WAIT


@pytest.mark.parametrize(("token", "kind"), [(FINE, "fine-grained"), (ACTIONS, "installation")])
def test_only_a_classic_token_opens_pull_requests_from_forks(token: str, kind: str) -> None:
    assert find_fork_refusal(CLASSIC) is None
    assert f"a {kind} token can't open pull requests from a fork" in (
        find_fork_refusal(token) or ""
    )
