"""PyGithub's client, as this service uses it. Importing this module imports PyGithub."""

from github import Auth, Github

TIMEOUT_SECONDS = 30
USER_AGENT = "coding-agent"


class CurrentToken(Auth.Auth):
    """The token of the next request: an App has one for each repository.

    One client for all of them keeps its connection, and the pause between two writes.
    """

    def __init__(self) -> None:
        self.value = ""

    @property
    def token_type(self) -> str:
        return "token"

    @property
    def token(self) -> str:
        return self.value


def new_client(api_url: str, auth: Auth.Auth, *, seconds_between_writes: float) -> Github:
    """Return a client that makes no request before a field is used, and repeats none."""
    return Github(
        auth=auth,
        base_url=api_url,
        timeout=TIMEOUT_SECONDS,
        per_page=100,
        retry=None,
        seconds_between_requests=None,
        seconds_between_writes=seconds_between_writes,
        user_agent=USER_AGENT,
        lazy=True,
    )
