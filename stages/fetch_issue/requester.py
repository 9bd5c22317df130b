"""Whether the person who asked for a fix may ask for one.

Some of the ways in which jobs arrive are open to more people than those who may write to the
repository: anybody who may triage can set a label.
"""

from typing import Protocol

from pipeline.github.conversation import Permission
from pipeline.job import FixIssueJob, IssueRef


class Permissions(Protocol):
    """What people may do in a repository; methods are synchronous."""

    def permission(self, subject: IssueRef, login: str) -> Permission:
        """Return what somebody may do in the repository of an issue.

        Raises:
            ForgeRefused: the token may not ask.
        """
        ...


def find_requester_refusal(permissions: Permissions, job: FixIssueJob) -> str | None:
    """Return why the person whom the job names may not ask for a fix; None if it names nobody.

    Raises:
        ForgeRefused: the token may not ask.
    """
    login = job.requested_by
    if login is None or permissions.permission(job.issue, login).may_write:
        return None
    return (
        f"{login} asked for the fix, who may not write to {job.issue.repository}: somebody with"
        " write access must ask"
    )
