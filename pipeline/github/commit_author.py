"""As whom commits are made."""

from typing import Protocol

from pipeline.github.accounts import Accounts
from pipeline.job import Subject
from repository.git import Identity

#: Of commits in a local repository. The address belongs to nobody.
LOCAL_AUTHOR = Identity("coding-agent", "coding-agent@localhost")


class CommitAuthor(Protocol):
    """Methods are synchronous, to be called in threads."""

    def identity(self, subject: Subject) -> Identity:
        """Return the author of commits for an issue or a pull request.

        Raises:
            ForgeRefused: GitHub does not say who that is.
        """
        ...


class OwnAccount:
    """The account of the token with which commits are pushed."""

    def __init__(self, accounts: Accounts):
        self._accounts = accounts

    def identity(self, subject: Subject) -> Identity:
        account = self._accounts.own(subject.repository)
        return Identity(account.login, account.address(subject.host))


class FixedAuthor:
    """The same author everywhere."""

    def __init__(self, author: Identity):
        self._author = author

    def identity(self, subject: Subject) -> Identity:
        return self._author
