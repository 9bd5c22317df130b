"""As whom commits are made."""

import logging
from typing import Protocol

from pipeline.github import ForgeRefused
from pipeline.github.accounts import Accounts
from pipeline.job import Subject
from repository.git import Identity

log = logging.getLogger(__name__)

#: Of commits in a local repository, or of a token whose account is unknown. The address belongs to
#: nobody.
ANONYMOUS_AUTHOR = Identity("coding-agent", "coding-agent@localhost")


class CommitAuthor(Protocol):
    """Methods are synchronous, to be called in threads."""

    def identity(self, subject: Subject) -> Identity:
        """Return the author of commits for an issue or a pull request."""
        ...


class OwnAccount:
    """The account of the token with which commits are pushed."""

    def __init__(self, accounts: Accounts):
        self._accounts = accounts

    def identity(self, subject: Subject) -> Identity:
        try:
            account = self._accounts.own(subject.repository)
        except ForgeRefused as error:
            log.warning("commits get an author without an account: %s", error)
            return ANONYMOUS_AUTHOR
        return Identity(account.login, account.address(subject.host))


class FixedAuthor:
    """The same author everywhere."""

    def __init__(self, author: Identity):
        self._author = author

    def identity(self, subject: Subject) -> Identity:
        return self._author
