"""Replays, persons and other jobs: what is adopted, left alone or refused."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import Retry
from pipeline.github.local import LocalForge
from pipeline.outcome import Outcome
from prompts.template_set import TemplateSet
from stages.open_pr.text import MAX_BODY, MAX_TITLE
from tests.stages.open_pr.scenario import BRANCH, JOB, REPOSITORY, TEMPLATES, Scenario
from tests.stand_ins.runs import claim, finish, job


async def test_a_persons_commit_on_the_branch_is_never_overwritten(scenario: Scenario) -> None:
    first = claim(scenario.store)
    await scenario.open(first)
    foreign_sha = scenario.github.commit(REPOSITORY, {"a.py": "x = 3\n"}, branch=BRANCH)
    stop = await scenario.open(scenario.deliver_again(first, id="once-more"), fix="x = 4\n")
    assert (stop.outcome, scenario.head) == (Outcome.PROPOSED, foreign_sha)
    assert stop.reason == (
        f"nothing was pushed: branch {BRANCH} holds a commit that is not ours ({foreign_sha[:12]})"
    )
    assert stop.facts.artifacts == {"patch": "the-patch"} and stop.facts.branch is None


async def test_a_replay_moves_the_branch_and_keeps_the_pull_request(scenario: Scenario) -> None:
    first = claim(scenario.store)
    await scenario.open(first)
    stop = await scenario.open(scenario.deliver_again(first, id="once-more"), fix="x = 4\n")
    (pull,) = scenario.pulls
    assert scenario.github.files(REPOSITORY, BRANCH)["a.py"] == b"x = 4\n"
    assert "Coding-Agent-Run: 1" in scenario.commit() and "generation=1 -->" in (
        pull.issue.body or ""
    )
    assert stop.facts.pull_request_number == pull.number


async def test_a_closed_pull_request_of_this_run_stays_closed(
    scenario: Scenario,
) -> None:
    first = claim(scenario.store)
    await scenario.open(first)
    (pull,) = scenario.pulls
    scenario.github.close_pull(REPOSITORY, pull.number)
    stop = await scenario.open(scenario.deliver_again(first))
    assert [(p.number, p.issue.state) for p in scenario.pulls] == [(pull.number, "closed")]
    assert stop.reason == f"pull request #{pull.number}, since closed: red to green"


async def test_a_replay_opens_a_new_pull_request_after_a_closed_one(scenario: Scenario) -> None:
    first = claim(scenario.store)
    await scenario.open(first)
    scenario.github.close_pull(REPOSITORY, scenario.pulls[0].number)
    stop = await scenario.open(scenario.deliver_again(first, id="once-more"), fix="x = 4\n")
    assert [pull.issue.state for pull in scenario.pulls] == ["closed", "open"]
    assert stop.facts.pull_request_number == scenario.pulls[1].number


class Race:
    """The forge, on which a stranger opens a pull request right after the given method's call."""

    def __init__(self, scenario: Scenario, after: str):
        self._forge = scenario.forge
        self._github = scenario.github
        self._after = after

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._forge, name)
        if name != self._after:
            return method

        def call(*arguments: Any) -> Any:
            answer = method(*arguments)
            self._after = ""
            self._github.add_pull(REPOSITORY, "Fixes #42", author="ann")
            return answer

        return call


async def test_a_pull_request_that_was_opened_meanwhile_is_named_and_nothing_is_pushed(
    scenario: Scenario,
) -> None:
    scenario.github.add_pull(REPOSITORY, "Fixes #42", author="ann")
    stop = await scenario.open(claim(scenario.store))
    (other,) = scenario.pulls
    assert stop.outcome is Outcome.PROPOSED
    assert stop.reason == (
        f"pull request #{other.number} (https://github.com/octo/repo/pull/{other.number}) by ann,"
        " which closes the issue, is open, since this run began; nothing was pushed"
    )
    assert stop.facts.pull_request_number == other.number
    assert (stop.facts.branch, stop.facts.artifacts) == (None, {"patch": "the-patch"})
    assert scenario.head is None


async def test_of_two_jobs_for_an_issue_at_the_same_time_one_opens_a_pull_request(
    scenario: Scenario,
) -> None:
    first = claim(scenario.store)
    await scenario.fail_to_open(first, status=502)
    second = claim(scenario.store, job(job_id="second"))
    with pytest.raises(Retry, match=f"job {JOB.id} is about to open a pull request") as waits:
        await scenario.open(second)
    assert not waits.value.counts
    first = scenario.deliver_again(first)
    assert (await scenario.open(first)).outcome is Outcome.PR_OPENED
    finish(scenario.store, first, Outcome.PR_OPENED)
    late = await scenario.open(claim(scenario.store, job(job_id="second")))
    (pull,) = scenario.pulls
    assert (late.outcome, late.facts.pull_request_number) == (Outcome.PROPOSED, pull.number)
    assert f"of job {JOB.id} is open for this issue" in late.reason


