"""Access as a GitHub App.

Each repository has a separate token, which is valid for an hour, for no other repository, and has
no more rights than a run needs.
"""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import SecretStr

from pipeline.errors import CredentialsRefused
from pipeline.github import ForgeRefused
from pipeline.github.errors import forge_error

if TYPE_CHECKING:
    from github import GithubIntegration
    from github.Installation import Installation

#: GitHub refuses a token (422) if the installation lacks one of these.
PERMISSIONS = {"contents": "write", "issues": "read", "pull_requests": "write"}
#: What a token gets if the installation grants it: to read why a pull request's checks are red, and
#: to write the progress comment.
OPTIONAL_PERMISSIONS = {
    "actions": "read",
    "checks": "read",
    "issues": "write",
    "statuses": "read",
}
_NAMES = {"contents": "Contents", "issues": "Issues", "pull_requests": "Pull requests"}
"""Of the permissions, in GitHub's settings."""
#: A returned token is valid for at least this many seconds, since a clone may take that long.
MIN_LIFE_SECONDS = 900.0


class AppTokens:
    """Tokens of the App's installations, cached while they are valid.

    ``tokens("owner/name")`` is the repository's token. ``clock`` returns seconds since the epoch.
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
        """By repository: when the token expires, and the token."""

    def __call__(self, repository: str) -> SecretStr:
        """Return a token for the repository.

        Raises:
            ForgeRefused: the App is not installed on it, or lacks a permission.
        """
        with self._lock:
            expires_at, token = self._cache.get(repository, (0.0, SecretStr("")))
            if expires_at - self._clock() <= MIN_LIFE_SECONDS:
                self._forget_expired()
                expires_at, token = self._new_token(*repository.split("/"))
                self._cache[repository] = (expires_at, token)
            return token

    def forget(self, repository: str) -> None:
        """Forget the repository's token, because GitHub no longer accepts it."""
        with self._lock:
            self._cache.pop(repository, None)

    def _forget_expired(self) -> None:
        """Keep the cache as small as the number of repositories of the last hour."""
        now = self._clock()
        self._cache = {name: entry for name, entry in self._cache.items() if entry[0] > now}

    def _new_token(self, owner: str, name: str) -> tuple[float, SecretStr]:
        from github import GithubException
        from github.InstallationAuthorization import InstallationAuthorization

        app = self._app()
        repository = f"{owner}/{name}"
        try:
            installation = app.get_repo_installation(owner, name)
            _check_installation(installation, repository)
            # PyGithub's own method can't limit a token to repositories.
            headers, answer = app.requester.requestJsonAndCheck(
                "POST",
                f"/app/installations/{installation.id}/access_tokens",
                input={"repositories": [name], "permissions": _permissions(installation)},
            )
        except GithubException as error:
            if error.status == 422:
                # The installation was found, through a redirect if the repository was renamed.
                raise ForgeRefused(
                    f"the GitHub App has no access to {repository}: add it to the App's"
                    " installation, or send the issue's new address if it was renamed"
                ) from error
            missing = f"the GitHub App is not installed on {repository}"
            raise forge_error(error, missing) from error
        access = InstallationAuthorization(app.requester, headers, answer)
        return access.expires_at.timestamp(), SecretStr(access.token)

    def check(self) -> None:
        """Raise an error if GitHub does not accept the App's id and key."""
        self._app().get_app()

    def subscribed_events(self) -> frozenset[str]:
        """Return the kinds of events that the App's webhook sends.

        Raises an error if GitHub does not accept the App's id and key.
        """
        return frozenset(self._app().get_app().events)

    def _app(self) -> "GithubIntegration":
        import jwt
        from github import Auth, GithubIntegration

        from pipeline.github.client import TIMEOUT_SECONDS, USER_AGENT

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
            user_agent=USER_AGENT,
            seconds_between_requests=None,
            seconds_between_writes=None,
        )


def _permissions(installation: "Installation") -> dict[str, str]:
    """Return the permissions of a token: those that a run needs, and optional ones if granted."""
    permissions = dict(PERMISSIONS)
    for permission, right in OPTIONAL_PERMISSIONS.items():
        if installation.permissions.get(permission) in (right, "write"):
            permissions[permission] = right
    return permissions


def _check_installation(installation: "Installation", repository: str) -> None:
    """Raise ForgeRefused if the installation is suspended, or lacks a permission."""
    if installation.suspended_at is not None:
        raise ForgeRefused(f"the GitHub App's installation on {repository} is suspended")
    granted = installation.permissions
    missing = [
        f"{_NAMES[permission]}: {right}"
        for permission, right in PERMISSIONS.items()
        if granted.get(permission) not in (right, "write")
    ]
    if missing:
        raise ForgeRefused(
            f"the GitHub App's installation on {repository} lacks {', '.join(missing)}: add it to"
            " the App's permissions, and accept them in the settings of the owner"
        )
