"""Commits of a GitHub App are signed by GitHub, and pushed like others."""

from typing import Any

import pytest
from github import GithubException
from pydantic import SecretStr

from pipeline.github.app import PERMISSIONS, AppTokens
from pipeline.github.rest import GithubForge
from pipeline.github.signed_commits import GithubSigner
from pipeline.outcome import Outcome
from pipeline.pushes import PUSH, SIGNED_COMMIT
from pipeline.store.store import RunStore
from repository.git import GitUnavailable, Mirror
from tests.stages.open_pr.scenario import BRANCH, JOB, REPOSITORY, Scenario
from tests.stand_ins.github import GithubStandIn
from tests.stand_ins.github.world import git
from tests.stand_ins.runs import claim

CREATE = "/git/commits$"
PUSHED = "git-receive-pack$"


@pytest.fixture
def scenario(scenario: Scenario, github: GithubStandIn, keys: tuple[str, str]) -> Scenario:
    """The scenario, with an App instead of a token."""
    private, public = keys
    github.install_app("octo", app_id="7", public_key=public, permissions=PERMISSIONS)
    tokens = AppTokens("7", SecretStr(private), api_url=github.api_url)
    connection = github.connect(tokens)
    scenario.forge = GithubForge(connection)
    scenario.signer = GithubSigner(connection)
    return scenario


def raw_commit(github: GithubStandIn, sha: str) -> str:
    return git(github.path(REPOSITORY), "cat-file", "commit", sha).stdout.decode()


def head(github: GithubStandIn) -> str:
    sha = github.sha(REPOSITORY, BRANCH)
    assert sha is not None
    return sha


def hidden_refs(github: GithubStandIn) -> str:
    return git(github.path(REPOSITORY), "for-each-ref", "refs/coding-agent").stdout.decode()


def commits_on_the_branch(github: GithubStandIn) -> int:
    return int(git(github.path(REPOSITORY), "rev-list", "--count", f"main..{BRANCH}").stdout)


def effects(scenario: Scenario) -> dict[str, Any]:
    return {effect.name: effect for effect in scenario.store.effects(JOB.id)}


async def test_the_branch_gets_a_signed_copy_of_the_planned_commit(
    scenario: Scenario, github: GithubStandIn
) -> None:
    stop = await scenario.open(claim(scenario.store))
    assert stop.outcome is Outcome.PR_OPENED
    signed = head(github)
    text = raw_commit(github, signed)
    assert "gpgsig -----BEGIN" in text
    assert "author coding-agent[bot] <" in text
    planned = effects(scenario)[PUSH].intention
    assert text.endswith(f"\n\n{planned['message']}")
    assert effects(scenario)[SIGNED_COMMIT].intention == {"sha": signed}
    assert effects(scenario)[PUSH].result == {"sha": signed}
    assert github.files(REPOSITORY, BRANCH)["a.py"] == b"x = 2\n"
    assert hidden_refs(github) == ""


@pytest.mark.parametrize(
    ("method", "path", "after_effect", "error"),
    [
        ("POST", PUSHED, False, GitUnavailable),
        ("POST", PUSHED, True, GitUnavailable),
        ("POST", CREATE, False, GithubException),
        ("POST", CREATE, True, GithubException),
        ("POST", "/pulls$", False, GithubException),
    ],
)
async def test_a_run_that_was_interrupted_goes_on_with_one_commit_on_the_branch(
    scenario: Scenario,
    github: GithubStandIn,
    method: str,
    path: str,
    after_effect: bool,
    error: type[Exception],
) -> None:
    first = claim(scenario.store)
    github.fail_next(method, path, status=500, after_effect=after_effect)
    with pytest.raises(error):
        await scenario.open(first)
    stop = await scenario.open(scenario.deliver_again(first), machine="two")
    assert stop.outcome is Outcome.PR_OPENED
    assert "gpgsig" in raw_commit(github, head(github))
    assert len(github.pulls(REPOSITORY)) == 1
    assert commits_on_the_branch(github) == 1
    assert hidden_refs(github) == ""


