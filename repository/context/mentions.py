"""Boost files that an issue mentions: by path, module, traceback or definition."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from repository.common_edges import common_tail
from repository.context.named_files import MAX_AMBIGUITY, longest_matches, paths_by_name
from repository.context.query import Query
from repository.context.sources import MAX_PATH

_NAMED_PATH = 2.2
_NAMED_FILE = 1.6
_NAMED_MODULE = 1.4
_LAST_FRAME = 1.3
"""For the traceback's last frame in the repository, in addition to the others."""
_DEFINES_ONE = 1.15
_DEFINES_AT_MOST = 1.45
_NAMES_IN_REASON = 3
_MAX_MODULE_PARTS = MAX_PATH // 2
"""No readable file has more parts in its path; hostile text has dotted names of any length."""

PathsByName = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Boost:
    """A reason to multiply a file's score."""

    path: str
    factor: float
    reason: str


def find_boosts(
    query: Query,
    paths: Collection[str],
    definitions: Mapping[str, Sequence[str]],
) -> list[Boost]:
    """Return the boosts of the files that an issue mentions.

    A file gets at most one boost for being named, one for the end of the traceback and one for its
    definitions.

    Args:
        query: The issue.
        paths: The files to rank.
        definitions: identifier of the query -> paths of the files that define it
    """
    by_name = paths_by_name(paths)
    frames: list[str] = []
    for written in query.frames:
        frames += _resolve_path(written, by_name)

    boosts = _boost_named(query, frames, by_name)
    if frames:
        last_frame = Boost(
            path=frames[-1],
            factor=_LAST_FRAME,
            reason="the traceback ends there",
        )
        boosts.append(last_frame)
    return boosts + _boost_defining(definitions)


def _boost_named(
    query: Query,
    frames: Sequence[str],
    by_name: PathsByName,
) -> list[Boost]:
    """Return the largest boost of each named file; ``frames`` are files in tracebacks."""
    boosts: list[Boost] = []
    for written in query.paths:
        for path, factor in _resolve_path(written, by_name).items():
            reason = "named in the issue"
            if path in frames:
                reason = "in the traceback"
            boosts.append(Boost(path, factor, reason))
    for dotted_name in query.modules:
        for path in _resolve_module(dotted_name, by_name):
            boost = Boost(
                path=path,
                factor=_NAMED_MODULE,
                reason="its module is named in the issue",
            )
            boosts.append(boost)

    largest: dict[str, Boost] = {}
    for boost in boosts:
        previous = largest.get(boost.path)
        if previous is None or boost.factor > previous.factor:
            largest[boost.path] = boost
    return list(largest.values())


def _boost_defining(definitions: Mapping[str, Sequence[str]]) -> list[Boost]:
    names_by_path: dict[str, list[str]] = defaultdict(list)
    for name, paths in definitions.items():
        if len(paths) > MAX_AMBIGUITY:
            continue
        for path in paths:
            names_by_path[path].append(name)

    boosts: list[Boost] = []
    for path, names in names_by_path.items():
        factor = min(_DEFINES_ONE ** len(names), _DEFINES_AT_MOST)
        first_names = sorted(names)[:_NAMES_IN_REASON]
        boost = Boost(
            path=path,
            factor=factor,
            reason=f"defines {', '.join(first_names)}",
        )
        boosts.append(boost)
    return boosts


def _resolve_path(written: str, by_name: PathsByName) -> dict[str, float]:
    """Return path -> factor for the files that a path in the issue refers to."""
    matches = longest_matches(written, by_name)
    if len(matches) > MAX_AMBIGUITY:
        return {}
    factors: dict[str, float] = {}
    for path in matches:
        tail = common_tail(path.split("/"), [part for part in written.split("/") if part])
        factors[path] = _NAMED_FILE if tail == 1 else _NAMED_PATH
    return factors


def _resolve_module(dotted_name: str, by_name: PathsByName) -> list[str]:
    """Return the files of the module in a dotted name.

    Trailing parts for which there is no module are taken to be attributes.
    """
    parts = dotted_name.split(".")
    for size in range(min(len(parts), _MAX_MODULE_PARTS), 0, -1):
        paths = _module_files(parts[:size], by_name)
        if paths:
            return paths if len(paths) <= MAX_AMBIGUITY else []
    return []


def _module_files(module: Sequence[str], by_name: PathsByName) -> list[str]:
    *package, name = module
    places = [
        (f"{name}.py", package),
        (f"{name}.pyi", package),
        ("__init__.py", [*package, name]),
    ]
    paths: list[str] = []
    for file_name, folders in places:
        for path in by_name.get(file_name, ()):
            if _lies_in(path, folders):
                paths.append(path)
    return paths


def _lies_in(path: str, folders: Sequence[str]) -> bool:
    """Whether ``folders`` are the innermost folders of the path."""
    *own_folders, _ = path.split("/")
    depth = len(own_folders) - len(folders)
    return depth >= 0 and own_folders[depth:] == list(folders)
