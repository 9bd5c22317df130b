"""Lists of GitHub's REST API as plain rows, page by page.

PyGithub's own objects ask GitHub once more for each field that a row lacks, such as the
``in_reply_to_id`` of a comment that is no reply.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from github.Requester import Requester

Row = dict[str, Any]
#: GitHub's maximum.
_PAGE_SIZE = "100"


def list_rows(
    requester: "Requester", path: str, *, key: str | None = None, **query: str
) -> Iterator[Row]:
    """Yield the rows of a list in its own order, and ask for a page when its first row is needed.

    Args:
        path: below the API's address.
        key: the field that has the rows, if an object surrounds them.
        query: parameters of the list.
    """
    address: str | None = path
    parameters: dict[str, str] | None = {"per_page": _PAGE_SIZE, **query}
    while address is not None:
        links, rows = _request(requester, address, parameters, key)
        yield from rows
        address = links.get("next")
        parameters = None  # they are part of the link


def list_rows_backwards(requester: "Requester", path: str) -> Iterator[Row]:
    """Yield the rows of a list that GitHub can't sort, from the last one to the first one."""
    links, first_page = _request(requester, path, {"per_page": _PAGE_SIZE}, None)
    address = links.get("last")
    while address is not None and address != links.get("first"):
        links, rows = _request(requester, address, None, None)
        yield from reversed(rows)
        address = links.get("prev")
    yield from reversed(first_page)


def _request(
    requester: "Requester", address: str, parameters: dict[str, str] | None, key: str | None
) -> tuple[dict[str, str], list[Row]]:
    """Return the links to other pages by their relation, and the rows of one page."""
    from requests.utils import parse_header_links

    headers, answer = requester.requestJsonAndCheck("GET", address, parameters=parameters)
    links: dict[str, str] = {}
    for link in parse_header_links(headers.get("link", "")):
        links[link["rel"]] = link["url"]
    if key is not None:
        return links, answer[key]
    return links, answer
