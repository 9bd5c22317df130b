"""Pushing and opening: each effect is planned, done once, and adopted after a crash."""

import pytest

from pipeline.errors import Family, judge
from pipeline.github import NewPull
from pipeline.github.commit_author import FixedAuthor
from pipeline.github.commit_identity import CommitIdentity
from pipeline.outcome import Outcome
from repository.git import GitUnauthorized, GitUnavailable, Identity, Mirrors, run_git
from stages.open_pr import OpenPullRequest, PullSettings
from tests.stages.open_pr.scenario import BRANCH, JOB, REPOSITORY, TEMPLATES, Scenario
from tests.stand_ins.github.wire import Failure, Incoming
from tests.stand_ins.runs import FixedTemplates, claim


async def test_a_fix_becomes_one_commit_on_the_jobs_branch_and_a_pull_request(
    scenario: Scenario,
) -> None:
    stop = await scenario.open(claim(scenario.store))
    (pull,) = scenario.pulls
    assert (stop.outcome, stop.reason) == (
        Outcome.PR_OPENED,
        f"pull request #{pull.number}: red to green",
    )
    assert (
        stop.facts.pull_request_number == pull.number and stop.facts.branch == BRANCH == pull.head
    )
    assert stop.facts.pull_request_url == f"https://github.com/octo/repo/pull/{pull.number}"
    assert (pull.base, pull.issue.title, pull.draft) == ("main", "Fix: x is wrong", False)
    assert scenario.github.files(REPOSITORY, BRANCH) == {"a.py": b"x = 2\n", "b.py": b"y = 1\n"}
    text = scenario.commit()
    assert f"Coding-Agent-Job: {JOB.id}\n" in text and "Coding-Agent-Run: 0\n" in text
    assert "Sun Sep 9 01:46:40 2001 +0000" in text


async def test_a_crashed_run_keeps_the_author_of_its_planned_commit(scenario: Scenario) -> None:
    first = claim(scenario.store)
    await scenario.fail_to_open(first)
    scenario.author = FixedAuthor(Identity("Another Bot", "other@example.com"))
    await scenario.open(scenario.deliver_again(first), machine="two")
    shown = run_git(
        [f"--git-dir={scenario.github.path(REPOSITORY)}", "log", "-1", "--format=%an %ae", BRANCH],
        cwd=scenario.folder,
    )
    assert shown.stdout.decode().strip() == "bot 1+bot@users.noreply.github.com"


async def test_the_body_says_what_was_verified_and_by_which_run(scenario: Scenario) -> None:
    await scenario.open(claim(scenario.store))
    body = scenario.pulls[0].issue.body or ""
    assert (
        "Fixes #42" in body
        and "**red to green**: 1 test failed before" in body
        and "`t::test_x`" in body
    )
    for provenance in (
        "openai/gpt-4o",
        "c" * 12,
        JOB.id,
        str(scenario.github.sha(REPOSITORY, "main")),
    ):
        assert provenance in body
    assert body.endswith(f"<!-- coding-agent:job={JOB.id} generation=0 -->\n")


async def test_the_body_links_to_the_page_of_the_run_if_pages_have_an_address(
    scenario: Scenario,
) -> None:
    scenario.settings = PullSettings(page_url="https://console.example.org/runs")
    await scenario.open(claim(scenario.store))
    address = f"https://console.example.org/runs/{JOB.id}/0"
    assert f"- how it came about: {address}\n" in (scenario.pulls[0].issue.body or "")


async def test_each_effect_is_stored_first_as_an_intention_and_then_as_a_record(
    scenario: Scenario,
) -> None:
    await scenario.open(claim(scenario.store))
    push, pull = scenario.store.effects(JOB.id)
    assert (push.name, push.intention["branch"], push.result) == (
        "push",
        BRANCH,
        {"sha": scenario.head},
    )
    assert pull.intention == {
        "title": scenario.pulls[0].issue.title,
        "body": scenario.pulls[0].issue.body,
        "draft": False,
    }
    assert pull.result == {
        "number": scenario.pulls[0].number,
        "url": f"https://github.com/{REPOSITORY}/pull/1",
    }


