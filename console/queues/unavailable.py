"""What a page says if SQS can't be used now."""

from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.errors import describe
from pipeline.queue import EntriesFailed, NoDeadLetterQueue


class QueueUnavailable(Exception):
    """SQS refuses, or does not answer in time; the message says which."""


@contextmanager
def explain_unavailable() -> Iterator[None]:
    """Raise QueueUnavailable for an error of SQS."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except NoDeadLetterQueue as error:
        raise QueueUnavailable(str(error)) from error
    except TimeoutError as error:
        raise QueueUnavailable("SQS did not answer in time") from error
    except (BotoCoreError, ClientError, EntriesFailed) as error:
        raise QueueUnavailable(f"SQS refused: {describe(error)}") from error
