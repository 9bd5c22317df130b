"""Apply the settings of a repository's own configuration to what was detected."""

from dataclasses import replace

from repository.config import CONFIG, TestsConfig
from repository.files import matches
from repository.testing.detect.django import MANAGE, SETTINGS_VARIABLE, options_with_settings
from repository.testing.detect.draft import Detection, RecipeDraft
from repository.testing.detect.python_tests import TestFiles
from repository.testing.detect.requirements import Confidence, Source, installable, needs_from
from repository.testing.detect.tree import Tree


def configure(detection: Detection, config: TestsConfig, tree: Tree) -> Detection:
    """Return the detection with the settings of the repository's configuration applied."""
    tests = detection.tests
    if config.files:
        paths = tuple(path for path in tree.paths if matches(path, config.files))
        tests = TestFiles(paths, config.files, tests.texts)
    has_tests = detection.draft.has_tests or bool(config.files or config.command)
    draft = replace(detection.draft, patterns=tests.patterns, has_tests=has_tests)
    reason = detection.reason
    if config.command or config.runner:
        reason = f"set in {CONFIG}"
    source = Source(CONFIG, "[tests] requirements")
    configured_needs = needs_from(config.requirements, source, Confidence.DECLARED)
    return Detection(
        draft=_configure_draft(draft, config),
        reason=reason,
        tests=tests,
        hints=detection.hints,
        needs=(*configured_needs, *detection.needs),
        others={} if config.command or config.runner else detection.others,
    )


def _configure_draft(draft: RecipeDraft, config: TestsConfig) -> RecipeDraft:
    requirements = installable([*config.requirements, *draft.needs.requirements])
    needs = replace(
        draft.needs,
        requirements=tuple(requirements),
        extras=config.extras or draft.needs.extras,
    )
    runners = draft.runners
    script = draft.script
    if config.settings and script.path == MANAGE:
        script = replace(script, options=options_with_settings(config.settings))
    if config.command:
        runners = ("command",)
        script = replace(script, options=config.command)
    elif config.runner:
        runners = (config.runner,)
    return replace(
        draft,
        runners=runners,
        script=script,
        needs=needs,
        python=config.python,
        node=config.node,
        environment=_configure_variables(draft, config),
    )


def _configure_variables(draft: RecipeDraft, config: TestsConfig) -> dict[str, str]:
    variables = {**draft.environment, **config.environment}
    if config.settings:
        variables[SETTINGS_VARIABLE] = config.settings
    return variables
