"""Opening the pull request, with real git over HTTP, real PyGithub, the strict stand-in for GitHub
and a real store for the effects.
"""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from github.GithubException import GithubException

from pipeline.artifacts.folder import FolderArtifacts
from pipeline.budget import Budget, EffectiveLimits, Stopwatch
from pipeline.errors import Family, Retry, judge
from pipeline.github import NewPull
from pipeline.github.commit_author import CommitAuthor, FixedAuthor
from pipeline.github.issue_pulls import branch_name
from pipeline.github.local import LocalForge
from pipeline.github.rest import GithubForge
from pipeline.leased_run import LeasedRun
from pipeline.model.ledger import Ledger
from pipeline.outcome import Outcome, Verification
from pipeline.stage import LocalResources, Observers, RunContext, Stop
from pipeline.store.contract import Claimed, MoneyCaps
from pipeline.store.sqlite import SqliteStore
from pipeline.telemetry.spans import NoTracer
from prompts import TemplateSet
from repository.git import GitUnauthorized, GitUnavailable, Identity, Mirrors, run_git
from stages.apply_patch import Candidate, Candidates
from stages.checkout import Checkout
from stages.fetch_issue import Issue
from stages.open_pr import OpenPullRequest
from stages.open_pr.text import MAX_BODY, MAX_TITLE
from stages.propose_patch import Proposal, Proposals
from stages.run_tests import Verdict
from tests.stand_ins.github import WRITE_TOKEN, GithubStandIn
from tests.stand_ins.github.wire import Failure, Incoming
from tests.stand_ins.github.world import Pull
from tests.stand_ins.runs import Clock, FixedTemplates, claim, finish, job

REPOSITORY = "octo/repo"
JOB = job()
BRANCH = branch_name(42, JOB.id)
TEMPLATES = TemplateSet.load()


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GithubStandIn]:
    with GithubStandIn(tmp_path / "github") as server:
        server.add_repository(
            REPOSITORY, {"a.py": "x = 1\n", "b.py": "y = 1\n"}, collaborators=["ada"]
        )
        yield server


class Scenario:
    """A job with a verified fix, opened by as many deliveries and generations as a test needs."""

    def __init__(self, folder: Path, github: GithubStandIn):
        self.folder = folder
        self.github = github
        self.clock = Clock()
        self.store = SqliteStore(folder / "store.sqlite", clock=self.clock)
        self.artifacts = FolderArtifacts(folder / "artifacts")
        self.forge: Any = GithubForge(github.connect(WRITE_TOKEN))
        self.clone_url = f"{github.origin}/{REPOSITORY}.git"
        self.author: CommitAuthor = FixedAuthor(Identity("bot", "1+bot@users.noreply.github.com"))
        self.templates = TEMPLATES
        self.page_url: str | None = None
        self.title = "x is wrong"
        self.hidden = ()

    async def open(
        self, claimed: Claimed, *, machine: str = "one", fix: str = "x = 2\n", **options: Any
    ) -> Stop:
        """Run a delivery; ``machine`` has its own disk."""
        mirrors = Mirrors(self.folder / machine, self.forge.token)
        mirror = mirrors.at(REPOSITORY)
        mirror.fetch(self.clone_url, ["main"])
        base = mirror.branch("main")
        assert base
        tree = mirror.write_tree(base, {"a.py": fix.encode()})
        issue = Issue(
            url=JOB.issue_url,
            repository=REPOSITORY,
            number=42,
            title=self.title,
            body="",
            author="ann",
            association="NONE",
            comments=(),
            clone_url=self.clone_url,
            default_branch="main",
            private=False,
            snapshot_sha256="0" * 64,
            hidden=self.hidden,
        )
        checkout = Checkout(
            repository=REPOSITORY,
            clone_url=self.clone_url,
            base_branch="main",
            base_sha=base,
            committed_at=1,
            described=None,
        )
        candidate = Candidate(
            proposal=0,
            patch_key="the-patch",
            tree=tree,
            paths=("a.py",),
            summary="It was off by 1.",
        )
        verdict = Verdict(
            candidate=0,
            verification=Verification.RED_TO_GREEN,
            reason="1 test failed before",
            fixed=("t::test_x",),
            still_failing=(),
            ran=3,
            log_key=None,
        )
        proposals = Proposals(
            proposals=(Proposal(reply="", exchange_key="e", model="openai/gpt-4o"),),
            templates={"propose": "d" * 64},
            template_set="c" * 64,
        )
        stage = OpenPullRequest(
            self.forge,
            mirrors,
            FixedTemplates(self.templates),
            self.author,
            page_url=self.page_url,
            clock=self.clock,
        )
        candidates = Candidates(repository=REPOSITORY, base_sha=base, candidates=(candidate,))
        return await stage.run(
            issue, checkout, proposals, candidates, verdict, self.context(claimed, options)
        )

    def context(self, claimed: Claimed, options: dict[str, Any]) -> RunContext:
        run = LeasedRun(self.store, self.artifacts, claimed.lease, self.clock)
        limits = EffectiveLimits(1.0, 30.0, 3)
        ledger = Ledger(run, MoneyCaps(10**6, 10**6, 10**6))
        return RunContext(
            run,
            job(options=options),
            stage="open_pr",
            rounds=(),
            budget=Budget(limits, ledger, Stopwatch(used=0.0, limit=1800.0)),
            local=LocalResources(self.folder, ExitStack()),
            observers=Observers(lambda kind, text: None, NoTracer()),
        )

    def deliver_again(self, claimed: Claimed, **replay: Any) -> Claimed:
        """Claim the run an hour later; with a replay, the next generation."""
        if replay:
            finish(self.store, claimed, Outcome.PR_OPENED)
        else:
            self.store.release(claimed.lease)
        self.clock.now += 3600
        return claim(self.store, job(replay=replay) if replay else JOB)

    def commit(self) -> str:
        """The branch's newest commit as git shows it."""
        command = [
            "git",
            f"--git-dir={self.github.path(REPOSITORY)}",
            "show",
            "--format=fuller",
            BRANCH,
        ]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    @property
    def pulls(self) -> list[Pull]:
        return self.github.pulls(REPOSITORY)

    @property
    def head(self) -> str | None:
        return self.github.sha(REPOSITORY, BRANCH)


