"""Signing in as a GitHub App, over real PyGithub and real JSON web tokens."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from github import GithubException
from pydantic import SecretStr

from pipeline.errors import CredentialsRefused, Family, Retry, judge
from pipeline.github import ForgeRefused
from pipeline.github.app import MIN_LIFE_SECONDS, PERMISSIONS, AppTokens
from pipeline.github.rest import GithubForge
from pipeline.job import IssueRef
from repository.git import GitRefused, Mirrors
from tests.stand_ins.github import GithubStandIn
from tests.stand_ins.runs import Clock

REF = IssueRef.parse("https://github.com/octo/sample/issues/1")


@pytest.fixture
def github(tmp_path: Path, keys: tuple[str, str]) -> Iterator[GithubStandIn]:
    with GithubStandIn(tmp_path / "github") as server:
        server.add_repository("octo/sample", {"a.txt": "a\n"}, private=True)
        server.add_repository("other/sample", {"a.txt": "a\n"})
        server.install_app(
            "octo", app_id="7", public_key=keys[1], permissions=PERMISSIONS | {"metadata": "read"}
        )
        yield server


def tokens(github: GithubStandIn, key: str, clock: Clock | None = None) -> AppTokens:
    return AppTokens(
        "7", SecretStr(key), api_url=github.api_url, **({"clock": clock} if clock else {})
    )


def minted(github: GithubStandIn) -> int:
    return sum(logged.path.endswith("/access_tokens") for logged in github.requests)


def test_an_installed_app_reads_clones_and_may_push(
    github: GithubStandIn, keys: tuple[str, str], tmp_path: Path
) -> None:
    forge = GithubForge(github.connect(tokens(github, keys[0])))
    forge.check_credentials()
    assert forge.repository(REF).push_refusal is None
    mirror = Mirrors(tmp_path / "mirrors", forge.token).at("octo/sample")
    mirror.fetch(forge.push_url(REF), ["main"])
    assert mirror.branch("main") == github.sha("octo/sample", "main")
    assert minted(github) == 1, "one token serves for an hour"


def test_a_token_near_its_end_is_replaced(github: GithubStandIn, keys: tuple[str, str]) -> None:
    clock = Clock()
    access = tokens(github, keys[0], clock)
    first = access("octo/sample").get_secret_value()
    cache = access._cache
    cache["octo/sample"] = (clock.now + MIN_LIFE_SECONDS + 1, cache["octo/sample"][1])
    assert access("octo/sample").get_secret_value() == first
    clock.now += 2
    assert access("octo/sample").get_secret_value() != first
    assert minted(github) == 2


def test_a_repository_without_an_installation_is_refused(
    github: GithubStandIn, keys: tuple[str, str]
) -> None:
    with pytest.raises(ForgeRefused, match="the GitHub App is not installed on other/sample"):
        tokens(github, keys[0])("other/sample")


def test_an_installation_without_the_rights_is_refused(
    github: GithubStandIn, keys: tuple[str, str]
) -> None:
    github.install_app(
        "octo", app_id="7", public_key=keys[1], permissions={"contents": "read", "issues": "read"}
    )
    lacking = "octo/sample lacks Contents: write, Pull requests: write: add it"
    with pytest.raises(ForgeRefused, match=lacking):
        tokens(github, keys[0])("octo/sample")
    assert minted(github) == 0


def test_a_token_gets_optional_permissions_that_are_granted(
    github: GithubStandIn, keys: tuple[str, str]
) -> None:
    granted = PERMISSIONS | {"checks": "write", "issues": "write", "workflows": "write"}
    github.install_app("octo", app_id="7", public_key=keys[1], permissions=granted)
    token = tokens(github, keys[0])("octo/sample").get_secret_value()
    expected = PERMISSIONS | {"checks": "read", "issues": "write"}
    assert github.permissions_of(token) == expected


def test_a_suspended_installation_is_refused(github: GithubStandIn, keys: tuple[str, str]) -> None:
    github.suspend_app("octo")
    with pytest.raises(ForgeRefused, match="installation on octo/sample is suspended"):
        tokens(github, keys[0])("octo/sample")
    assert minted(github) == 0


def test_a_repository_that_the_installation_knows_by_another_name_is_refused(
    github: GithubStandIn, keys: tuple[str, str]
) -> None:
    message = "There is at least one repository that does not exist or is not accessible"
    github.fail_next("POST", "/access_tokens$", status=422, message=message)
    with pytest.raises(ForgeRefused, match="has no access to octo/sample: add it"):
        tokens(github, keys[0])("octo/sample")


def test_a_token_is_for_one_repository_and_no_other(
    github: GithubStandIn, keys: tuple[str, str], tmp_path: Path
) -> None:
    github.add_repository("octo/secret", {"s.txt": "s\n"}, private=True)
    access = tokens(github, keys[0])
    sample = access("octo/sample").get_secret_value()
    secret = access("octo/secret").get_secret_value()
    assert access("octo/sample").get_secret_value() == sample != secret
    forge = GithubForge(github.connect(access))
    secret_ref = IssueRef.parse("https://github.com/octo/secret/issues/1")
    for ref in (REF, secret_ref, REF):
        assert forge.repository(ref).full_name == ref.repository
    assert minted(github) == 2
    mirror = Mirrors(tmp_path / "mirrors", lambda _: sample).at("octo/secret")
    with pytest.raises(GitRefused, match="404"):
        mirror.fetch(f"{github.origin}/octo/secret.git", ["main"])


def test_a_wrong_key_is_reported_but_not_shown(
    github: GithubStandIn, keys: tuple[str, str]
) -> None:
    with pytest.raises(CredentialsRefused, match="GITHUB_APP_PRIVATE_KEY is not a PEM") as caught:
        tokens(github, "nonsense").check()
    assert judge(caught.value).family is Family.CREDENTIALS
    github.install_app("octo", app_id="7", public_key=keys[1], permissions=PERMISSIONS)
    with pytest.raises(GithubException, match="JSON web token could not be decoded") as refused:
        AppTokens("8", SecretStr(keys[0]), api_url=github.api_url).check()
    assert judge(refused.value).family is Family.CREDENTIALS


def test_a_revoked_token_of_an_installation_is_replaced_by_a_new_one(
    github: GithubStandIn, keys: tuple[str, str]
) -> None:
    forge = GithubForge(github.connect(tokens(github, keys[0])))
    forge.repository(REF)
    github.fail_next("GET", "/repos/", status=401, message="Bad credentials")
    with pytest.raises(Retry) as caught:
        forge.repository(REF)
    assert judge(caught.value).family is Family.WAIT, "the deployment's credentials are good"
    forge.repository(REF)
    assert minted(github) == 2
