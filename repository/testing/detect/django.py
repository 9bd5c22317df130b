"""Find how a Django project is tested: its ``manage.py`` and the settings for tests."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from repository.testing.detect.automation import AutomationHints
from repository.testing.detect.tree import Tree

MANAGE = "manage.py"
SETTINGS_VARIABLE = "DJANGO_SETTINGS_MODULE"
#: Django's own pattern of test files.
TEST_PATTERNS = ("test*.py",)
_TEST_OPTIONS = ("test", "--noinput", "--verbosity=1")
_DEFAULT_SETTINGS = re.compile(
    rf"{SETTINGS_VARIABLE}[\"']\]?\s*[,=]\s*(?:\n\s*)?[\"']([\w.]{{1,100}})[\"']"
)
_NAMED_SETTINGS = re.compile(rf"(?:--settings[= ]|\b{SETTINGS_VARIABLE}=)[\"']?([\w.]{{1,100}})")
_NAMES_FOR_TESTS = ("test", "tests", "testing", "test_settings", "settings_test", "ci")
_DATABASE_URL = re.compile(r"DATABASE_URL|\bdj_database_url\b|\benv\.db\(")
_SERVER = re.compile(r"django\.(?:contrib\.gis\.)?db\.backends\.(postgresql|postgis|mysql|oracle)")
_SQLITE = re.compile(r"backends\.(?:sqlite3|spatialite)")
_SQLITE_URL = "sqlite://:memory:"


def manage_options(tree: Tree, settings: str) -> tuple[str, ...]:
    """Return the arguments with which ``manage.py`` runs tests; none if there is no such file."""
    if not is_django(tree):
        return ()
    if not settings or settings == _default_settings(tree):
        return _TEST_OPTIONS
    return options_with_settings(settings)


def options_with_settings(settings: str) -> tuple[str, ...]:
    """Return the arguments with which ``manage.py`` runs tests with certain settings."""
    return (*_TEST_OPTIONS, f"--settings={settings}")


def is_django(tree: Tree) -> bool:
    """Whether the tree has Django's ``manage.py`` at its top."""
    return "django" in tree.text(MANAGE)


def find_settings(tree: Tree, hints: AutomationHints, variables: Mapping[str, str]) -> str:
    """Return the settings' module for the tests; empty if nothing names one.

    It is the first of: what the automation's test command names, the ``variables`` for the tests, a
    module named for tests beside the default settings, the default settings.
    """
    for call in hints.calls:
        named = _NAMED_SETTINGS.search(call.text)
        if named and _is_module(tree, named[1]):
            return named[1]
    in_variables = variables.get(SETTINGS_VARIABLE, "")
    if in_variables:
        return in_variables
    default = _default_settings(tree)
    return next(_settings_for_tests(tree, default), default)


def database_variables(tree: Tree, settings: str) -> dict[str, str]:
    """Return the variables that let the settings use SQLite."""
    if _DATABASE_URL.search(_settings_text(tree, settings)):
        return {"DATABASE_URL": _SQLITE_URL}
    return {}


def missing_server(tree: Tree, settings: str) -> str:
    """Return which database server the settings need, in a sentence; empty if none."""
    text = _settings_text(tree, settings)
    server = _SERVER.search(text)
    if server is None or _DATABASE_URL.search(text):
        return ""
    can_choose = ", unless told otherwise," if _SQLITE.search(text) else ""
    return (
        f"the settings {settings}{can_choose} need a server of {server[1]}, which tests here don't"
        " have; [tests] settings in .coding-agent.toml can name others"
    )


def _default_settings(tree: Tree) -> str:
    match = _DEFAULT_SETTINGS.search(tree.text(MANAGE))
    return match[1] if match else ""


def _settings_for_tests(tree: Tree, default: str) -> Iterator[str]:
    """Yield the modules named for tests in the default settings' package, and inside it."""
    package, _, name = default.rpartition(".")
    if name in _NAMES_FOR_TESTS:
        yield default
    for parent in (package, default):
        for name in _NAMES_FOR_TESTS:
            module = f"{parent}.{name}" if parent else name
            if _is_module(tree, module) and _looks_like_settings(tree, module):
                yield module


def _looks_like_settings(tree: Tree, module: str) -> bool:
    text = tree.text(_path(module))
    return re.search(r"^[A-Z][A-Z_]{2,40}\s*=|^from [\w.]+ import \*", text, re.M) is not None


def _settings_text(tree: Tree, settings: str) -> str:
    """Return the text of the settings, and of the modules beside them that they may import."""
    package, _, _ = settings.rpartition(".")
    beside = [f"{package}.{name}" for name in ("base", "common", "defaults", "settings")]
    return "\n".join(_texts(tree, [settings, f"{settings}.__init__", *beside]))


def _texts(tree: Tree, modules: Iterable[str]) -> Iterator[str]:
    for module in modules:
        yield tree.text(_path(module))


def _is_module(tree: Tree, module: str) -> bool:
    return _path(module) in tree.sizes or _path(f"{module}.__init__") in tree.sizes


def _path(module: str) -> str:
    return str(PurePosixPath(*module.split(".")).with_suffix(".py")) if module else ""
