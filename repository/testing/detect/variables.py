"""Find the environment variables with which a repository runs its tests.

Only literal values are taken: a reference to a secret or to another variable says nothing.
"""

import re
from collections.abc import Collection, Iterable, Iterator

from repository.testing.detect.automation import AutomationHints
from repository.testing.detect.blocks import is_for_other_purpose, is_special, read_lines
from repository.testing.detect.tox import ToxEnvironment
from repository.testing.detect.tree import Tree
from repository.testing.models import ROOT_MARK

_FILES = (".env.test", ".env.testing", ".env.ci", "test.env")
_EXAMPLE_FILES = (".env.example", ".env.sample", ".env.template", ".env.dist", "env.example")
_ASSIGNMENT = re.compile(r"(?:export\s+)?([A-Za-z_]\w{0,80})\s*[:=]\s*(.*)")
_ROOT = re.compile(r"\{(?:toxinidir|tox_root)\}|\$\{\{\s*github\.workspace\s*\}\}")
_DEFAULT_OF_TOX = re.compile(r"\{env:[A-Za-z_]\w{0,80}:([^{}]*)\}")
_REFERENCE = re.compile(r"\$\{|\$\(|\$[A-Za-z]|\{[\w:\[]|\}")
_ENV_BLOCKS = ("env", "environment", "variables")
_TRAVIS = ".travis.yml"
_TRAVIS_BLOCKS = ("env", "global")
"""Other lists of Travis's variables are alternatives: a job has one of them."""
_SHELL_ASSIGNMENT = re.compile(r"(?<!\S)[A-Za-z_]\w{0,80}=(?:\"[^\"]*\"|'[^']*'|\S*)")
#: Variables in them are for a part of a job.
_OTHER_BLOCKS = frozenset({"services", "steps", "container"})
#: They are set by this service, or change which programs are found and what they print.
_OWN = re.compile(
    r"PATH|HOME|TMPDIR|TZ|DISPLAY|XAUTHORITY|VIRTUAL_ENV|LD_.*|DYLD_.*|SHELL|USER"
    r"|PYTHON(?!PATH$|IOENCODING$|UTF8$).*"
    r"|PYTEST_ADDOPTS|PYTEST_PLUGINS|.*_PROXY|(?:FORCE|PY)_COLORS?|CLICOLOR.*"
    r"|(?:PIP|UV|TOX|NOX|CONDA|GITHUB|COVERAGE|COVERALLS|CODECOV|TWINE|DOCKER)_.*",
    re.I,
)
#: A server that tests here don't have.
_SERVER = re.compile(r"^(?:postgres\w*|mysql\w*|redis|amqp|mongodb|psql)(?:\+\w+)?://", re.I)
_SCHEDULED = re.compile(r"cron|schedule|daily|weekly|nightly", re.I)
_MAX_VALUE = 500
_MAX_LINES = 400
_MAX_VARIABLES = 60


def find_variables(
    tree: Tree, tox: ToxEnvironment, hints: AutomationHints, *, examples: bool
) -> dict[str, str]:
    """Return name -> value from tox, files named for tests, and the test jobs of CI, in this order.

    With ``examples``, files such as ``.env.example`` come last: without any value, the settings of
    an application often can't be loaded.
    """
    sources: list[Iterable[tuple[str, str]]] = [map(_split, tox.variables)]
    sources += [_from_file(tree, path) for path in _FILES]
    for path, calls in _workflows(hints).items():
        from_file = _from_travis(tree) if path == _TRAVIS else _from_workflow(tree, path, calls)
        sources.append(from_file)
    if examples:
        sources += [_from_file(tree, path) for path in _EXAMPLE_FILES]
    variables: dict[str, str] = {}
    for source in sources:
        for name, value in source:
            if _is_usable(name, value):
                variables.setdefault(name, value)
    return dict(list(variables.items())[:_MAX_VARIABLES])


def _split(line: str) -> tuple[str, str]:
    """Return the name and the literal value of an assignment; an empty name if it is none."""
    match = _ASSIGNMENT.fullmatch(line.strip())
    if match is None:
        return "", ""
    value = _ROOT.sub(ROOT_MARK, match[2].strip())
    value = _DEFAULT_OF_TOX.sub(lambda default: default[1], value)
    if value[:1] in ("'", '"'):
        closing = value.find(value[0], 1)
        return match[1], value[1:closing] if closing > 0 else value[1:]
    return match[1], value.partition(" #")[0].strip()


def _is_usable(name: str, value: str) -> bool:
    if not name or _OWN.fullmatch(name) or len(value) > _MAX_VALUE or "\0" in value:
        return False
    literal = value.replace(ROOT_MARK, "")
    is_conditional = "; python_" in value
    return not (is_conditional or _REFERENCE.search(literal) or _SERVER.match(literal))


def _from_file(tree: Tree, path: str) -> Iterator[tuple[str, str]]:
    for line in tree.text(path).splitlines()[:_MAX_LINES]:
        if not line.lstrip().startswith("#"):
            yield _split(line)


def _workflows(hints: AutomationHints) -> dict[str, set[int]]:
    """Return the files of CI that call tests -> the lines of the calls."""
    workflows: dict[str, set[int]] = {}
    for call in hints.calls:
        is_workflow = call.path.endswith((".yml", ".yaml")) and not _SCHEDULED.search(call.path)
        if call.for_tests and is_workflow:
            workflows.setdefault(call.path, set()).add(call.number)
    return workflows


def _from_travis(tree: Tree) -> Iterator[tuple[str, str]]:
    """Yield the variables of all jobs; a line may have several."""
    for line in read_lines(tree.text(_TRAVIS)):
        if line.blocks == _TRAVIS_BLOCKS:
            yield from map(_split, _SHELL_ASSIGNMENT.findall(line.text))


def _from_workflow(tree: Tree, path: str, calls: Collection[int]) -> Iterator[tuple[str, str]]:
    """Yield the variables of the whole file and of the jobs with these lines."""
    lines = read_lines(tree.text(path))
    jobs = {line.blocks[:2] for line in lines if line.number in calls}
    for line in lines:
        blocks = line.blocks
        if not blocks or blocks[-1] not in _ENV_BLOCKS or not _OTHER_BLOCKS.isdisjoint(blocks):
            continue
        is_global = len(blocks) == 1
        other = any(is_special(name) or is_for_other_purpose(name) for name in blocks)
        if not other and (is_global or blocks[:2] in jobs):
            yield _split(line.text.removeprefix("- "))
