"""What detection finds out: how a repository is tested, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from repository.languages import Language
from repository.runners import Runner
from repository.testing.detect.automation import AutomationHints
from repository.testing.detect.build_requirements import PackageBuild
from repository.testing.detect.interpreter_pins import Pin
from repository.testing.detect.needs import TestNeeds
from repository.testing.detect.project import Package
from repository.testing.detect.python_projects import Layout
from repository.testing.detect.python_tests import Script, TestFiles
from repository.testing.detect.requirements import Need
from repository.testing.detect.toolchains import DetectedToolchain


@dataclass(frozen=True)
class RecipeDraft:
    """How a repository is tested; the interpreter is not yet chosen."""

    runners: tuple[Runner, ...] = ()
    """Runners to try in order; empty if there is nothing to run."""
    has_tests: bool = True
    """Whether the repository has a test for the runners."""
    script: Script = field(default_factory=Script)
    patterns: tuple[str, ...] = ()
    """Patterns of test files: of file names or, with a slash, of paths."""
    package: Package = field(default_factory=Package)
    build: PackageBuild = field(default_factory=PackageBuild)
    needs: TestNeeds = field(default_factory=TestNeeds)
    toolchain: DetectedToolchain | None = None
    """None if the tests are Python's."""
    python: str | None = None
    """The Python version that the repository's configuration requests, such as 3.11."""
    node: str | None = None
    """The major version of Node.js that the repository's configuration requests, such as 24."""
    pin: Pin | None = None
    """The Python version that the repository's developers use."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables for the tests."""
    obstacles: tuple[str, ...] = ()
    """What the tests may need and can't have here, in sentences."""
    layout: Layout = field(default_factory=Layout)
    """The Python projects that are installed and tested."""
    import_folders: tuple[str, ...] = ()
    """Folders of Python projects that are tested but not installed."""


@dataclass(frozen=True)
class Detection:
    draft: RecipeDraft
    reason: str
    """Why this runner was chosen, or why there is none."""
    tests: TestFiles = field(default_factory=TestFiles)
    hints: AutomationHints = field(default_factory=AutomationHints)
    needs: tuple[Need, ...] = ()
    """Needs from all sources; ``draft.needs`` was selected from them."""
    others: Mapping[Language, int] = field(default_factory=dict)
    """Other languages with tests -> how many files have them. They are run if a change is in that
    language."""
