"""Whose token it is, for every kind of token."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from pipeline.github import ForgeRefused
from pipeline.github.accounts import Account, GithubAccounts
from pipeline.github.app import PERMISSIONS, AppTokens
from pipeline.github.commit_author import ANONYMOUS_AUTHOR, FixedAuthor, OwnAccount
from pipeline.job import IssueRef
from repository.git import Identity
from tests.stand_ins.github import WRITE_TOKEN, GithubStandIn
from tests.stand_ins.github.accounts import Accounts as StandInAccounts

REPOSITORY = "octo/sample"


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GithubStandIn]:
    with GithubStandIn(tmp_path / "github") as server:
        server.add_repository(REPOSITORY, {"a.txt": "a\n"})
        yield server


def accounts_of(github: GithubStandIn) -> GithubAccounts:
    return GithubAccounts(github.connect(WRITE_TOKEN))


def test_a_tokens_account_is_its_persons(github: GithubStandIn) -> None:
    own = accounts_of(github).own(REPOSITORY)
    assert own.login == "write-bot"


def test_a_fine_grained_token_is_its_persons_too(github: GithubStandIn) -> None:
    github.limit(WRITE_TOKEN, contents="write")
    assert accounts_of(github).own(REPOSITORY).login == "write-bot"


def test_an_apps_account_is_its_bot(github: GithubStandIn, keys: tuple[str, str]) -> None:
    private, public = keys
    github.install_app("octo", app_id="7", public_key=public, permissions=PERMISSIONS)
    tokens = AppTokens("7", SecretStr(private), api_url=github.api_url)
    own = GithubAccounts(github.connect(tokens)).own(REPOSITORY)
    assert own.login == "coding-agent[bot]"


def test_the_own_account_is_asked_for_once(github: GithubStandIn) -> None:
    accounts = accounts_of(github)
    assert accounts.own(REPOSITORY) is accounts.own("other/sample")
    assert [logged.path for logged in github.requests] == ["/api/graphql"]


def test_somebody_else_is_found_by_login(github: GithubStandIn) -> None:
    found = accounts_of(github).find(REPOSITORY, "OCTO")
    assert found.login == "octo"
    assert found.address("github.com") == f"{found.id}+octo@users.noreply.github.com"


def test_a_login_that_nobody_has_is_refused(github: GithubStandIn) -> None:
    with pytest.raises(ForgeRefused, match="GitHub has no account nobody"):
        accounts_of(github).find(REPOSITORY, "nobody")


def test_commits_are_attributed_to_the_account_on_the_issues_host(github: GithubStandIn) -> None:
    author = OwnAccount(accounts_of(github))
    own = accounts_of(github).own(REPOSITORY)
    enterprise = IssueRef.parse("https://ghe.example.com/octo/sample/issues/1")
    assert author.identity(enterprise) == Identity(
        "write-bot", f"{own.id}+write-bot@users.noreply.ghe.example.com"
    )


def test_a_server_that_does_not_say_whose_token_it_is_gets_commits_of_nobody(
    github: GithubStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StandInAccounts, "viewer", lambda accounts, token: {"login": "bot"})
    author = OwnAccount(accounts_of(github))
    with pytest.raises(ForgeRefused, match="does not say whose token this is"):
        accounts_of(github).own(REPOSITORY)
    issue = IssueRef.parse(f"https://github.com/{REPOSITORY}/issues/1")
    assert author.identity(issue) == ANONYMOUS_AUTHOR


def test_an_operator_may_name_another_author() -> None:
    chosen = Identity("Example Bot", "bot@example.com")
    assert FixedAuthor(chosen).identity(IssueRef.parse("file:///r/issues/1")) == chosen


def test_logins_are_compared_without_their_case() -> None:
    assert Account("Coding-Agent[bot]", 7).is_called("coding-agent[bot]")
