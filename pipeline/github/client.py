"""PyGithub's client, as this service uses it. Importing this module imports PyGithub."""

import json
import threading
from typing import Any

from github import Auth, Github
from github.Requester import HTTPRequestsConnectionClass, HTTPSRequestsConnectionClass, Requester
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter

from pipeline.github.response_cache import ResponseCache
from pipeline.github.write_pace import WritePace

TIMEOUT_SECONDS = 30
USER_AGENT = "coding-agent"

_INJECTING = threading.Lock()
"""PyGithub takes the classes of its connections from its own class when a client is made."""


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


class _Adapter(HTTPAdapter):
    """What every request of a client passes: conditional reads, and a pause between writes."""

    def __init__(self, pace: WritePace):
        super().__init__()
        self._pace = pace
        self._cache = ResponseCache()

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        if request.method == "GET":
            self._cache.make_conditional(request)
            response = super().send(request, *args, **options)
            return self._cache.complete(request, response)
        if _is_query(request):
            return super().send(request, *args, **options)
        with self._pace.writing():
            return super().send(request, *args, **options)


def _is_query(request: PreparedRequest) -> bool:
    """Return whether the request is a GraphQL document that changes nothing."""
    if not (request.url or "").endswith("/graphql"):
        return False
    body = request.body
    if not isinstance(body, str | bytes):
        return False
    document = str(json.loads(body).get("query"))
    return document.lstrip().startswith("query")


def new_client(api_url: str, auth: Auth.Auth, pace: WritePace) -> Github:
    """Return a client that makes no request before a field is used, and repeats none."""
    adapter = _Adapter(pace)

    class Http(HTTPRequestsConnectionClass):
        def __init__(self, *args: Any, **options: Any):
            super().__init__(*args, **options)
            self.session.mount("http://", adapter)

    class Https(HTTPSRequestsConnectionClass):
        def __init__(self, *args: Any, **options: Any):
            super().__init__(*args, **options)
            self.session.mount("https://", adapter)

    with _INJECTING:
        Requester.injectConnectionClasses(Http, Https)
        try:
            return Github(
                auth=auth,
                base_url=api_url,
                timeout=TIMEOUT_SECONDS,
                per_page=100,
                retry=None,
                seconds_between_requests=None,
                seconds_between_writes=None,
                user_agent=USER_AGENT,
                lazy=True,
            )
        finally:
            Requester.resetConnectionClasses()
