"""As whom commits are made."""

from typing import Protocol

from pipeline.github.accounts import Accounts
from pipeline.job import IssueRef
from repository.git import Identity

#: Of commits in a local repository. The address belongs to nobody.
LOCAL_AUTHOR = Identity("coding-agent", "coding-agent@localhost")


class CommitAuthor(Protocol):
    """Methods are synchronous, to be called in threads."""

    def identity(self, ref: IssueRef) -> Identity:
        """Return the author of the commits for an issue.

        Raises:
            ForgeRefused: GitHub does not say who that is.
        """
        ...


class OwnAccount:
    """The account of the token with which commits are pushed."""

    def __init__(self, accounts: Accounts):
        self._accounts = accounts

    def identity(self, ref: IssueRef) -> Identity:
        account = self._accounts.own(ref.repository)
        return Identity(account.login, account.address(ref.host))


class FixedAuthor:
    """The same author everywhere."""

    def __init__(self, author: Identity):
        self._author = author

    def identity(self, ref: IssueRef) -> Identity:
        return self._author