async def test_a_branch_whose_pull_request_came_too_late_is_named(scenario: Scenario) -> None:
    claimed = claim(scenario.store)
    scenario.forge = Race(scenario, after="open_pulls")
    stop = await scenario.open(claimed)
    assert (stop.outcome, stop.facts.branch) == (Outcome.PROPOSED, BRANCH)
    assert stop.reason.endswith(f"since this run began; the fix is on branch {BRANCH}")
    assert len(scenario.pulls) == 1
    assert scenario.head is not None
    again = await scenario.open(scenario.deliver_again(claimed))
    assert again == stop


async def test_a_second_pull_request_is_opened_if_the_job_allows_it(scenario: Scenario) -> None:
    scenario.github.add_pull(REPOSITORY, "Fixes #42")
    stop = await scenario.open(claim(scenario.store), allow_second_pull_request=True)
    assert stop.outcome is Outcome.PR_OPENED
    assert len(scenario.pulls) == 2


async def test_a_pull_request_of_this_run_is_not_hidden_by_a_later_one(scenario: Scenario) -> None:
    first = claim(scenario.store)
    await scenario.fail_to_open(first, status=502, after_effect=True)
    scenario.github.add_pull(REPOSITORY, "Fixes #42")
    stop = await scenario.open(scenario.deliver_again(first))
    assert stop.outcome is Outcome.PR_OPENED
    assert stop.facts.pull_request_number == scenario.pulls[0].number


async def test_a_marker_belongs_to_one_generation(scenario: Scenario) -> None:
    """``generation=1`` is the beginning of ``generation=10``."""
    first = claim(scenario.store)
    await scenario.open(first)
    (pull,) = scenario.pulls
    pull.issue.body = f"<!-- coding-agent:job={JOB.id} generation=10 -->"
    scenario.github.close_pull(REPOSITORY, pull.number)
    await scenario.open(scenario.deliver_again(first, id="once-more"), fix="x = 5\n")
    assert [pull.issue.state for pull in scenario.pulls] == ["closed", "open"]


async def test_a_dry_run_pushes_nothing(scenario: Scenario) -> None:
    stop = await scenario.open(claim(scenario.store), dry_run=True)
    assert (stop.outcome, stop.reason) == (
        Outcome.PROPOSED,
        "red to green; nothing was pushed, as asked",
    )
    assert stop.facts.artifacts == {"patch": "the-patch"}
    assert scenario.head is None and scenario.pulls == [] and scenario.store.effects(JOB.id) == []


async def test_the_body_says_what_hidden_text_was_removed(
    scenario: Scenario,
) -> None:
    scenario.hidden = ("body: 1 HTML comment", "comment 2: 27 invisible characters")
    await scenario.open(claim(scenario.store))
    notice = (
        "was left out or marked before the model read the issue: body: 1 HTML comment; comment 2:"
        " 27 invisible characters."
    )
    assert notice in (scenario.pulls[0].issue.body or "")


async def test_a_push_refused_by_a_rule_ends_as_proposed(scenario: Scenario) -> None:
    hook = scenario.github.path(REPOSITORY) / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho no such branches, please >&2\nexit 1\n")
    hook.chmod(0o755)
    stop = await scenario.open(claim(scenario.store))
    assert stop.outcome is Outcome.PROPOSED and scenario.pulls == []
    assert stop.reason == (
        "nothing was pushed: the remote rejected the push (pre-receive hook declined)"
    )


async def test_titles_and_bodies_are_cut_to_githubs_limits(
    scenario: Scenario, tmp_path: Path
) -> None:
    folder = tmp_path / "templates"
    folder.mkdir()
    for name in TEMPLATES.names:
        text = TEMPLATES.files[f"{name}.md.j2"]
        if name == "pull_request":
            text = (
                text.replace("## Summary", "{{ '.' * 70000 }}\n## Summary")
                .replace("<!--", "<!-- not this")
                .strip()
            )
        if name == "pull_request_title":
            text = text.replace("{{ title_prefix }}", "{{ title_prefix }}{{ 'x' * 300 }}")
        (folder / f"{name}.md.j2").write_text(text)
    scenario.templates = TemplateSet.load(folder)
    stop = await scenario.open(claim(scenario.store))
    assert stop.outcome is Outcome.PR_OPENED
    title = scenario.pulls[0].issue.title
    body = scenario.pulls[0].issue.body or ""
    assert len(title) == MAX_TITLE and title.endswith("…")
    assert len(body) <= MAX_BODY and "characters left out" in body
    assert body.endswith(f"<!-- coding-agent:job={JOB.id} generation=0 -->\n"), (
        "the marker is ours, not the template's"
    )


async def test_a_local_repository_gets_the_branch_and_no_pull_request(
    scenario: Scenario, tmp_path: Path
) -> None:
    scenario.forge = LocalForge(scenario.github.path(REPOSITORY), "t", "b")
    scenario.clone_url = str(scenario.github.path(REPOSITORY))
    stop = await scenario.open(claim(scenario.store))
    assert stop.reason == f"red to green; branch {BRANCH} is in the repository"
    assert (stop.outcome, stop.facts.branch) == (Outcome.PROPOSED, BRANCH) and scenario.head
    assert [effect.name for effect in scenario.store.effects(JOB.id)] == ["push"]
