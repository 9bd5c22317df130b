"""Checks that ask GitHub and AWS whether the settings are right, by ``doctor`` and by a worker that
starts. None of them costs money or changes anything.
"""

from collections.abc import Callable

from cli.aws import explain_aws_error
from cli.check import WORKER, Check
from pipeline.errors import Family, describe, judge
from pipeline.settings import Settings, SettingsError

_QUEUE = "queue"
_DEAD_LETTERS = "dead-letter queue"
_TOPIC = "topic"
_TABLE = "table"
_BUCKET = "bucket"
_NOT_PERMITTED = ("AuthorizationError", "AccessDenied", "AccessDeniedException")
"""AWS's codes for a caller who may publish to a topic but not read its attributes."""
_MISSING_SETTINGS = (
    "InvalidRegionError",
    "NoCredentialsError",
    "NoRegionError",
    "PartialCredentialsError",
    "ProfileNotFound",
)
"""botocore's errors about this machine's settings; its others say that AWS could not be reached."""
#: Nothing is stored under this key: a bucket that can be read says so.
_NO_OBJECT = "doctor/nothing"
#: A person, or a worker that starts, waits for the answer.
_READ_SECONDS = 5.0
_ATTEMPTS = 2


def check_github_access(settings: Settings, name: str) -> Check:
    """Ask GitHub whether the credentials in the setting ``name`` are valid."""
    from cli.backends import github_forge

    try:
        github_forge(settings).check_credentials()
    except SettingsError as error:
        return Check(name, False, hint=str(error))
    except Exception as error:  # every failure is a result of this check
        return Check(name, False, hint=judge(error).reason, is_outage=is_outage(error))
    return Check(name, True, f"accepted by {settings.github_api_url}")


def check_queue(url: str) -> Check:
    """Ask SQS for the queue, and for the dead-letter queue that its policy names."""
    from console.queues.depths import read_depths

    try:
        depths = read_depths(url)
    except Exception as error:  # every failure is a result of this check
        return _failed(_QUEUE, url, error)
    if depths.dead_letters is None:
        hint = f"{url} has no RedrivePolicy: give it a dead-letter queue"
        return Check(_DEAD_LETTERS, False, hint=hint, needed_for=WORKER)
    return Check(_DEAD_LETTERS, True, depths.dead_letters.url, needed_for=WORKER)


def check_topic(topic_arn: str) -> Check:
    """Ask SNS whether the topic exists."""
    from botocore.exceptions import ClientError

    from pipeline.aws import make_client

    try:
        client = make_client("sns", read_seconds=_READ_SECONDS, attempts=_ATTEMPTS)
        client.get_topic_attributes(TopicArn=topic_arn)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _NOT_PERMITTED:
            return _failed(_TOPIC, topic_arn, error)
    except Exception as error:  # every failure is a result of this check
        return _failed(_TOPIC, topic_arn, error)
    return Check(_TOPIC, True, topic_arn, needed_for=WORKER)


def check_table(settings: Settings) -> list[Check]:
    """Read an item of the DynamoDB table; return nothing if the store is a file."""
    from cli.stores import open_store

    if settings.store_table is None:
        return []

    def read() -> None:
        store = open_store(settings)
        try:
            store.pending_events(1)
        finally:
            store.close()

    return [_check_read(_TABLE, settings.store_table, read)]


def check_bucket(settings: Settings) -> list[Check]:
    """Read the S3 bucket of the artifacts; return nothing if they are in a folder."""
    from cli.backends import open_artifacts

    address = settings.artifacts or ""
    if not address.startswith("s3://"):
        return []

    def read() -> None:
        try:
            open_artifacts(settings).get(_NO_OBJECT)
        except FileNotFoundError:
            return

    return [_check_read(_BUCKET, address, read)]


def is_outage(error: Exception) -> bool:
    """Return whether the other side is down, so that waiting helps."""
    if type(error).__name__ in _MISSING_SETTINGS:
        return False
    return judge(error).family is Family.WAIT


def _check_read(name: str, address: str, read: Callable[[], None]) -> Check:
    try:
        read()
    except SettingsError as error:
        return Check(name, False, hint=str(error), needed_for=WORKER)
    except Exception as error:  # every failure is a result of this check
        return _failed(name, address, error)
    return Check(name, True, address, needed_for=WORKER)


def _failed(name: str, address: str, error: Exception) -> Check:
    hint = f"{address}: {explain_aws_error(error) or describe(error)}"
    return Check(name, False, hint=hint, needed_for=WORKER, is_outage=is_outage(error))
