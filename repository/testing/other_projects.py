"""The parts of a change to which a prepared suite does not belong, and the tests that do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from repository.files import belongs_to_tests, is_test_file
from repository.languages import Language, language_of
from repository.testing.compiled_sources import compiled_sources
from repository.testing.detect.python_tests import TestFiles
from repository.testing.ecosystems import language_of_runner
from repository.testing.folders import Changes
from repository.testing.models import BuildStep, Recipe, Suite
from repository.testing.node_preparation import build_script
from repository.testing.plan import TestPlan
from repository.testing.run.project_folders import contains, deepest_folder

_MAX_NAMED_FOLDERS = 3

#: A language, and the folders of the projects that are tested.
SuiteKey = tuple[Language, tuple[str, ...]]


@dataclass(frozen=True)
class Part:
    """Changed files of one language that the prepared suite is not for."""

    language: Language
    paths: tuple[str, ...]
    plan: TestPlan
    """How the tests for them are run."""
    folders: tuple[str, ...] = ()
    """The projects whose tests are run; empty for all of the language."""
    obstacle: str = ""
    """Why there are no tests for them; empty if there are."""
    is_built_elsewhere: bool = False
    """Whether the prepared suite tests them, too: it compiles them for another language."""

    @property
    def name(self) -> str:
        if not self.folders:
            return self.language
        return f"{self.language} in {', '.join(self.folders[:_MAX_NAMED_FOLDERS])}"

    @property
    def suite_key(self) -> SuiteKey:
        """Equal for parts that the same suite tests."""
        recipe = self.plan.recipe
        return self.language, tuple(recipe.folders) if recipe is not None else ()


def changed_languages(files: Changes, suite: Suite) -> dict[Language, list[str]]:
    """Return language -> changed files that may need other tests than those of a suite.

    Of the suite's own language, these are all that could be in another project. There are none if
    the repository's configuration, or nothing at all, says how it is tested.
    """
    recipe = suite.recipe
    own = language_of_runner(suite.runner)
    if recipe is None or own is None:
        return {}
    found: dict[Language, list[str]] = {}
    for path in files:
        language = language_of(path)
        if language is None:
            continue
        may_be_elsewhere = own == "JavaScript" or deepest_folder(recipe.folders, path) is None
        if language != own or may_be_elsewhere:
            found.setdefault(language, []).append(path)
    return found


def find_part(
    language: Language, paths: Sequence[str], plan: TestPlan, files: Changes, suite: Suite
) -> Part | None:
    """Return the part of a change that needs a plan's tests; None if the suite's are enough.

    Args:
        language: the language of ``paths``.
        paths: changed files from ``changed_languages``.
        plan: of the tests in that language, for these paths.
        files: the whole change.
        suite: the prepared suite, with a recipe.
    """
    if suite.recipe is None:
        return None
    if language == language_of_runner(suite.runner):
        return _find_projects(language, paths, plan, suite.recipe)
    return _find_language(language, paths, plan, files, suite.recipe)


def _find_projects(
    language: Language, paths: Sequence[str], plan: TestPlan, tested: Recipe
) -> Part | None:
    """Return the part that is in projects of the same language which are not tested."""
    if plan.recipe is None:
        return None
    folders: dict[str, None] = {}
    own_paths: list[str] = []
    for path in paths:
        folder = deepest_folder(plan.recipe.folders, path)
        if folder is not None and folder not in tested.folders:
            folders[folder] = None
            own_paths.append(path)
    if not folders:
        return None
    restricted = _restrict(plan, plan.recipe, tuple(folders))
    return Part(language, tuple(own_paths), restricted, tuple(folders))


def _find_language(
    language: Language, paths: Sequence[str], plan: TestPlan, files: Changes, tested: Recipe
) -> Part | None:
    """Return the part in another language; data of the prepared suite's tests is not in it."""
    patterns = plan.recipe.patterns if plan.recipe is not None else ()
    own_paths = [
        path
        for path in paths
        if is_test_file(path, patterns) or not belongs_to_tests(path, tested.patterns)
    ]
    if not own_paths:
        return None
    compiled = compiled_sources(files, tested)
    return Part(
        language=language,
        paths=tuple(own_paths),
        plan=plan,
        obstacle=_find_obstacle(language, own_paths, plan),
        is_built_elsewhere=all(path in compiled for path in own_paths),
    )


def _find_obstacle(language: Language, paths: Sequence[str], plan: TestPlan) -> str:
    recipe = plan.recipe
    if recipe is None:
        return plan.reason
    if all(deepest_folder(recipe.folders, path) is None for path in paths):
        return f"they are in no project with tests in {language}"
    brings_tests = any(is_test_file(path, recipe.patterns) for path in paths)
    if not plan.detection.tests.paths and not brings_tests:
        return f"the repository has no tests in {language}"
    return ""


def _restrict(plan: TestPlan, recipe: Recipe, folders: tuple[str, ...]) -> TestPlan:
    """Return the plan with the tests of only some projects."""
    if not recipe.node_projects:
        return plan
    projects = tuple(
        project
        for project in recipe.node_projects
        if not project.commands or project.folder in folders
    )
    steps: list[BuildStep] = []
    for step in recipe.steps:
        if not step.network:
            steps.append(step.model_copy(update={"command": build_script(projects)}))
        elif any(contains(step.folder, folder) for folder in folders):
            steps.append(step)
    update = {"folders": folders, "node_projects": projects, "steps": tuple(steps)}
    tests = plan.detection.tests
    paths = [path for path in tests.paths if deepest_folder(recipe.folders, path) in folders]
    own = TestFiles(tuple(paths), tests.patterns, _texts_of(paths, tests.texts))
    return replace(
        plan,
        recipe=recipe.model_copy(update=update),
        detection=replace(plan.detection, tests=own),
    )


def _texts_of(paths: Sequence[str], texts: Mapping[str, str]) -> dict[str, str]:
    return {path: texts[path] for path in paths if path in texts}
