"""What the stages work with, assembled from the settings.

``cli.wiring`` passes what they share with the rest of the application.
"""

import os
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from pathlib import Path

from cli.backends import python_folders, uv_path
from pipeline.disk import measure_disk
from pipeline.github import Forge
from pipeline.github.accounts import Accounts
from pipeline.github.commit_author import (
    ANONYMOUS_AUTHOR,
    CommitAuthor,
    FixedAuthor,
    OwnAccount,
)
from pipeline.github.commit_identity import CommitIdentity
from pipeline.github.rest import GithubForge
from pipeline.github.rest_conversation import GithubConversation
from pipeline.github.signed_commits import CommitSigner, GithubSigner
from pipeline.model.buyer import Buyer
from pipeline.pull_history import PullHistory
from pipeline.settings import Settings
from pipeline.telemetry import names
from pipeline.telemetry.spans import Tracer
from pipeline.template_sets import TemplateSets
from pipeline.threads import CONTROL
from repository.git import Identity, MirrorLimits, Mirrors
from repository.testing.install.cache_room import remove_cached
from repository.testing.install.tools import index_settings
from sandbox import Sandbox
from stages.address_review import ReviewLimits
from stages.fetch_issue import IssueRules
from stages.open_pr import PullSettings
from stages.propose_patch import Plan
from stages.tools import ReviewTools, StageTools


def assemble_stage_tools(
    settings: Settings,
    forge: Forge,
    review: ReviewTools | None,
    sandbox: Sandbox,
    buyer: Buyer,
    templates: TemplateSets,
    tracer: Tracer,
) -> StageTools:
    data_dir = data_folder(settings)

    def around_git(command: str) -> AbstractContextManager[object]:
        return tracer.span(names.git_span(command), {})

    return StageTools(
        forge=forge,
        mirrors=Mirrors(data_dir / "mirrors", forge.token, around_git, _mirror_limits(settings)),
        sandbox=sandbox,
        pythons=python_folders(settings),
        uv=uv_path(),
        cache=data_dir / "cache",
        index=index_settings(os.environ),
        fetch_for_private=settings.fetch_for_private,
        buyer=buyer,
        plan=Plan(
            strategy=settings.strategy,
            attempts=settings.attempts,
            temperature=settings.temperature,
            models=settings.attempt_models,
        ),
        protected=settings.protected_paths,
        issue_rules=IssueRules(
            comment_authors=settings.comment_authors,
            takes_assigned=settings.assigned_issues == "work",
            max_open_pulls=settings.max_open_pulls,
        ),
        commits=CommitIdentity(_commit_author(settings, review), _signer(settings, forge)),
        review=review,
        pulls=PullSettings(
            ready_if=settings.ready_if,
            page_url=settings.page_url,
            sign_off=settings.sign_off,
            answers_comments=settings.webhook_secret is not None,
        ),
        co_authors=_co_authors(settings, review),
        templates=templates,
    )


def room_maker(tools: StageTools, sandbox: Sandbox) -> Callable[[], Awaitable[None]]:
    """Return what removes mirrors and cached folders that no run uses, if the disk lacks room.

    ``sandbox`` is one that also works on a full disk.
    """

    def has_room() -> bool:
        return measure_disk(tools.cache).has_room

    async def make_room() -> None:
        await CONTROL.run(tools.mirrors.make_room)
        await remove_cached(sandbox, tools.cache, has_room)

    return make_room


def assemble_review_tools(
    settings: Settings, forge: Forge, accounts: Accounts | None, history: PullHistory
) -> ReviewTools | None:
    """Return None for a local repository."""
    if accounts is None or not isinstance(forge, GithubForge):
        return None
    return ReviewTools(
        conversation=GithubConversation(forge.connection, push=settings.push),
        accounts=accounts,
        history=history,
        limits=ReviewLimits(settings.max_reviews_per_pull, settings.max_review_usd_per_pull),
    )


def data_folder(settings: Settings) -> Path:
    """Return an absolute path, since the sandbox has another current folder."""
    return settings.data_dir.absolute()


def _commit_author(settings: Settings, review: ReviewTools | None) -> CommitAuthor:
    if settings.commit_author is not None:
        return FixedAuthor(Identity.parse(settings.commit_author))
    if review is not None:
        return OwnAccount(review.accounts)
    return FixedAuthor(ANONYMOUS_AUTHOR)


def _co_authors(settings: Settings, review: ReviewTools | None) -> Accounts | None:
    """Return what finds those who ask for changes; None if commits don't name them."""
    if review is None or not settings.co_author:
        return None
    return review.accounts


def _mirror_limits(settings: Settings) -> MirrorLimits:
    return MirrorLimits(
        repository=settings.max_repository_mb * 1_000_000,
        all_mirrors=int(settings.max_mirrors_gb * 1_000_000_000),
    )


def _signer(settings: Settings, forge: Forge) -> CommitSigner | None:
    """Return what signs commits: GitHub does for an App, and only as the App itself."""
    if settings.commit_author is not None or not isinstance(forge, GithubForge):
        return None
    return GithubSigner(forge.connection) if forge.connection.is_app else None
