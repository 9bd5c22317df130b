"""The people whom a commit's trailers name."""

import logging
from dataclasses import dataclass

from pipeline.github import ForgeRefused
from pipeline.github.accounts import Accounts
from pipeline.job import Job
from repository.git import Identity

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CommitPeople:
    """Decides who is named."""

    sign_off: bool
    """Whether the author signs the commit off."""
    accounts: Accounts | None
    """Finds who asked for a change, to name them as its co-author; None: nobody is named."""

    def trailers(self, job: Job, author: Identity) -> dict[str, str | None]:
        """Return the variables of the templates of commit messages. Blocks."""
        signed = str(author) if self.sign_off else None
        return {"signed_off_by": signed, "co_authored_by": self._co_author(job)}

    def _co_author(self, job: Job) -> str | None:
        if self.accounts is None or job.requested_by is None:
            return None
        subject = job.subject
        try:
            account = self.accounts.find(subject.repository, job.requested_by)
        except ForgeRefused as error:
            log.warning("the commit has no co-author: %s", error)
            return None
        return str(Identity(account.login, account.address(subject.host)))
