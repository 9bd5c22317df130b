"""The webhook as a part of the HTTP intake."""

import time

from cli.wiring import App
from pipeline.api.intake import Intake
from pipeline.api.webhook.handler import GithubWebhook
from pipeline.api.webhook.triggers import Rules
from pipeline.github.issue_pulls import branch_name
from pipeline.job import FixIssueJob


def open_webhook(app: App, intake: Intake) -> GithubWebhook | None:
    """Return what receives GitHub's events; None if it is off, as it is without a secret."""
    accounts = app.accounts
    settings = app.settings
    if accounts is None or not settings.webhook_secrets:
        return None

    def rules_of(repository: str) -> Rules:
        return Rules(
            login=accounts.own(repository).login,
            label=settings.trigger_label,
            comment_authors=settings.comment_authors,
        )

    def has_open_pull(job: FixIssueJob) -> bool:
        branch = branch_name(job.issue.number, job.id)
        pulls = app.forge.find_pulls(job.issue, branch)
        return any(pull.state == "open" for pull in pulls)

    return GithubWebhook(intake, rules_of, has_open_pull, settings.webhook_secrets, time.time)
