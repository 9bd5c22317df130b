"""A job with a fix that ``open_pr`` opens, with real git over HTTP, real PyGithub, the strict
stand-in for GitHub and a real store for the effects.
"""

import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from github import GithubException

from pipeline.artifacts.folder import FolderArtifacts
from pipeline.budget import Budget, EffectiveLimits, Stopwatch
from pipeline.github.accounts import Accounts
from pipeline.github.commit_author import CommitAuthor, FixedAuthor
from pipeline.github.commit_identity import CommitIdentity
from pipeline.github.issue_pulls import branch_name
from pipeline.github.rest import GithubForge
from pipeline.github.signed_commits import CommitSigner
from pipeline.leased_run import LeasedRun
from pipeline.model.ledger import Ledger
from pipeline.outcome import Outcome, Verification
from pipeline.stage import LocalResources, Observers, RunContext, Stop
from pipeline.store.contract import Claimed, MoneyCaps, Round
from pipeline.store.sqlite import SqliteStore
from pipeline.telemetry.spans import NoTracer
from prompts.template_set import TemplateSet
from repository.git import Identity, Mirrors, run_git
from repository.testing.models import Recipe, Suite
from stages.apply_patch import Candidate, Candidates
from stages.checkout import Checkout
from stages.fetch_issue import Issue
from stages.open_pr import OpenPullRequest, PullSettings
from stages.propose_patch import Proposal, Proposals
from stages.run_tests import Verdict
from tests.stand_ins.github import WRITE_TOKEN, GithubStandIn
from tests.stand_ins.github.world import Pull
from tests.stand_ins.runs import Clock, FixedTemplates, claim, finish, job

REPOSITORY = "octo/repo"
JOB = job()
BRANCH = branch_name(42, JOB.id)
FILES = {"a.py": "x = 1\n", "b.py": "y = 1\n"}
TEMPLATES = TemplateSet.load()
VERDICT = Verdict(
    candidate=0,
    verification=Verification.RED_TO_GREEN,
    reason="1 test failed before",
    fixed=("t::test_x",),
    fixed_new=("t::test_x",),
    still_failing=(),
    ran=3,
    log_key=None,
)
SUITE = Suite(
    runnable=True,
    reason="pytest is configured",
    runner="pytest",
    python="3.13",
    tests=(),
    whole=True,
    base=None,
    log_key=None,
    recipe=Recipe(
        repository=REPOSITORY,
        base_sha="b" * 40,
        committed_at=1,
        runner="pytest",
        python="3.13",
        patterns=("test_*.py",),
    ),
)
PROPOSALS = Proposals(
    proposals=(Proposal(reply="", exchange_key="e", model="openai/gpt-4o"),),
    templates={"propose": "d" * 64},
    template_set="c" * 64,
)


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
        self.settings = PullSettings()
        self.accounts: Accounts | None = None
        self.signer: CommitSigner | None = None
        self.requested_by: str | None = None
        self.title = "x is wrong"
        """The issue's."""
        self.hidden: tuple[str, ...] = ()
        self.proposed_title = ""
        """The model's."""
        self.summary = "It was off by 1."
        self.notices: tuple[str, ...] = ()
        self.change: dict[str, bytes] = {"a.py": b"x = 2\n"}
        self.verdict = VERDICT
        self.suite = SUITE
        self.rounds: tuple[Round, ...] = ()

    async def open(
        self,
        claimed: Claimed,
        *,
        machine: str = "one",
        fix: str | None = None,
        **options: Any,
    ) -> Stop:
        """Run a delivery; ``machine`` has its own disk, and ``fix`` is another text of ``a.py``."""
        mirrors = Mirrors(self.folder / machine, self.forge.token)
        mirror = mirrors.at(REPOSITORY)
        mirror.fetch(self.clone_url, ["main"])
        base = mirror.branch("main")
        assert base
        change = self.change if fix is None else {"a.py": fix.encode()}
        candidate = Candidate(
            proposal=0,
            patch_key="the-patch",
            tree=mirror.write_tree(base, change),
            paths=tuple(sorted(change)),
            summary=self.summary,
            title=self.proposed_title,
            notices=self.notices,
        )
        stage = OpenPullRequest(
            self.forge,
            mirrors,
            FixedTemplates(self.templates),
            CommitIdentity(self.author, self.signer),
            self.settings,
            accounts=self.accounts,
            clock=self.clock,
        )
        candidates = Candidates(repository=REPOSITORY, base_sha=base, candidates=(candidate,))
        return await stage.run(
            self._issue(),
            self._checkout(base),
            self.suite,
            PROPOSALS,
            candidates,
            self.verdict,
            self.context(claimed, options),
        )

    async def fail_to_open(
        self, claimed: Claimed, *, status: int = 500, after_effect: bool = False
    ) -> None:
        """Run a delivery that ends because GitHub fails when the pull request is created.

        With ``after_effect``, it has been created, and only the reply is lost.
        """
        self.github.fail_next("POST", "/pulls$", status=status, after_effect=after_effect)
        with pytest.raises(GithubException) as failure:
            await self.open(claimed)
        assert failure.value.status == status

    def _issue(self) -> Issue:
        return Issue(
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

    def _checkout(self, base: str) -> Checkout:
        return Checkout(
            repository=REPOSITORY,
            clone_url=self.clone_url,
            base_branch="main",
            base_sha=base,
            committed_at=1,
            described=None,
        )

    def context(self, claimed: Claimed, options: dict[str, Any]) -> RunContext:
        run = LeasedRun(self.store, self.artifacts, claimed.lease, self.clock)
        limits = EffectiveLimits(1.0, 30.0, 3)
        ledger = Ledger(run, MoneyCaps(10**6, 10**6, 10**6))
        return RunContext(
            run,
            job(options=options, requested_by=self.requested_by),
            stage="open_pr",
            rounds=self.rounds,
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

    def message(self) -> str:
        """The message of the branch's newest commit."""
        repository = f"--git-dir={self.github.path(REPOSITORY)}"
        shown = run_git([repository, "log", "-1", "--format=%B", BRANCH], cwd=self.folder)
        return shown.stdout.decode().strip() + "\n"

    @property
    def pulls(self) -> list[Pull]:
        return self.github.pulls(REPOSITORY)

    @property
    def head(self) -> str | None:
        return self.github.sha(REPOSITORY, BRANCH)
