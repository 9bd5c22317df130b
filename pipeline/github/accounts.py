"""Whose token this is, and who other people are: GitHub's accounts."""

import threading
from dataclasses import dataclass
from typing import Protocol

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from pipeline.github import ForgeRefused
from pipeline.github.connection import Connection

_VIEWER = "query { viewer { login databaseId } }"
"""Every kind of token may ask this. REST's ``/user`` refuses an App's installation and a workflow
(https://docs.github.com/en/graphql/reference/queries#viewer)."""


@dataclass(frozen=True)
class Account:
    """Somebody, or an App, as GitHub shows it."""

    login: str
    id: int

    def is_called(self, login: str) -> bool:
        """Return whether this is its login, whatever the case of the letters."""
        return self.login.lower() == login.lower()

    def address(self, host: str) -> str:
        """Return the address by which the host attributes commits to the account.

        It belongs to this account alone, even after somebody else has taken its login
        (https://docs.github.com/en/account-and-profile/reference/email-addresses-reference).

        Args:
            host: of issues and people, such as github.com, perhaps with a port.
        """
        return f"{self.id}+{self.login}@users.noreply.{host.partition(':')[0]}"


class _Viewer(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)

    login: str
    database_id: int


class _Data(BaseModel):
    viewer: _Viewer


class _Answer(BaseModel):
    """The answer to ``_VIEWER``, as GitHub documents it; what only speaks like GitHub may have
    another.
    """

    data: _Data


class Accounts(Protocol):
    """Methods are synchronous, to be called in threads."""

    def own(self, repository: str) -> Account:
        """Return the account of the token with which this service works in a repository.

        Raises:
            ForgeRefused: there is no token for the repository, or GitHub does not say whose it is.
        """
        ...

    def find(self, repository: str, login: str) -> Account:
        """Return somebody's account; ``repository`` is the one whose token asks.

        Raises:
            ForgeRefused: nobody has this login.
        """
        ...


class GithubAccounts:
    """Implements ``Accounts``. The own account is asked for once: an App has the same one in every
    repository.
    """

    def __init__(self, connection: Connection):
        self._connection = connection
        self._lock = threading.Lock()
        self._own: Account | None = None

    def own(self, repository: str) -> Account:
        with self._lock:
            if self._own is None:
                self._own = self._ask_viewer(repository)
            return self._own

    def _ask_viewer(self, repository: str) -> Account:
        unknown = "GitHub does not say whose token this is"
        with self._connection.calling(repository, unknown) as client:
            _, answer = client.requester.graphql_query(_VIEWER, {})
        try:
            viewer = _Answer.model_validate(answer).data.viewer
        except ValidationError as error:
            raise ForgeRefused(unknown) from error
        return Account(viewer.login, viewer.database_id)

    def find(self, repository: str, login: str) -> Account:
        missing = f"GitHub has no account {login}"
        with self._connection.calling(repository, missing) as client:
            user = client.get_user(login).complete()
            return Account(user.login, user.id)
