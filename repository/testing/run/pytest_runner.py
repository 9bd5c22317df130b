"""Run pytest so that a test has the same id in every run, whichever files are given.

This is a part of the program in ``python_runner.py``.

The tests are run in groups, each in a process of its own (see ``pytest_files.py``), and the reports
of all groups become one. Ids name a test's file relative to the current folder, not to the folder
that pytest chooses as its root according to the given files.
"""

import fnmatch
import importlib.util
import os
import re
from typing import Any, Generator, List, Set, Tuple
from xml.etree import ElementTree

from repository.testing.run.crashes import FAILED, KILLED, TEST, Send, run_despite_crashes
from repository.testing.run.pytest_files import (
    ConfigFolders,
    Deferred,
    Group,
    make_groups,
    without_inner,
)
from repository.testing.run.time_limits import INTERRUPTED, Limits

NO_TESTS = 5
#: The repository's own options may need plugins that are not installed.
WITHOUT_OWN_OPTIONS = ("-o", "addopts=", "-o", "required_plugins=")
#: Options of ours that some plugins, or a pytest before 3.0, don't allow; each follows -p or -o.
DISPENSABLE = ("no:", "cache_dir=")
#: Versions of pytest from this one on have the option --rootdir.
ROOTDIR_SINCE = 4


def run_pytest(report_path: str, limits: Limits, arguments: List[str]) -> int:
    """Run pytest on the tests that follow ``--`` in its arguments; return its exit code."""
    separator = arguments.index("--")
    options = arguments[:separator]
    make_cache_folder(options)
    top = os.getcwd()
    folders = ConfigFolders(top)
    groups = make_groups(arguments[separator + 1 :], folders) or [Group(folders.of_folder(top))]
    report = Reports(report_path)
    seen: Set[str] = set()
    while groups:
        group = groups.pop(0)
        run = GroupRun(group, folders, limits, options)
        later = [path for path in report.add(run) if path not in seen]
        seen.update(later)
        groups += make_groups(later, folders)
    report.write()
    return report.exit_code()


def make_cache_folder(options: List[str]) -> None:
    """Make the folder of pytest's cache, in which plugins may make folders of their own."""
    for option in options:
        name, _, folder = option.partition("=")
        if name == "cache_dir":
            os.makedirs(folder, exist_ok=True)


class Reports:
    """The JUnit XML reports of groups, which become one."""

    def __init__(self, path: str):
        self.path = path
        self.root = ElementTree.Element("testsuites")
        self.codes: List[int] = []

    def add(self, run: "GroupRun") -> List[str]:
        """Run a group in a process of its own; return the paths that it left to others."""
        part = f"{self.path}.{len(self.codes)}"
        messages: List[Tuple[str, str]] = []
        code = KILLED
        for options in option_sets(run.options):
            run.options = [*options, f"--junitxml={part}"]
            code, messages = run_despite_crashes(run.run, part)
            if os.path.exists(part):
                break
        suites: List[Any] = []
        if os.path.exists(part):
            suites = suites_of(part)
            os.unlink(part)
        if not suites and code in (0, FAILED):
            code = KILLED  # a test file may end the process with any code
        self.codes.append(code)
        self.root.extend(suites)
        return [path for _, path in messages]

    def write(self) -> None:
        """Write the common report, if any group has one."""
        if len(self.root):
            ElementTree.ElementTree(self.root).write(
                self.path, encoding="utf-8", xml_declaration=True
            )

    def exit_code(self) -> int:
        """Return the worst exit code; a group without tests counts only if all are."""
        codes = [code for code in self.codes if code != NO_TESTS] or [NO_TESTS]
        return max(codes)


def option_sets(options: List[str]) -> List[List[str]]:
    """Return sets of options to try in turn until pytest accepts one and writes a report.

    A plugin that we turn off may define one of the repository's own options, and these may need a
    plugin that is not installed.
    """
    allowing: List[str] = []
    for option in options:
        if option.startswith(DISPENSABLE):
            allowing.pop()  # the -p or -o before it
        else:
            allowing.append(option)
    return [options, allowing, [*options, *WITHOUT_OWN_OPTIONS]]


def suites_of(path: str) -> List[Any]:
    """Return the test suites of a report; none if it is no XML."""
    try:
        root = ElementTree.parse(path).getroot()
    except ElementTree.ParseError:
        return []
    return [root] if root.tag == "testsuite" else list(root)


