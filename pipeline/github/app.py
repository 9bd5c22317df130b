"""Access as a GitHub App.

Each owner that has installed the App has a separate token, which is valid for an hour and has no
more rights than a run needs.
"""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import SecretStr

from pipeline.errors import CredentialsRefused
from pipeline.github.rest import TIMEOUT_SECONDS, forge_error

if TYPE_CHECKING:
    from github import GithubIntegration

#: GitHub refuses a token (422) if the installation lacks one of these.
PERMISSIONS = {"contents": "write", "issues": "read", "pull_requests": "write"}
#: A returned token is valid for at least this many seconds, since a clone may take that long.
MIN_LIFE_SECONDS = 900.0


class AppTokens:
    """Tokens of the App's installations, cached while they are valid.

    ``tokens("owner/name")`` is the token of the owner's installation. ``clock`` returns seconds
    since the epoch.
    """

    def __init__(
        self,
        app_id: str,
        private_key: SecretStr,
        *,
        api_url: str,
        clock: Callable[[], float] = time.time,
    ):
        self._app_id = app_id
        self._key = private_key
        self._api_url = api_url
        self._clock = clock
        self._lock = threading.Lock()
        self._cache: dict[str, tuple[float, SecretStr]] = {}
        """By owner: when the token expires, and the token."""

    def __call__(self, repository: str) -> SecretStr:
        """Return a token for the repository.

        Raises:
            ForgeRefused: the App is not installed on it, or lacks a permission.
        """
        owner, _, name = repository.partition("/")
        with self._lock:
            expires_at, token = self._cache.get(owner, (0.0, SecretStr("")))
            if expires_at - self._clock() <= MIN_LIFE_SECONDS:
                expires_at, token = self._new_token(owner, name)
                self._cache[owner] = (expires_at, token)
            return token

    def forget(self, repository: str) -> None:
        """Forget the repository's token, because GitHub no longer accepts it."""
        owner, _, _ = repository.partition("/")
        with self._lock:
            self._cache.pop(owner, None)

    def _new_token(self, owner: str, name: str) -> tuple[float, SecretStr]:
        from github import GithubException

        app = self._app()
        try:
            installation = app.get_repo_installation(owner, name)
            access = app.get_access_token(installation.id, permissions=PERMISSIONS)
        except GithubException as error:
            missing = f"the GitHub App is not installed on {owner}/{name}"
            raise forge_error(error, missing) from error
        return access.expires_at.timestamp(), SecretStr(access.token)

    def check(self) -> None:
        """Raise an error if GitHub does not accept the App's id and key."""
        self._app().get_app()

    def _app(self) -> "GithubIntegration":
        import jwt
        from github import Auth, GithubIntegration

        auth = Auth.AppAuth(self._app_id, self._key.get_secret_value())
        try:
            auth.create_jwt()
        except (jwt.PyJWTError, ValueError):
            raise CredentialsRefused("GITHUB_APP_PRIVATE_KEY is not a PEM private key") from None
        return GithubIntegration(
            auth=auth,
            base_url=self._api_url,
            timeout=TIMEOUT_SECONDS,
            retry=None,
            user_agent="coding-agent",
            seconds_between_requests=None,
            seconds_between_writes=None,
        )
