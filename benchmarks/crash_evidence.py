"""What the parties of the crash benchmark with real stages hold at the end."""

import subprocess
from dataclasses import dataclass

from benchmarks.crash_judge import Events
from benchmarks.crash_real_plan import ExpectedRun, Plan, Push
from benchmarks.crash_seller import Seller
from pipeline.store.store import RunStore
from tests.stand_ins.github import GithubStandIn
from tests.stand_ins.github.world import Pull


@dataclass(frozen=True)
class Evidence:
    github: GithubStandIn
    push: Push
    seller: Seller
    events: Events
    store: RunStore

    def pushed_to(self, plan: Plan) -> str | None:
        """Return the repository to which the job's fixes are pushed; None if there is no fork."""
        if self.push == "branch":
            return plan.repository
        return self.github.fork_of(plan.repository)

    def head(self, plan: Plan) -> str | None:
        """Return the commit of the job's branch; None if there is no branch."""
        repository = self.pushed_to(plan)
        return self.github.sha(repository, plan.branch) if repository else None

    def content(self, plan: Plan) -> str:
        repository = self.pushed_to(plan)
        assert repository is not None
        return self.github.files(repository, plan.branch)["calc.py"].decode()

    def runs(self, plan: Plan) -> list[ExpectedRun]:
        """Return the runs of a job, and of the review of its pull request."""
        review = self.seller.reviews.get(plan.number)
        return plan.runs if review is None else [*plan.runs, review.run]

    def pulls(self, plan: Plan) -> list[Pull]:
        pulls = self.github.pulls(plan.repository)
        return [pull for pull in pulls if pull.head == plan.branch]

    def subjects(self, plan: Plan) -> list[str]:
        """Return the subjects of the commits of the job's branch since its base, newest first."""
        repository = self.pushed_to(plan)
        assert repository is not None
        path = self.github.path(repository)
        command = ["git", "-C", str(path), "log", "--format=%s", f"main..{plan.branch}"]
        return subprocess.run(
            command, check=True, capture_output=True, text=True
        ).stdout.splitlines()
