"""The connection to GitHub's API: one client, its token, and what its errors mean."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from pydantic import SecretStr

from pipeline.errors import Retry
from pipeline.github.errors import forge_error, github_words
from pipeline.github.write_pace import WritePace

if TYPE_CHECKING:
    import github

    from pipeline.github.client import CurrentToken

_ACCESS_ENDED = "GitHub no longer accepts the App's token: a new one is requested"
_UNREADABLE = "GitHub's answer was cut off or is no JSON"


class Tokens(Protocol):
    """Credentials that depend on the repository; see ``pipeline.github.app``."""

    def __call__(self, repository: str) -> SecretStr: ...

    def forget(self, repository: str) -> None: ...

    def check(self) -> None: ...


class Connection:
    """The client that everything in this process shares which speaks to GitHub's API.

    PyGithub's own retries are off: they would repeat POSTs, whose reply can be lost after the
    effect; the engine retries instead. Calls are made one at a time, as GitHub's best practices
    recommend, and because PyGithub stores the current request on a shared connection object.
    """

    def __init__(self, *, api_url: str, token: SecretStr | Tokens, pace: WritePace):
        """Args:
        token: one for all repositories, or a function of the repository: an App's installation
            token is valid for an hour and for one owner.
        """
        self._api_url = api_url.rstrip("/")
        self._pace = pace
        self._token = token
        self._lock = threading.Lock()
        self._client: tuple[CurrentToken, github.Github] | None = None
        """The client, and the token that it uses."""

    @property
    def is_app(self) -> bool:
        """Whether the tokens are those of a GitHub App's installations."""
        return not isinstance(self._token, SecretStr)

    def token(self, repository: str) -> str:
        """Return the token for ``owner/name``."""
        if isinstance(self._token, SecretStr):
            return self._token.get_secret_value()
        return self._token(repository).get_secret_value()

    def check_credentials(self) -> None:
        """Raise an error if GitHub refuses the credentials or can't be reached."""
        if not isinstance(self._token, SecretStr):
            self._token.check()
            return
        with self.calling("", "GITHUB_API_URL is not the address of GitHub's API") as client:
            _require_valid_token(client)

    @contextmanager
    def calling(
        self, repository: str, missing: str, *, permission: str = ""
    ) -> "Iterator[github.Github]":
        """Lend the client to one caller at a time, and convert GitHub's errors.

        Args:
            repository: ``owner/name``, whose token the client uses.
            missing: the message for a 404.
            permission: what the token needs for the request.

        Raises:
            ForgeRefused: a retry would not help.
            Retry: the run has to wait.
        """
        import github

        with self._lock:
            client = self._client_for(self.token(repository))
            try:
                yield client
            except github.GithubException as error:
                if error.status == 401 and not isinstance(self._token, SecretStr):
                    self._token.forget(repository)
                    raise Retry(_ACCESS_ENDED, counts=False, detail=str(error)) from error
                raise forge_error(error, missing, permission) from error
            except json.JSONDecodeError as error:
                raise Retry(_UNREADABLE, counts=False, detail=str(error)) from error

    def _client_for(self, token: str) -> "github.Github":
        from pipeline.github.client import CurrentToken, new_client

        if self._client is None:
            auth = CurrentToken()
            client = new_client(self._api_url, auth, self._pace)
            self._client = (auth, client)
        auth, client = self._client
        auth.value = token
        return client


def _require_valid_token(client: "github.Github") -> None:
    """Ask for the rate limits, which counts against none of them; raise 401 for a bad token.

    An Enterprise server has no rate limits by default, and then answers a valid token with 404
    ("Rate limiting is not enabled.").
    """
    from github import GithubException

    try:
        client.get_rate_limit()
    except GithubException as error:
        if error.status != 404 or "rate limit" not in github_words(error).lower():
            raise
