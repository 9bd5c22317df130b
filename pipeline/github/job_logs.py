"""Logs of jobs of GitHub Actions: what the failed step has printed."""

import logging
import re
from collections.abc import Sequence

from pipeline.github import ForgeRefused
from pipeline.github.connection import Connection
from pipeline.github.conversation import FailedCheck

MAX_LOG_CHARACTERS = 20_000
"""Of a log that is kept: its end."""
_MAX_DOWNLOAD_BYTES = 20_000_000
_CHUNK_BYTES = 65_536

#: Each line begins with the time at which it was printed; the first one with a byte order mark.
_TIME = re.compile(r"^\ufeff?\d{4}-\d\d-\d\dT[\d:.]+Z ?", re.MULTILINE)
_ERROR = "##[error]"
"""Begins the line by which the runner reports that a step failed."""
_STEP = "##[group]Run "
"""Begins the line by which the runner announces a step."""

log = logging.getLogger(__name__)


def with_logs(
    connection: Connection, repository: str, failed: Sequence[FailedCheck]
) -> tuple[FailedCheck, ...]:
    """Return failed checks with the logs of those that are jobs.

    A log that can't be read is left empty: what the check says of itself is enough to go on.
    """
    with_log: list[FailedCheck] = []
    for check in failed:
        text = ""
        if check.is_actions_job:
            text = find_failed_step(_read_log(connection, repository, check.id))
        with_log.append(check.model_copy(update={"log": text}))
    return tuple(with_log)


def find_failed_step(text: str) -> str:
    """Return the end of what the last failed step has printed, without the times of the lines.

    If the log names no failed step, it is the end of the log.
    """
    lines = _TIME.sub("", text).splitlines()
    end = len(lines)
    for number, line in enumerate(lines):
        if line.startswith(_ERROR):
            end = number + 1
    start = 0
    for number, line in enumerate(lines[:end]):
        if line.startswith(_STEP):
            start = number
    return "\n".join(lines[start:end])[-MAX_LOG_CHARACTERS:]


def _read_log(connection: Connection, repository: str, job_id: int) -> str:
    """Return a job's log; empty if it is not there, or the token may not read it."""
    import requests

    missing = f"the log of job {job_id} of {repository} was deleted"
    path = f"/repos/{repository}/actions/jobs/{job_id}/logs"
    try:
        with connection.calling(repository, missing, permission="Actions: read") as client:
            headers, _ = client.requester.requestBlobAndCheck("GET", path)
        # The address is signed: it needs no token, and must not get ours.
        return _download(headers["location"])
    except (ForgeRefused, requests.RequestException, KeyError) as error:
        log.info("the log of a failed check can't be read: %s", type(error).__name__)
        return ""


def _download(address: str) -> str:
    """Return the text at an address, or the beginning of one that is too long."""
    import requests

    from pipeline.github.client import TIMEOUT_SECONDS

    content = bytearray()
    with requests.get(address, timeout=TIMEOUT_SECONDS, stream=True) as answer:
        answer.raise_for_status()
        for chunk in answer.iter_content(_CHUNK_BYTES):
            content += chunk
            if len(content) > _MAX_DOWNLOAD_BYTES:
                break
    return content.decode(errors="replace")
