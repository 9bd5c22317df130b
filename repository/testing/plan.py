"""Plan how a commit's tests are run on this machine, from its files alone: nothing of it is run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from repository.git import Mirror
from repository.testing.detect.detection import Detected, detect
from repository.testing.detect.tree import read_tree
from repository.testing.install.interpreters import choose_minor, find_interpreters
from repository.testing.models import BuildStep, Recipe
from repository.testing.version import version_from_description


@dataclass(frozen=True)
class BaseCommit:
    repository: str
    sha: str
    committed_at: int
    """Seconds since the epoch."""
    described: str | None
    """``git describe --tags --long``; None where there is no tag."""


@dataclass(frozen=True)
class TestPlan:
    __test__ = False

    recipe: Recipe | None
    """None: the tests can't be run here."""
    reason: str
    """Why they can't be run, or how the runner was decided."""
    detection: Detected
    sizes: Mapping[str, int]
    """path -> bytes, of all files"""


def plan_tests(mirror: Mirror, commit: BaseCommit, pythons: Sequence[Path]) -> TestPlan:
    """Return how the commit is tested. ``pythons`` are the folders with interpreters."""
    tree = read_tree(mirror, commit.sha)
    detection = detect(tree.paths, tree.read)
    if not detection.runners:
        return TestPlan(None, detection.why, detection, tree.sizes)
    minor = None
    if not detection.other:
        minor = _choose_python(detection, commit, pythons)
        if minor is None:
            reason = f"no interpreter here fits the repository's {detection.requires_python!r}"
            return TestPlan(None, reason, detection, tree.sizes)
    recipe = _make_recipe(detection, commit, minor)
    return TestPlan(recipe, detection.why, detection, tree.sizes)


def _choose_python(detection: Detected, commit: BaseCommit, pythons: Sequence[Path]) -> int | None:
    """Return the minor version of Python 3; the repository's own configuration goes first."""
    available = find_interpreters(pythons)
    configured = detection.config.python
    if configured:
        return choose_minor(
            available,
            requires=f"=={configured}.*",
            classified=(),
            committed_at=commit.committed_at,
        )
    return choose_minor(
        available,
        requires=detection.requires_python,
        classified=detection.classified or sorted(detection.said.minors),
        committed_at=commit.committed_at,
    )


def _make_recipe(detection: Detected, commit: BaseCommit, minor: int | None) -> Recipe:
    """``minor`` None: the tests are not Python's."""
    first, *others = detection.runners
    of_python = minor is not None
    return Recipe(
        repository=commit.repository,
        base_sha=commit.sha,
        committed_at=commit.committed_at,
        version=version_from_description(commit.described),
        runner=first,
        fallback_runners=tuple(others),
        script=detection.script,
        options=detection.options,
        python=f"3.{minor}" if of_python else "",
        packaged=detection.packaged and of_python,
        extras=detection.config.extras or tuple(detection.needs.extras),
        requirements=tuple(detection.needs.requirements) if of_python else (),
        modules=detection.needs.modules if of_python else {},
        source_root=detection.source_root,
        patterns=detection.patterns,
        name=detection.name,
        backend=detection.backend,
        version_from_git=detection.asks_git,
        environment=detection.config.environment,
        tools=tuple(detection.other.tools) if detection.other else (),
        steps=tuple(
            BuildStep(command=command, network=network)
            for network, command in (detection.other.steps if detection.other else ())
        ),
    )
