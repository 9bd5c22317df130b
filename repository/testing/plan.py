"""Plan how to run a commit's tests on this machine, only by reading its files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from repository.config import CONFIG
from repository.git import Mirror
from repository.languages import Language
from repository.testing.detect.detection import detect
from repository.testing.detect.draft import Detection, RecipeDraft
from repository.testing.detect.node.node_program import fetch_step
from repository.testing.detect.toolchains import DetectedToolchain
from repository.testing.detect.tree import Tree, read_tree
from repository.testing.install.interpreters import choose_minor, find_interpreters
from repository.testing.models import Recipe
from repository.testing.version import version_from_description


@dataclass(frozen=True)
class BaseCommit:
    repository: str
    sha: str
    committed_at: int
    """Seconds since the epoch."""
    described: str | None
    """``git describe --tags --long``; None if there is no tag."""


@dataclass(frozen=True)
class TestPlan:
    __test__ = False

    recipe: Recipe | None
    """None if the tests can't be run here."""
    reason: str
    """Why they can't be run, or how the runner was chosen."""
    detection: Detection
    tree: Tree
    """The commit's files."""
    python_source: str = ""
    """Why this interpreter was chosen; empty if none was."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """Path -> size in bytes, for all files."""
        return self.tree.sizes


def plan_tests(
    mirror: Mirror,
    commit: BaseCommit,
    pythons: Sequence[Path],
    ranking: Sequence[str] = (),
    language: Language | None = None,
) -> TestPlan:
    """Return the plan for a commit.

    Args:
        mirror: has the commit.
        commit: the base commit.
        pythons: folders with interpreters.
        ranking: paths of the issue's likeliest sources, which decide among several projects.
        language: the only language whose tests are wanted; None for that of the likeliest sources.
    """
    tree = read_tree(mirror, commit.sha)
    detection = detect(tree, ranking, language)
    draft = detection.draft
    if not draft.runners:
        return TestPlan(None, detection.reason, detection, tree)
    if draft.toolchain is not None:
        recipe = _toolchain_recipe(draft, draft.toolchain, commit)
        return TestPlan(recipe, detection.reason, detection, tree)
    minor = _choose_python(detection, commit, pythons)
    if minor is None:
        return TestPlan(None, _no_interpreter(draft, pythons), detection, tree)
    recipe = _python_recipe(draft, commit, minor)
    source = _describe_python(detection, minor)
    return TestPlan(recipe, detection.reason, detection, tree, source)


def _choose_python(detection: Detection, commit: BaseCommit, pythons: Sequence[Path]) -> int | None:
    """Return the minor version of Python 3; the repository's configuration takes precedence."""
    draft = detection.draft
    return choose_minor(
        find_interpreters(pythons),
        requires=_required_python(draft),
        classified=draft.package.classified_minors or detection.hints.minors,
        committed_at=commit.committed_at,
        pinned=draft.pin.minor if draft.pin else None,
    )


def _required_python(draft: RecipeDraft) -> str | None:
    return f"=={draft.python}.*" if draft.python else draft.package.requires_python


def _no_interpreter(draft: RecipeDraft, pythons: Sequence[Path]) -> str:
    """Return why no interpreter was chosen, and what would help."""
    available = ", ".join(f"3.{minor}" for minor in sorted(find_interpreters(pythons)))
    if not available:
        return "no Python 3 was found; CODING_AGENT_PYTHONS names the folders to look in"
    return (
        f"no interpreter here fits the repository's {_required_python(draft)!r}; python under"
        f" [tests] in {CONFIG} chooses one that this machine has: {available}"
    )


def _describe_python(detection: Detection, minor: int) -> str:
    """Return why Python 3.``minor`` was chosen."""
    draft = detection.draft
    if draft.python:
        return CONFIG
    pin = draft.pin
    if pin is None:
        return "the newest that the repository and the commit's date allow"
    if pin.minor == minor:
        return pin.source
    return f"the nearest to 3.{pin.minor}, which {pin.source} pins, that is here and allowed"


def _python_recipe(draft: RecipeDraft, commit: BaseCommit, minor: int) -> Recipe:
    return Recipe(
        repository=commit.repository,
        base_sha=commit.sha,
        committed_at=commit.committed_at,
        version=version_from_description(commit.described),
        runner=draft.runners[0],
        fallback_runners=draft.runners[1:],
        script=draft.script.path,
        options=draft.script.options,
        python=f"3.{minor}",
        packaged=draft.package.is_installable,
        name=draft.package.name,
        backend=draft.package.backend,
        build_requirements=draft.build.requirements,
        announced_version=draft.build.announced_version,
        version_from_git=draft.package.version_from_git,
        source_root=draft.package.source_root,
        extras=draft.needs.extras,
        dependencies=draft.needs.dependencies,
        requirements=draft.needs.requirements,
        modules=dict(draft.needs.modules),
        environment=dict(draft.environment),
        patterns=draft.patterns,
        project=draft.layout.project,
        siblings=draft.layout.siblings,
        own_packages=draft.layout.packages,
        import_folders=draft.import_folders,
        folders=draft.layout.folders,
    )


def _toolchain_recipe(
    draft: RecipeDraft, toolchain: DetectedToolchain, commit: BaseCommit
) -> Recipe:
    is_command = draft.runners[0] == "command"
    steps = toolchain.steps
    node = draft.node or (toolchain.node.version if toolchain.node else None)
    if toolchain.node_projects and node is not None:
        steps = (fetch_step(node, commit.committed_at), *steps)
    return Recipe(
        repository=commit.repository,
        base_sha=commit.sha,
        committed_at=commit.committed_at,
        version=version_from_description(commit.described),
        runner=draft.runners[0],
        fallback_runners=draft.runners[1:],
        script=draft.script.path,
        options=draft.script.options if is_command else toolchain.options,
        environment=dict(draft.environment),
        patterns=draft.patterns,
        tools=toolchain.tools,
        tool_versions=dict(toolchain.tool_versions),
        steps=steps,
        folders=toolchain.folders,
        node_projects=toolchain.node_projects,
    )
