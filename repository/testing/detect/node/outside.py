"""Install a package without the dependencies that no registry has, where they can't be fetched."""

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence

from repository.testing.detect.node.package_json import DEPENDENCY_TABLES, PackageJson
from repository.testing.detect.parsing import parse_json, table
from repository.testing.detect.tree import Tree

_END = "END_OF_PACKAGE"


def install_without(tree: Tree, packages: Sequence[PackageJson], install: str) -> str | None:
    """Return shell text that installs without these dependencies; None if there are none.

    The packages' files are as before afterwards.

    Args:
        tree: the repository's files.
        packages: those that are installed together; the text runs in the first one's folder.
        install: the shell text that installs them.
    """
    begin: list[str] = []
    end: list[str] = []
    root = packages[0].folder
    for number, package in enumerate(packages):
        if not package.outside:
            continue
        path = shlex.quote(package.path.removeprefix(f"{root}/"))
        kept = f'"$KEPT/package-{number}.json"'
        begin += [f"cp -p {path} {kept}", *_notes(package.outside)]
        begin += [
            f"cat > {path} <<'{_END}'",
            _reduce(tree.text(package.path), package.outside),
            _END,
        ]
        end.append(f"mv {kept} {path}")
    if not begin:
        return None
    return "\n".join([*begin, install, "code=$?", *end, "(exit $code)", ""])


def _notes(outside: Mapping[str, str]) -> list[str]:
    """Return the shell lines that name what is left out."""
    lines: list[str] = []
    for name, address in outside.items():
        note = f"[left out, since no registry has it: {name} ({address})]"
        lines.append(f"printf '%s\\n' {shlex.quote(note)}")
    return lines


def _reduce(text: str, outside: Iterable[str]) -> str:
    """Return a package.json, in one line, without these dependencies."""
    document = parse_json(text) or {}
    for name in DEPENDENCY_TABLES:
        kept = table(document, name)
        for dependency in outside:
            kept.pop(dependency, None)
    return json.dumps(document)