class Killed(Exception):
    """The worker dies."""


def kill_once(monkeypatch: pytest.MonkeyPatch, owner: type, name: str, effect: str | None) -> None:
    """Let the worker die instead of the next call of a method; of one for this effect, if given."""
    original = getattr(owner, name)

    def wrapped(*arguments: Any, **named: Any) -> Any:
        if effect is not None and effect not in arguments:
            return original(*arguments, **named)
        monkeypatch.setattr(owner, name, original)
        raise Killed(name)

    monkeypatch.setattr(owner, name, wrapped)


@pytest.mark.parametrize(
    ("owner", "name", "effect"),
    [
        (Mirror, "push_hidden", None),
        (GithubSigner, "sign", None),
        (Mirror, "delete_hidden", None),
        (RunStore, "intend", SIGNED_COMMIT),
        (Mirror, "push", None),
        (RunStore, "record", SIGNED_COMMIT),
        (RunStore, "record", PUSH),
    ],
)
async def test_a_worker_that_dies_before_any_step_leaves_one_signed_commit_in_the_end(
    scenario: Scenario,
    github: GithubStandIn,
    monkeypatch: pytest.MonkeyPatch,
    owner: type,
    name: str,
    effect: str | None,
) -> None:
    first = claim(scenario.store)
    kill_once(monkeypatch, owner, name, effect)
    with pytest.raises(Killed):
        await scenario.open(first)
    stop = await scenario.open(scenario.deliver_again(first), machine="two")
    assert stop.outcome is Outcome.PR_OPENED
    assert "gpgsig" in raw_commit(github, head(github))
    assert commits_on_the_branch(github) == 1
    assert hidden_refs(github) == ""


async def test_the_stored_copy_is_pushed_by_another_machine(
    scenario: Scenario, github: GithubStandIn
) -> None:
    first = claim(scenario.store)
    await scenario.fail_to_open(first)
    signed = head(github)
    await scenario.open(scenario.deliver_again(first), machine="two")
    assert head(github) == signed
    created = [logged for logged in github.requests if logged.path.endswith("/git/commits")]
    assert len(created) == 1, "a copy whose SHA is stored is not made again"


async def test_a_replay_moves_the_branch_from_the_signed_commit(
    scenario: Scenario, github: GithubStandIn
) -> None:
    first = claim(scenario.store)
    await scenario.open(first)
    before = head(github)
    stop = await scenario.open(scenario.deliver_again(first, id="again"), fix="x = 3\n")
    assert stop.outcome is Outcome.PR_OPENED
    assert head(github) != before
    assert github.files(REPOSITORY, BRANCH)["a.py"] == b"x = 3\n"


async def test_a_persons_commit_on_the_branch_stays(
    scenario: Scenario, github: GithubStandIn
) -> None:
    foreign = github.commit(REPOSITORY, {"b.py": "z"}, branch=BRANCH)
    stop = await scenario.open(claim(scenario.store))
    assert stop.outcome is Outcome.PROPOSED
    assert "a commit that is not ours" in stop.reason
    assert head(github) == foreign


async def test_a_commit_that_github_does_not_sign_is_pushed_as_it_was_planned(
    scenario: Scenario, github: GithubStandIn
) -> None:
    github.git_data.signs = False
    await scenario.open(claim(scenario.store))
    assert head(github) == effects(scenario)[PUSH].intention["sha"]


async def test_a_refusal_to_sign_is_no_refusal_of_the_push(
    scenario: Scenario, github: GithubStandIn
) -> None:
    github.fail_next("POST", CREATE, status=403, message="Resource not accessible by integration")
    stop = await scenario.open(claim(scenario.store))
    assert stop.outcome is Outcome.PR_OPENED
    assert head(github) == effects(scenario)[PUSH].intention["sha"]
