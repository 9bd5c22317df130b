"""What the stages work with, as the command line assembles it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.github import Forge
from pipeline.github.accounts import Accounts
from pipeline.github.commit_identity import CommitIdentity
from pipeline.github.conversation import Conversation
from pipeline.model.buyer import Buyer
from pipeline.pull_history import PullHistory
from pipeline.template_sets import Templates
from repository.git import Mirrors
from sandbox import Sandbox
from stages.address_review import ReviewLimits
from stages.fetch_issue import IssueRules
from stages.open_pr import PullSettings
from stages.propose_patch import EditSettings, Plan


@dataclass(frozen=True)
class ReviewTools:
    """The dependencies of the stages that answer a review."""

    conversation: Conversation
    accounts: Accounts
    history: PullHistory
    limits: ReviewLimits


@dataclass(frozen=True)
class StageTools:
    """The dependencies of the stages."""

    forge: Forge
    mirrors: Mirrors
    sandbox: Sandbox
    buyer: Buyer
    plan: Plan
    templates: Templates
    pythons: tuple[Path, ...]
    """Folders with Python interpreters for test environments."""
    uv: Path
    cache: Path
    """Folder for the caches of test environments."""
    index: Mapping[str, str]
    """Environment variables that configure the package index."""
    fetch_for_private: bool
    """Whether packages are also fetched for private repositories."""
    protected: tuple[str, ...]
    """Patterns of paths that no patch may write."""

    issue_rules: IssueRules
    commits: CommitIdentity
    pulls: PullSettings
    co_authors: Accounts | None
    """Finds who asked for a change, to name them as its co-author; None to name nobody."""
    review: ReviewTools | None
    """None without GitHub: a local repository has no pull requests."""

    @property
    def conversation(self) -> Conversation | None:
        """None for a local repository."""
        return None if self.review is None else self.review.conversation

    @property
    def accounts(self) -> Accounts | None:
        """None for a local repository."""
        return None if self.review is None else self.review.accounts

    @property
    def edits(self) -> EditSettings:
        return EditSettings(self.protected, self.pythons)

    @property
    def for_review(self) -> ReviewTools:
        """Return the tools for a review. Raises TypeError if there are none."""
        if self.review is None:
            raise TypeError("the stages that answer a review need GitHub")
        return self.review