@pytest.fixture
def scenario(tmp_path: Path, github: GithubStandIn) -> Scenario:
    return Scenario(tmp_path, github)


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
    assert (pull.base, pull.issue.title, pull.draft) == ("main", "Fix #42: x is wrong", False)
    assert scenario.github.files(REPOSITORY, BRANCH) == {"a.py": b"x = 2\n", "b.py": b"y = 1\n"}
    text = scenario.commit()
    assert f"Coding-Agent-Job: {JOB.id}\n" in text and "Coding-Agent-Run: 0\n" in text
    assert "Sun Sep 9 01:46:40 2001 +0000" in text


async def test_a_crashed_run_keeps_the_author_of_its_planned_commit(scenario: Scenario) -> None:
    first = claim(scenario.store)
    scenario.github.fail_next("POST", "/pulls$", status=500)
    with pytest.raises(GithubException):
        await scenario.open(first)
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
    scenario.page_url = "https://console.example.org/runs"
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
    scenario.github.fail_next("POST", "/pulls$", status=500)
    with pytest.raises(GithubException):
        await scenario.open(first)
    existing = scenario.forge.create_pull(
        JOB.issue, NewPull(BRANCH, "main", "Mine", "My words", draft=False)
    )
    stop = await scenario.open(scenario.deliver_again(first))
    assert stop.facts.pull_request_number == existing.number
    (pull,) = scenario.pulls
    assert pull.issue.title == "Fix #42: x is wrong" and "generation=0 -->" in (
        pull.issue.body or ""
    )


async def test_what_was_pushed_and_opened_is_known_from_the_stored_effects(
    scenario: Scenario,
) -> None:
    first = claim(scenario.store)
    scenario.github.fail_next("POST", "/pulls$", status=500)
    with pytest.raises(GithubException):
        await scenario.open(first)
    stage = OpenPullRequest(
        scenario.forge, Mirrors(scenario.folder, lambda _: None), TEMPLATES, scenario.author
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
    scenario.github.fail_next("POST", "/pulls$", status=500)
    with pytest.raises(GithubException):
        await scenario.open(first)
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
    assert pull.issue.title == "Fix #42: x is wrong"


async def test_an_open_pull_request_that_may_not_be_updated_is_named(scenario: Scenario) -> None:
    first = claim(scenario.store)
    scenario.github.fail_next("POST", "/pulls$", after_effect=True, status=502)
    with pytest.raises(GithubException):
        await scenario.open(first)
    scenario.github.fail_next("PATCH", r"/pulls/\d+$", status=403)
    stop = await scenario.open(scenario.deliver_again(first))
    (pull,) = scenario.pulls
    assert (stop.outcome, stop.facts.pull_request_number) == (Outcome.PR_OPENED, pull.number)


async def test_after_a_crash_another_machine_makes_the_same_commit(
    scenario: Scenario,
) -> None:
    first = claim(scenario.store)
    scenario.github.fail_next("POST", "/pulls$", status=500)
    with pytest.raises(GithubException):
        await scenario.open(first)
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
    scenario.github.fail_next("POST", "/pulls$", status=502)
    with pytest.raises(GithubException):
        await scenario.open(first)
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
    scenario.github.fail_next("POST", "/pulls$", status=502, after_effect=True)
    with pytest.raises(GithubException):
        await scenario.open(first)
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
        "was left out or marked before the model read it: body: 1 HTML comment; comment 2: 27"
        " invisible characters."
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
                text.replace("Fixes #", "{{ '.' * 70000 }}\nFixes #")
                .replace("<!--", "<!-- not this")
                .strip()
            )
        (folder / f"{name}.md.j2").write_text(text)
    scenario.templates = TemplateSet.load(folder)
    scenario.title = "#1" * 300
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
