"""Checks of ``coding-agent doctor`` that ask GitHub and AWS whether the settings are right."""

from cli.check import WORKER, Check
from pipeline.errors import describe, judge
from pipeline.settings import Settings, SettingsError

_TOPIC = "topic"
_NOT_PERMITTED = ("AuthorizationError", "AccessDenied", "AccessDeniedException")
"""AWS's codes for a caller who may publish to a topic but not read its attributes."""


def check_github_access(settings: Settings, name: str) -> Check:
    """Ask GitHub whether the credentials in the setting ``name`` are valid."""
    from cli.backends import github_forge

    try:
        github_forge(settings).check_credentials()
    except SettingsError as error:
        return Check(name, False, hint=str(error))
    except Exception as error:  # every failure is a result of this check
        return Check(name, False, hint=judge(error).reason)
    return Check(name, True, f"accepted by {settings.github_api_url}")


async def check_topic(topic_arn: str) -> Check:
    """Ask SNS whether the topic exists."""
    from botocore.exceptions import ClientError

    from pipeline.aws import open_client

    try:
        async with open_client("sns") as client:
            await client.get_topic_attributes(TopicArn=topic_arn)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _NOT_PERMITTED:
            return Check(_TOPIC, False, hint=describe(error), needed_for=WORKER)
    except Exception as error:  # every failure is a result of this check
        return Check(_TOPIC, False, hint=describe(error), needed_for=WORKER)
    return Check(_TOPIC, True, topic_arn, needed_for=WORKER)
