"""Signing in as a GitHub App: a token for each owner that installed it, good for an hour, with no
more rights than a run needs."""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import SecretStr

from pipeline.github import ForgeRefused
from pipeline.github.rest import TIMEOUT_SECONDS, translated

if TYPE_CHECKING:
    from github import GithubIntegration

#: An installation that lacks one of them is refused a token (422).
PERMISSIONS = {"contents": "write", "issues": "read", "pull_requests": "write"}
#: Seconds of life that a token must have left to be handed out: a clone may take as long.
LEFT_SECONDS = 900.0


class AppTokens:
    """``tokens("owner/name")`` is the installation's token. ``clock``: seconds since the epoch."""

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
        self._kept: dict[str, tuple[float, SecretStr]] = {}

    def __call__(self, repository: str) -> SecretStr:
        """Raises ForgeRefused where the App is not installed there, or lacks a permission."""
        from github import GithubException

        owner, _, name = repository.partition("/")
        with self._lock:
            until, token = self._kept.get(owner, (0.0, SecretStr("")))
            if until - self._clock() > LEFT_SECONDS:
                return token
            try:
                app = self._app()
                made = app.get_access_token(
                    app.get_repo_installation(owner, name).id, permissions=PERMISSIONS
                )
            except GithubException as error:
                raise translated(
                    error, f"the GitHub App is not installed on {repository}"
                ) from error
            token = SecretStr(made.token)
            self._kept[owner] = (made.expires_at.timestamp(), token)
            return token

    def check(self) -> None:
        """Raises where GitHub does not know the App by its key."""
        self._app().get_app()

    def _app(self) -> "GithubIntegration":
        import jwt
        from github import Auth, GithubIntegration

        auth = Auth.AppAuth(self._app_id, self._key.get_secret_value())
        try:
            auth.create_jwt()
        except (jwt.PyJWTError, ValueError):
            raise ForgeRefused("GITHUB_APP_PRIVATE_KEY is no PEM private key") from None
        return GithubIntegration(
            auth=auth,
            base_url=self._api_url,
            timeout=TIMEOUT_SECONDS,
            retry=None,
            user_agent="coding-agent",
            seconds_between_requests=None,
            seconds_between_writes=None,
        )
