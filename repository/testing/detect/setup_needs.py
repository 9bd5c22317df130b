"""Read the needs from setup.py, which is parsed and never run, and from setup.cfg."""

import re

from repository.testing.detect.parsing import setup_argument, setup_table, unconditional_lines
from repository.testing.detect.project import Project
from repository.testing.detect.requirement_files import read_requirement_lines
from repository.testing.detect.requirements import (
    Confidence,
    Need,
    Source,
    choose_for_tests,
    needs_from,
)

_SETUP_PY = "setup.py"
_SETUP_CFG = "setup.cfg"
_EXTRAS_SECTION = "options.extras_require"
_FILE = "file:"
_REQUIREMENT_FILE = re.compile(
    r"[\"'](?:\./)?((?:[\w-]{1,40}/){0,3}[\w-]{0,40}req[\w-]{0,40}\.(?:txt|in))[\"']"
)
_MAX_FILES = 4


def from_setup(project: Project) -> list[Need]:
    """Return ``tests_require``, ``install_requires`` and the extras for tests of both files."""
    return [
        *_from_setup_py(project),
        *_from_option(project, "options", "tests_require", Confidence.DECLARED),
        *_from_option(project, "options", "install_requires", Confidence.RUNTIME),
        *_from_extras(project),
    ]


def _from_setup_py(project: Project) -> list[Need]:
    needs: list[Need] = []
    for argument, confidence in (
        ("tests_require", Confidence.DECLARED),
        ("install_requires", Confidence.RUNTIME),
    ):
        lines = setup_argument(project.setup_py, argument)
        needs += needs_from(lines, Source(_SETUP_PY, argument), confidence)
    if not setup_argument(project.setup_py, "install_requires"):
        needs += _from_files_read(project)
    extras = setup_table(project.setup_py, "extras_require")
    for name in choose_for_tests(extras):
        source = Source(_SETUP_PY, f"extras_require {name}")
        needs += needs_from(extras[name], source, Confidence.RUNTIME)
    return needs


def _from_files_read(project: Project) -> list[Need]:
    """Return the lines of the requirement files that setup.py names, which it may read."""
    needs: list[Need] = []
    for path in dict.fromkeys(_REQUIREMENT_FILE.findall(project.setup_py)[:_MAX_FILES]):
        if path in project.tree.sizes:
            lines = read_requirement_lines(project.tree, path)
            needs += [Need(line, source, Confidence.RUNTIME) for line, source in lines]
    return needs


def _from_extras(project: Project) -> list[Need]:
    if not project.setup_cfg.has_section(_EXTRAS_SECTION):
        return []
    needs: list[Need] = []
    for name in choose_for_tests(project.setup_cfg.options(_EXTRAS_SECTION)):
        needs += _from_option(project, _EXTRAS_SECTION, name, Confidence.RUNTIME)
    return needs


def _from_option(project: Project, section: str, option: str, confidence: Confidence) -> list[Need]:
    """Return the lines of an option of setup.cfg, or of the file that it names."""
    value = project.setup_cfg.get(section, option, fallback="") or ""
    if value.strip().startswith(_FILE):
        needs: list[Need] = []
        for path in value.strip().removeprefix(_FILE).split(","):
            lines = read_requirement_lines(project.tree, path.strip().removeprefix("./"))
            needs += [Need(line, source, confidence) for line, source in lines]
        return needs
    source = Source(_SETUP_CFG, f"[{section}] {option}")
    return needs_from(unconditional_lines(value), source, confidence)