async def test_labels_reviewers_and_draft_come_from_the_job(scenario: Scenario) -> None:
    await scenario.open(
        claim(scenario.store), labels=["bot"], reviewers=["ada", "stranger"], draft=True
    )
    (pull,) = scenario.pulls
    assert (pull.issue.labels, pull.reviewers, pull.draft) == (["bot"], ["ada"], True)


async def test_second_delivery_adopts_the_open_pull_request(
    scenario: Scenario,
) -> None:
    first = claim(scenario.store)
    await scenario.fail_to_open(first)
    existing = scenario.forge.create_pull(
        JOB.issue, NewPull(BRANCH, "main", "Mine", "My words", draft=False)
    )
    stop = await scenario.open(scenario.deliver_again(first))
    assert stop.facts.pull_request_number == existing.number
    (pull,) = scenario.pulls
    body = pull.issue.body or ""
    assert pull.issue.title == "Mine"
    assert body.startswith("My words\n\n## Summary\n")
    assert "generation=0 -->" in body


async def test_what_was_pushed_and_opened_is_known_from_the_stored_effects(
    scenario: Scenario,
) -> None:
    first = claim(scenario.store)
    await scenario.fail_to_open(first)
    stage = OpenPullRequest(
        scenario.forge,
        Mirrors(scenario.folder, lambda _: None),
        FixedTemplates(TEMPLATES),
        CommitIdentity(scenario.author),
        PullSettings(),
    )
    pushed = stage.effect_facts(scenario.store.effects(JOB.id))
    assert (pushed.branch, pushed.pull_request_number) == (BRANCH, None)
    stop = await scenario.open(scenario.deliver_again(first))
    opened = stage.effect_facts(scenario.store.effects(JOB.id))
    assert (opened.branch, opened.pull_request_url) == (BRANCH, stop.facts.pull_request_url)


async def test_a_push_with_revoked_credentials_waits_for_new_ones(scenario: Scenario) -> None:
    first = claim(scenario.store)
    for _ in range(2):  # git asks for the credentials once more
        scenario.github.fail_next("POST", "git-receive-pack$", status=401)
    with pytest.raises(GitUnauthorized) as caught:
        await scenario.open(first)
    assert judge(caught.value).family is Family.CREDENTIALS
    assert (await scenario.open(scenario.deliver_again(first))).outcome is Outcome.PR_OPENED


async def test_a_lost_reply_does_not_open_a_second_pull_request(scenario: Scenario) -> None:
    first = claim(scenario.store)
    scenario.github.fail_next("POST", "/pulls$", after_effect=True, status=None)
    with pytest.raises(Exception) as caught:
        await scenario.open(first, labels=["bot"])
    assert judge(caught.value).family is Family.WAIT
    stop = await scenario.open(scenario.deliver_again(first), labels=["bot"])
    (pull,) = scenario.pulls
    assert stop.facts.pull_request_number == pull.number
    assert pull.issue.labels == ["bot"], "what was to follow the lost reply is done, too"


async def test_a_push_whose_reply_was_lost_goes_on_to_the_pull_request(scenario: Scenario) -> None:
    scenario.github.fail_next("POST", "git-receive-pack$", after_effect=True, status=None)
    stop = await scenario.open(claim(scenario.store))
    assert (stop.outcome, stop.facts.branch) == (Outcome.PR_OPENED, BRANCH)
    assert [pull.head_sha for pull in scenario.pulls] == [scenario.head]


