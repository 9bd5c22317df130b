"""What handles GitHub's events, in the worker and in a command."""

import time

from pipeline.api.intake import Intake
from pipeline.api.webhook.handler import GithubWebhook
from pipeline.api.webhook.triggers import Rules
from pipeline.github import Forge
from pipeline.github.accounts import Accounts
from pipeline.github.issue_pulls import branch_name
from pipeline.job import FixIssueJob
from pipeline.settings import Settings


def github_webhook(
    settings: Settings, forge: Forge, accounts: Accounts, intake: Intake
) -> GithubWebhook:
    def rules_of(repository: str) -> Rules:
        return Rules(
            login=accounts.own(repository).login,
            label=settings.trigger_label,
            comment_authors=settings.comment_authors,
        )

    def has_open_pull(job: FixIssueJob) -> bool:
        branch = branch_name(job.issue.number, job.id)
        pulls = forge.find_pulls(job.issue, branch)
        return any(pull.state == "open" for pull in pulls)

    return GithubWebhook(intake, rules_of, has_open_pull, time.time)
