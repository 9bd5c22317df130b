"""Which operation of GitHub's REST API a request is."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.stand_ins.github.openapi import Json, escape

_BY_ID = re.compile(r"^/repositories/\d+(?=/|$)")
"""GitHub's pages and redirects name a repository by its id."""
_MULTI_SEGMENT = {"{path}", "{ref}"}
"""Last parameters of paths that may contain slashes, such as heads/a/b."""


@dataclass(frozen=True)
class Operation:
    """One method of one path, and where the description has it."""

    method: str
    segments: tuple[str, ...]
    """Of the path; a parameter is in braces."""
    pointer: str
    fields: Json

    @property
    def literals(self) -> int:
        """How many segments are no parameters."""
        return sum(not segment.startswith("{") for segment in self.segments)

    def matches(self, method: str, path: str) -> bool:
        segments = path.split("/")
        if self.segments[-1] in _MULTI_SEGMENT:
            segments = segments[: len(self.segments)]
        if method != self.method or len(segments) != len(self.segments):
            return False
        for expected, segment in zip(self.segments, segments, strict=True):
            is_parameter = expected.startswith("{")
            if not is_parameter and expected != segment:
                return False
        return True


def read_operations(paths: dict[str, Any]) -> Iterator[Operation]:
    """Return the operations of the description's ``paths``."""
    for path, methods in paths.items():
        segments = tuple(path.split("/"))
        for method, fields in methods.items():
            pointer = f"/paths/{escape(path)}/{method}"
            yield Operation(method.upper(), segments, pointer, fields)


def find_operation(operations: list[Operation], method: str, path: str) -> Operation | None:
    """Return the operation that GitHub would execute; None if it has none.

    Of several that match, it is the one with the most specific path.

    Args:
        path: below the API's address, encoded.
    """
    path = _BY_ID.sub("/repos/owner/repo", path)
    matches = [operation for operation in operations if operation.matches(method, path)]
    return max(matches, key=lambda match: match.literals, default=None)