async def test_a_refusal_after_a_push_without_a_reply_names_the_branch(scenario: Scenario) -> None:
    first = claim(scenario.store)
    scenario.github.fail_next("POST", "git-receive-pack$", after_effect=True, status=502)
    with pytest.raises(GitUnavailable):
        await scenario.open(first)
    again = scenario.deliver_again(first)
    stage_begins: list[Incoming] = []

    def strike(incoming: Incoming) -> Failure | None:
        if "/api/" in incoming.path:
            stage_begins.append(incoming)
            return None
        return Failure(403) if stage_begins else None

    scenario.github.wire.strike = strike
    stop = await scenario.open(again)
    assert scenario.head is not None
    assert (stop.outcome, stop.facts.branch) == (Outcome.PROPOSED, BRANCH)
    assert stop.reason.startswith(f"look at branch {BRANCH}, which an earlier try may have pushed")


async def test_a_persons_commit_upon_ours_is_not_called_an_empty_branch(scenario: Scenario) -> None:
    first = claim(scenario.store)
    await scenario.fail_to_open(first)
    scenario.github.commit(REPOSITORY, {"a.py": "x = 3\n"}, branch=BRANCH)
    stop = await scenario.open(scenario.deliver_again(first))
    assert (stop.outcome, stop.facts.branch) == (Outcome.PROPOSED, BRANCH)
    assert "holds a commit that is not ours" in stop.reason


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", r"/pulls/\d+$"),
        ("POST", "/labels$"),
        ("POST", "/requested_reviewers$"),
    ],
)
async def test_a_lost_reply_to_a_later_request_changes_nothing(
    scenario: Scenario, method: str, path: str
) -> None:
    options = {"labels": ["bot"], "reviewers": ["ada"]}
    first = claim(scenario.store)
    scenario.github.fail_next("POST", "/pulls$", after_effect=True, status=None)
    scenario.github.fail_next(method, path, after_effect=True, status=None)
    for _ in range(2):
        with pytest.raises(Exception) as caught:
            await scenario.open(first, **options)
        assert judge(caught.value).family is Family.WAIT
        first = scenario.deliver_again(first)
    stop = await scenario.open(first, **options)
    (pull,) = scenario.pulls
    assert stop.facts.pull_request_number == pull.number
    assert (pull.issue.labels, pull.reviewers) == (["bot"], ["ada"])
    assert pull.issue.title == "Fix: x is wrong"


async def test_an_open_pull_request_that_may_not_be_updated_is_named(scenario: Scenario) -> None:
    first = claim(scenario.store)
    await scenario.fail_to_open(first, status=502, after_effect=True)
    scenario.github.fail_next("PATCH", r"/pulls/\d+$", status=403)
    stop = await scenario.open(scenario.deliver_again(first))
    (pull,) = scenario.pulls
    assert (stop.outcome, stop.facts.pull_request_number) == (Outcome.PR_OPENED, pull.number)


async def test_after_a_crash_another_machine_makes_the_same_commit(
    scenario: Scenario,
) -> None:
    first = claim(scenario.store)
    await scenario.fail_to_open(first)
    pushed = scenario.head
    assert pushed and scenario.pulls == []
    second = scenario.deliver_again(first)
    stop = await scenario.open(second, machine="two")
    assert scenario.head == pushed and len(scenario.pulls) == 1
    assert stop.outcome is Outcome.PR_OPENED
    assert [r.path for r in scenario.github.requests if r.path.endswith("/git-receive-pack")] == [
        f"/{REPOSITORY}.git/git-receive-pack"
    ], "what is there already is not pushed again"


async def test_a_second_delivery_of_a_finished_run_changes_nothing(scenario: Scenario) -> None:
    first = claim(scenario.store)
    await scenario.open(first)
    head = scenario.head
    body = scenario.pulls[0].issue.body
    second = scenario.deliver_again(first)
    stop = await scenario.open(second)
    assert (scenario.head, len(scenario.pulls), scenario.pulls[0].issue.body) == (head, 1, body)
    assert stop.facts.pull_request_number == scenario.pulls[0].number
