"""The queue that a command works on, and AWS errors as a command's message."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from cli import exits
from cli.command import CommandError, exit_on_settings_error, settings
from cli.missing import AIOBOTO3, describe_missing, require_package
from pipeline.settings import Settings
from prompts.filters import one_line

_HINTS = {
    "ResourceNotFoundException": "AWS has no such table: check CODING_AGENT_STORE and AWS_REGION",
    "AWS.SimpleQueueService.NonExistentQueue": "AWS has no such queue: check CODING_AGENT_QUEUE_URL"
    " and AWS_REGION",
    "NotFound": "AWS has no such topic: check CODING_AGENT_TOPIC_ARN and AWS_REGION",
    "NoSuchBucket": "AWS has no such bucket: check CODING_AGENT_ARTIFACTS",
    "NoCredentialsError": "there are no AWS credentials: set AWS_PROFILE, or sign in",
    "NoRegionError": "there is no AWS region: set AWS_REGION",
    "EndpointConnectionError": "AWS can't be reached: check the network, AWS_REGION and"
    " AWS_ENDPOINT_URL",
}
"""What to check, by AWS's error code or botocore's class."""


def queue_url(ctx: click.Context) -> str:
    """Return the URL of the job queue. Ends the command if it is not set or if the AWS libraries
    are not installed.
    """
    return require_queue(settings(ctx))


def require_queue(chosen: Settings) -> str:
    if not chosen.queue_url:
        raise CommandError(describe_missing("CODING_AGENT_QUEUE_URL"), exits.USAGE)
    with exit_on_settings_error():
        require_package(AIOBOTO3)
    return chosen.queue_url


@contextmanager
def exit_on_aws_error() -> Iterator[None]:
    """End the command with AWS's message if AWS refuses a call."""
    from botocore.exceptions import BotoCoreError, ClientError

    from pipeline.errors import describe
    from pipeline.queue import EntriesFailed, NoDeadLetterQueue

    try:
        yield
    except NoDeadLetterQueue as error:
        raise CommandError(str(error), exits.USAGE) from None
    # botocore raises ValueError for a bad address or region
    except (BotoCoreError, ClientError, EntriesFailed, ValueError) as error:
        raise CommandError(f"SQS refused: {describe(error)}") from None


def explain_aws_error(error: Exception) -> str | None:
    """Return a message about an error that no command handles; None if it is not AWS's."""
    if not type(error).__module__.startswith("botocore."):
        return None
    response = getattr(error, "response", None) or {}
    code = response.get("Error", {}).get("Code")
    hint = _HINTS.get(code) or _HINTS.get(type(error).__name__)
    return hint or f"AWS refused: {one_line(str(error))}"
