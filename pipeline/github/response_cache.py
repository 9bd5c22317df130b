"""What GitHub answered last, so that an unchanged answer need not be sent again.

GitHub is asked each time (``If-None-Match``): an answer with the status 304 does not count against
the rate limit
(https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api).
A cache that does not ask, such as CacheControl for a minute, could hide that a pull request was
closed.

The tag of a page says nothing about the pages after it, and a 304 need not have the links to them.
So a page is stored only if it is the whole list, with room for another row.
"""

import copy
import json
from collections import OrderedDict
from urllib.parse import parse_qs, urlsplit

from requests import PreparedRequest, Response

MAX_BYTES = 16_000_000
"""Of all bodies: a page of 100 pull requests has 2 MB."""
MAX_RESPONSES = 1_000
"""A response takes about 10 KB besides its body: its headers, and the request that it answers."""
_DEFAULT_PAGE_SIZE = 30
"""Rows of a page if the request has no ``per_page``."""

_Key = tuple[str | bytes | None, ...]


class ResponseCache:
    """The newest responses to GET requests. Not for several threads at once.

    A response is found by the request's token, among others, so that no token gets what another one
    may see.
    """

    def __init__(self, max_bytes: int = MAX_BYTES, max_responses: int = MAX_RESPONSES):
        self._max_bytes = max_bytes
        self._max_responses = max_responses
        self._responses: OrderedDict[_Key, Response] = OrderedDict()
        """The last used one is last."""
        self._bytes = 0

    def make_conditional(self, request: PreparedRequest) -> None:
        """Ask GitHub to answer with 304 if its response is still the one that is stored."""
        stored = self._responses.get(_key(request))
        if stored is not None:
            request.headers["If-None-Match"] = stored.headers["ETag"]

    def complete(self, request: PreparedRequest, response: Response) -> Response:
        """Return the stored response in the place of a 304; store a new one.

        Headers of the 304 replace the stored ones, such as those about the rate limit (RFC 9111,
        section 3.2).
        """
        key = _key(request)
        if response.status_code == 304 and key in self._responses:
            self._responses.move_to_end(key)
            completed = copy.copy(self._responses[key])
            completed.headers = completed.headers.copy()
            completed.headers.update(response.headers)
            return completed
        if response.status_code != 200:
            return response
        if "ETag" in response.headers and not _may_have_other_pages(request, response):
            self._store(key, response)
        else:
            self._remove(key)
        return response

    def _store(self, key: _Key, response: Response) -> None:
        self._remove(key)
        self._responses[key] = copy.copy(response)  # reads the body
        self._bytes += len(response.content)
        while self._bytes > self._max_bytes or len(self._responses) > self._max_responses:
            self._remove(next(iter(self._responses)))

    def _remove(self, key: _Key) -> None:
        stored = self._responses.pop(key, None)
        if stored is not None:
            self._bytes -= len(stored.content)


def _may_have_other_pages(request: PreparedRequest, response: Response) -> bool:
    """Return whether a list has other pages, or gets one with its next row."""
    if "Link" in response.headers:
        return True
    try:
        content = response.json()
    except json.JSONDecodeError:
        return False
    return isinstance(content, list) and len(content) >= _page_size(request)


def _page_size(request: PreparedRequest) -> int:
    """Return the maximum number of rows that the request asks for."""
    query = parse_qs(urlsplit(str(request.url)).query)
    return int(query.get("per_page", [_DEFAULT_PAGE_SIZE])[0])


def _key(request: PreparedRequest) -> _Key:
    """Return what GitHub's responses depend on (their header ``Vary``)."""
    headers = request.headers
    return (request.url, headers.get("Authorization"), headers.get("Accept"))
