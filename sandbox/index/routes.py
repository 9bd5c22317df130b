"""Map the paths of the proxy to addresses of the index."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote, urlsplit

from sandbox.index.pages import FILE_FOLDER, FileLinks
from sandbox.index.sources import PackageSources

# Linear on hostile input: each is a single character class.
_INDEX_PATH = re.compile(r"[A-Za-z0-9._/-]*")
_REGISTRY_PATH = re.compile(r"[A-Za-z0-9._/@%+!~-]*")


@dataclass(frozen=True)
class Target:
    address: str
    kind: Literal["page", "document", "file"]
    """A page of an index and npm's document on a package have links, which must be rewritten."""
    number: int = 0
    """The number of its index or registry; only for pages and documents."""


class Routes:
    """``/NUMBER/...`` is a path below an index or registry, ``/file/...`` a file from a page."""

    def __init__(self, sources: PackageSources, links: FileLinks):
        self._links = links
        indexes = list(_index_addresses(sources))
        registries = [_with_slash(registry.address) for registry in sources.registries]
        self._registries = frozenset(registries)
        self._with_documents = frozenset(
            _with_slash(registry.address)
            for registry in sources.registries
            if registry.has_documents
        )
        self.addresses = tuple(dict.fromkeys([*indexes, *registries]))
        """The addresses of indexes and registries, by number."""

    def address_inside(self, address: str, port: int) -> str:
        """Return the address that a sandbox uses: the proxy's, or a folder's own."""
        known = _with_slash(address)
        if known not in self.addresses:
            return address
        number = self.addresses.index(known)
        return f"http://127.0.0.1:{port}/{number}/"

    def resolve(self, path: str) -> Target:
        """Return the target of a path.

        Raises:
            ValueError: the path has no target.
        """
        _, first, *rest = path.split("/")
        if first == FILE_FOLDER:
            signature, encoded, name = rest
            file_address = self._links.address_of(signature, encoded, name)
            return Target(file_address, "file")
        if not first.isdigit():
            raise ValueError("not the number of an index")
        number = int(first)
        if number >= len(self.addresses):
            raise ValueError("no such index")
        address = self.addresses[number]
        below = "/".join(rest)
        is_registry = address in self._registries
        _check_path(below, _REGISTRY_PATH if is_registry else _INDEX_PATH)
        return Target(address + below, self._kind_of(address, below), number)

    def _kind_of(self, address: str, below: str) -> Literal["page", "document", "file"]:
        if address not in self._registries:
            return "page"
        is_document = address in self._with_documents and "/-/" not in below
        return "document" if is_document else "file"


def _check_path(path: str, allowed: re.Pattern[str]) -> None:
    """Raise ValueError for a path that could lead out of its index."""
    if not allowed.fullmatch(path):
        raise ValueError("a character that is not allowed in a path of an index")
    decoded = unquote(path)
    parts = decoded.split("/")
    if "." in parts or ".." in parts or "//" in f"/{decoded}":
        raise ValueError("not a plain path")


def _index_addresses(sources: PackageSources) -> Iterator[str]:
    for tool in sources.tools:
        if tool.no_index:
            continue
        for address in tool.all:
            if urlsplit(address).scheme in ("http", "https"):
                yield _with_slash(address)


def _with_slash(address: str) -> str:
    return address.rstrip("/") + "/"
