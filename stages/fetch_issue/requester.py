"""Whether the person who asked for a job may ask for one.

Some of the ways in which jobs arrive are open to more people than those who may write to the
repository: anybody who may triage can set a label.
"""

from typing import Protocol

from pipeline.github.conversation import Permission
from pipeline.job import Job, Subject


class Permissions(Protocol):
    """What people may do in a repository; methods are synchronous."""

    def permission(self, subject: Subject, login: str) -> Permission:
        """Return what somebody may do in the repository of an issue or a pull request.

        Raises:
            ForgeRefused: the token may not ask.
        """
        ...


def find_requester_refusal(permissions: Permissions, job: Job) -> str | None:
    """Return why the person whom the job names may not ask for it; None if it names nobody.

    Raises:
        ForgeRefused: the token may not ask.
    """
    login = job.requested_by
    if login is None or permissions.permission(job.subject, login).may_write:
        return None
    return (
        f"{login} asked for it, who may not write to {job.subject.repository}: somebody with write"
        " access must ask"
    )
