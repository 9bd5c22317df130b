"""Detect from a repository's files how it is tested: runners to try, test files, requirements."""

from collections.abc import Sequence
from dataclasses import replace

from repository.config import CONFIG, ConfigError, TestsConfig, read_tests_config
from repository.languages import Language, language_of
from repository.runners import PYTHON_RUNNERS
from repository.testing.detect.configuring import configure
from repository.testing.detect.draft import Detection, RecipeDraft
from repository.testing.detect.languages import weight_of
from repository.testing.detect.python_detection import detect_projects
from repository.testing.detect.python_projects import Layout, choose_projects
from repository.testing.detect.python_tests import TestFiles
from repository.testing.detect.toolchains import (
    DetectedToolchain,
    choose_folders,
    choose_toolchain,
    find_toolchains,
)
from repository.testing.detect.tree import Tree

#: They build a Python package whose tests are for its Rust sources, too.
_RUST_BACKENDS = ("maturin", "setuptools_rust")


def detect(tree: Tree, ranking: Sequence[str] = (), language: Language | None = None) -> Detection:
    """Detect how a repository is tested; its own configuration takes precedence.

    Args:
        tree: the repository's files.
        ranking: the paths of the issue's likeliest sources, likeliest first: of several projects or
            languages, those that it is about are tested.
        language: the only language whose tests are wanted.
    """
    try:
        config = read_tests_config(tree.read(CONFIG))
    except ConfigError as error:
        return Detection(RecipeDraft(), reason=str(error))
    if language is not None and (config.command or config.runner):
        return Detection(RecipeDraft(), reason=f"{CONFIG} names the tests to run")
    layout = choose_projects(tree, ranking, config.folders)
    detection = detect_projects(tree, layout)
    toolchains = find_toolchains(tree, ranking, config.runner if not config.command else None)
    if language is not None:
        detection = _detect_language(detection, toolchains, language)
        # Other languages' test files have other names.
        files = tuple(pattern for pattern in config.files if language_of(pattern) == language)
        return configure(detection, config.model_copy(update={"files": files}), tree)
    toolchain = _toolchain_instead_of_python(tree, detection, toolchains, config, ranking)
    detection = replace(detection, others=_other_languages(detection, toolchain, toolchains))
    if toolchain is None and config.runner not in (None, *PYTHON_RUNNERS) and not config.command:
        reason = f"{CONFIG} names the runner {config.runner}, but no file shows its project"
        return Detection(RecipeDraft(), reason=reason)
    if toolchain is not None:
        detection = _prefer_toolchain(detection, choose_folders(toolchain, config.folders))
    return configure(detection, config, tree)


def _detect_language(
    python: Detection, toolchains: Sequence[DetectedToolchain], language: Language
) -> Detection:
    """Return how the tests in a language are run, if there are any."""
    if language == "Python":
        return python
    for toolchain in toolchains:
        if toolchain.language == language:
            return _prefer_toolchain(python, toolchain)
    return Detection(RecipeDraft(), reason=f"no file shows a project in {language}")


def _other_languages(
    python: Detection, chosen: DetectedToolchain | None, toolchains: Sequence[DetectedToolchain]
) -> dict[Language, int]:
    """Return the languages with tests of their own that are not those of the chosen runner."""
    others: dict[Language, int] = {}
    for toolchain in toolchains:
        if toolchain is not chosen and toolchain.test_texts:
            others[toolchain.language] = len(toolchain.test_texts)
    if chosen is not None and python.draft.has_tests and python.tests.paths:
        others["Python"] = len(python.tests.paths)
    return others


def _toolchain_instead_of_python(
    tree: Tree,
    python: Detection,
    toolchains: Sequence[DetectedToolchain],
    config: TestsConfig,
    ranking: Sequence[str],
) -> DetectedToolchain | None:
    """Return the toolchain if the tests are not Python's; a configured runner decides."""
    if config.runner in PYTHON_RUNNERS and not config.command:
        return None
    toolchain = choose_toolchain(toolchains, ranking)
    if config.runner is not None and not config.command:
        return toolchain
    has_python = any(path.endswith(".py") for path in tree.paths)
    if toolchain is None or (has_python and not _is_preferred(toolchain, python, ranking)):
        return None
    return toolchain


def _is_preferred(toolchain: DetectedToolchain, python: Detection, ranking: Sequence[str]) -> bool:
    python_tests = len(python.tests.paths) if python.draft.has_tests else 0
    if python_tests and toolchain.runner is None:
        return False
    has_more = len(toolchain.test_texts) > python_tests
    has_both = python_tests and toolchain.test_texts
    if not has_both or python.draft.package.backend in _RUST_BACKENDS:
        return has_more
    own = weight_of("Python", ranking)
    other = weight_of(toolchain.language, ranking)
    return has_more if own == other else other > own


def _prefer_toolchain(python: Detection, toolchain: DetectedToolchain) -> Detection:
    runners = (toolchain.runner,) if toolchain.runner is not None else ()
    tests = TestFiles(
        paths=tuple(toolchain.test_texts),
        patterns=toolchain.patterns,
        texts=toolchain.test_texts,
    )
    draft = replace(
        python.draft,
        runners=runners,
        has_tests=True,
        patterns=toolchain.patterns,
        toolchain=toolchain,
        layout=Layout(whole=toolchain.whole),
    )
    return replace(python, draft=draft, reason=toolchain.reason, tests=tests)
