"""Record which changed lines of a repository run, in every Python process that its tests start.

Python imports a module of this name at its start (https://docs.python.org/3/library/site.html) from
the first folder of PYTHONPATH, where it is put together with ``targets.json``: path in the tree ->
its changed lines, or an empty list for a file that is only read. It runs inside the sandbox, on any
Python since 3.6, with only the standard library.

Each line of ``record`` is a letter and the number of a target: ``L 0 12`` (line 12 ran), ``I 0``
(the file was loaded, and another tracer took this one's place), ``R 1`` (the file was read);
``S 0`` says that a process was traced. A line is written when it happens, so that nothing is lost
if the process is killed.
"""

import atexit
import importlib.machinery
import importlib.util
import json
import os
import sys
import threading
from typing import Any, Callable, Dict, Optional, Set, Tuple

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
#: Numbers of tools that no known tool uses (https://docs.python.org/3/library/sys.monitoring.html).
TOOL_IDS = (4, 3)


def make_writer() -> Callable[[str], None]:
    """Return a function that appends a line to the record.

    It does not depend on names that tests replace, such as those of a fake file system.
    """
    record = os.path.join(HERE, "record")
    pieces = (os.open, os.write, os.close, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    written = set()  # type: Set[str]

    def write(
        line: str,
        pieces: Tuple[Any, ...] = pieces,
        record: str = record,
        written: Set[str] = written,
    ) -> None:
        if line in written:
            return
        written.add(line)
        open_file, write_to, close, flags = pieces
        try:
            descriptor = open_file(record, flags, 0o666)
        except OSError:
            return  # a process without access leaves no record
        write_to(descriptor, (line + "\n").encode())
        close(descriptor)

    return write


class Targets:
    """The files to watch, by the names under which code objects have them."""

    def __init__(self, lines_by_path: Dict[str, Any]):
        self.numbers = {}  # type: Dict[str, int]
        self.lines = {}  # type: Dict[int, Set[int]]
        self.read = {}  # type: Dict[str, int]
        self.known = {}  # type: Dict[str, Optional[int]]
        for number, path in enumerate(lines_by_path):
            file = os.path.join(ROOT, path)
            if lines_by_path[path]:
                self.numbers[file] = number
                self.lines[number] = set(lines_by_path[path])
            else:
                self.read[file] = number

    def find(self, file: str, absolute: Callable[[str], str] = os.path.realpath) -> Optional[int]:
        """Return the number of a source file; None for one that is not watched."""
        if file not in self.known:
            self.known[file] = None
            if file.endswith(".py"):
                self.known[file] = self.numbers.get(absolute(file))
        return self.known[file]


def watch_with_monitoring(targets: Targets, write: Callable[[str], None]) -> bool:
    """Watch by ``sys.monitoring``, which costs nothing outside of the targets; False without it."""
    monitoring = getattr(sys, "monitoring", None)
    if monitoring is None:
        return False
    free = [number for number in TOOL_IDS if monitoring.get_tool(number) is None]
    if not free:
        return False
    tool = free[0]

    def on_start(code: Any, _: int, disable: Any = monitoring.DISABLE) -> Any:
        if targets.find(code.co_filename) is not None:
            monitoring.set_local_events(tool, code, monitoring.events.LINE)
        return disable

    def on_line(code: Any, line: int, disable: Any = monitoring.DISABLE) -> Any:
        number = targets.find(code.co_filename)
        if number is not None and line in targets.lines[number]:
            write("L {} {}".format(number, line))
        return disable

    monitoring.use_tool_id(tool, "changed lines")
    monitoring.register_callback(tool, monitoring.events.PY_START, on_start)
    monitoring.register_callback(tool, monitoring.events.LINE, on_line)
    monitoring.set_events(tool, monitoring.events.PY_START)
    return True


class Tracer:
    """Watches by a trace function, which the tests may replace by their own.

    It is called for each function that is called, so it ends once all lines have run.
    """

    def __init__(self, targets: Targets, write: Callable[[str], None]):
        self.targets = targets
        self.write = write
        pairs = ((number, line) for number in targets.lines for line in targets.lines[number])
        self.missing = set(pairs)  # type: Set[Tuple[Optional[int], int]]
        self.others = set()  # type: Set[str]

    def start(self) -> None:
        sys.settrace(self.trace_calls)
        threading.settrace(self.trace_calls)
        atexit.register(self.look_at_modules)

    def trace_calls(self, frame: Any, event: str, argument: Any) -> Any:
        file = frame.f_code.co_filename
        if file in self.others:
            return None
        if self.targets.find(file) is None:
            self.others.add(file)
            return None
        return self.trace_lines(frame, event, argument)

    def trace_lines(self, frame: Any, event: str, _: Any) -> Any:
        if event == "line":
            line = self.targets.find(frame.f_code.co_filename), frame.f_lineno
            if line in self.missing:
                self.write("L {} {}".format(*line))
                self.missing.discard(line)
        if not self.missing and sys.gettrace() == self.trace_calls:
            threading.settrace(None)  # type: ignore[arg-type, unused-ignore]
            sys.settrace(None)
        return self.trace_lines

    def look_at_modules(self) -> None:
        """Write which files are loaded if other tracers may have hidden their lines."""
        if not self.missing or sys.gettrace() == self.trace_calls:
            return
        for module in list(sys.modules.values()):
            number = self.targets.find(getattr(module, "__file__", None) or "")
            if number is not None:
                self.write("I {}".format(number))


def watch_reads(targets: Targets, write: Callable[[str], None]) -> None:
    """Watch which files are opened for reading, from Python 3.8 on."""
    if not targets.read or not hasattr(sys, "addaudithook"):
        return
    names = {os.path.basename(file) for file in targets.read}

    def on_event(event: str, details: Any, absolute: Any = os.path.realpath) -> None:
        if event != "open" or not isinstance(details[0], str):
            return
        if details[0].rpartition("/")[2] not in names:
            return
        number = targets.read.get(absolute(details[0]))
        if number is not None:
            write("R {}".format(number))

    sys.addaudithook(on_event)


def import_next() -> None:
    """Import the ``sitecustomize`` that this one hides."""
    folders = [folder for folder in sys.path if os.path.abspath(folder) != HERE]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", folders)
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)


def main() -> None:
    with open(os.path.join(HERE, "targets.json")) as file:
        targets = Targets(json.load(file))
    write = make_writer()
    write("S 0")
    watch_reads(targets, write)
    if targets.numbers and not watch_with_monitoring(targets, write):
        Tracer(targets, write).start()
    import_next()


main()