class GroupRun:
    """A run of pytest on one group."""

    def __init__(self, group: Group, folders: ConfigFolders, limits: Limits, options: List[str]):
        self.group = group
        self.folders = folders
        self.limits = limits
        self.options = options

    def run(self, without: Set[str], send: Send) -> int:
        """Run pytest without some tests; send the paths that belong to other groups."""
        import pytest

        plugin = make_plugin(pytest, self, without, send)
        # xdist's workers would neither enforce the limits nor write a report at the end.
        no_workers = ["-n0"] if importlib.util.find_spec("xdist") else []
        options = [*self.options, *no_workers, *self.fixed_folders(pytest)]
        code = int(pytest.main([*options, *self.group.tests], plugins=[plugin]))
        for path in without_inner(list(plugin.deferred.paths)):
            send("later", path)
        if code == INTERRUPTED and not self.limits.interrupted:
            return KILLED  # by a test or the code that it runs, not by time
        return code

    def fixed_folders(self, pytest: Any) -> List[str]:
        """Return options for the folders that would otherwise depend on the given tests."""
        if is_configured_above(self.folders.top):
            return []
        options = [f"--confcutdir={self.folders.top}"]
        version = pytest.__version__.partition(".")[0]
        unconfigured = self.group.config_folder == self.folders.top
        if unconfigured and version.isdigit() and int(version) >= ROOTDIR_SINCE:
            options.append(f"--rootdir={self.folders.top}")
        return options


def is_configured_above(folder: str) -> bool:
    parent = os.path.dirname(folder)
    return ConfigFolders("").of_folder(parent) != ""


class Plugin:
    """Our hooks of pytest."""

    def __init__(self, run: GroupRun, without: Set[str], send: Send):
        self.limits = run.limits
        self.without = without
        self.send = send
        self.top = run.folders.top
        self.deferred = Deferred(run.group, run.folders)

    def pytest_configure(self, config: Any) -> None:
        if config.getoption("importmode", "prepend") != "importlib":
            patterns = [str(pattern) for pattern in config.getini("python_files")]
            self.deferred.patterns = [fnmatch.translate(pattern) for pattern in patterns]

    def pytest_collection(self, session: Any) -> None:
        requested = [str(test).partition("::")[0] for test in session.config.args]
        self.deferred.roots = [os.path.abspath(path) for path in requested]

    def pytest_collection_modifyitems(self, items: List[Any]) -> None:
        items[:] = [item for item in items if self.report_id(item) not in self.without]

    def pytest_make_collect_report(self, collector: Any) -> Generator[None, Any, None]:
        outcome = yield
        report = outcome.get_result()
        report.nodeid = fixed_id(collector, report.nodeid, self.top)

    def pytest_runtest_makereport(self, item: Any) -> Generator[None, Any, None]:
        outcome = yield
        report = outcome.get_result()
        report.nodeid = fixed_id(item, report.nodeid, self.top)

    def pytest_runtest_setup(self, item: Any) -> Generator[None, Any, None]:
        self.send(TEST, self.report_id(item))
        if not self.limits.begin_test():
            item.session.shouldstop = "no time is left"
        yield
        self.limits.end_test()

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.when == "teardown":
            self.send(TEST, "")

    def pytest_runtest_call(self) -> Generator[None, Any, None]:
        self.limits.begin_test()
        yield
        self.limits.end_test()

    def report_id(self, item: Any) -> str:
        return report_id(fixed_id(item, item.nodeid, self.top))


class NewPlugin(Plugin):
    """For pytest since 7, whose paths are pathlib's."""

    def pytest_ignore_collect(self, collection_path: Any) -> Any:
        return self.deferred.ignores(str(collection_path))


class OldPlugin(Plugin):
    def pytest_ignore_collect(self, path: Any) -> Any:
        return self.deferred.ignores(str(path))


def make_plugin(pytest: Any, run: GroupRun, without: Set[str], send: Send) -> Plugin:
    for hook in (
        Plugin.pytest_make_collect_report,
        Plugin.pytest_runtest_makereport,
        Plugin.pytest_runtest_setup,
        Plugin.pytest_runtest_call,
    ):
        pytest.hookimpl(hookwrapper=True)(hook)
    kind = NewPlugin if hasattr(pytest, "version_tuple") else OldPlugin
    return kind(run, without, send)


def fixed_id(node: Any, node_id: str, top: str) -> str:
    """Return a node id whose path is relative to ``top``."""
    path = getattr(node, "path", None) or getattr(node, "fspath", None)
    if path is None:
        return node_id
    relative = os.path.relpath(str(path), top).replace(os.sep, "/")
    if relative.startswith(".."):
        return node_id
    _, separator, inside = node_id.partition("::")
    return f"{relative}{separator}{inside}"


def report_id(node_id: str) -> str:
    """Return the id of a test in the report, ``tests.test_x.TestY::test_z[1]``."""
    path, _, inside = node_id.partition("::")
    names, bracket, parameters = inside.partition("[")
    *classes, name = names.split("::")
    module = re.sub(r"\.py$", "", path).replace("/", ".")
    return f"{'.'.join([module, *classes])}::{name}{bracket}{parameters}"
