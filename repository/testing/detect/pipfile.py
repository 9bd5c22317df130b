"""Read the needs from a Pipfile (https://github.com/pypa/pipfile)."""

from repository.testing.detect.parsing import parse_toml, table
from repository.testing.detect.poetry import poetry_requirements
from repository.testing.detect.requirements import Confidence, Need, Source, needs_from
from repository.testing.detect.tree import Tree

PIPFILE = "Pipfile"
_TABLES = (
    ("dev-packages", Confidence.DECLARED),
    ("packages", Confidence.RUNTIME),
)


def from_pipfile(tree: Tree) -> list[Need]:
    """Return the packages for running and for development; those from an address are left out."""
    document = parse_toml(tree.text(PIPFILE))
    needs: list[Need] = []
    for name, confidence in _TABLES:
        lines = poetry_requirements(table(document, name))
        needs += needs_from(lines, Source(PIPFILE, f"[{name}]"), confidence)
    return needs
