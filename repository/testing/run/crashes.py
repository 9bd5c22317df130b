"""Run tests in a child process that a test may end: a part of the program in ``python_runner.py``.

A test that ends its process (a segmentation fault, ``os._exit``) has an error; the others are run
again without it.
"""

import os
import sys
import traceback
from typing import Any, Callable, List, Set, Tuple
from xml.etree import ElementTree

KILLED = 3
FAILED = 1
MAX_CRASHES = 5
MESSAGE = "the process ended during this test"

#: ``send(kind, text)`` tells the parent process something.
Send = Callable[[str, str], None]
#: ``run(without, send)`` runs all tests except some, in a child process, and returns an exit code.
#: It sends each test's id (``class::name``) before it starts, and nothing as its id afterwards.
Run = Callable[[Set[str], Send], int]
TEST = "test"


def run_despite_crashes(run: Run, report: str) -> Tuple[int, List[Tuple[str, str]]]:
    """Run tests; return the exit code and what was sent besides ids.

    ``run`` writes JUnit XML to ``report``; tests that ended their process are added to it.
    """
    crashed: List[str] = []
    while True:
        code, messages = run_in_fork(run, set(crashed), f"{report}.messages")
        tests = [text for kind, text in messages if kind == TEST]
        running = tests[-1] if tests else ""
        if os.path.exists(report) or not running or len(crashed) == MAX_CRASHES:
            break
        crashed.append(running)
        sys.stdout.write(f"{MESSAGE}: {running} (exit code {code})\n")
    if crashed and os.path.exists(report):
        add_crashes(report, crashed)
        code = max(code, FAILED)
    return code, [message for message in messages if message[0] != TEST]


def send_nothing(*_: str) -> None:
    """Where no process waits for it."""


def add_crashes(report: str, crashed: List[str]) -> None:
    tree = ElementTree.parse(report)
    for test in crashed:
        place, _, name = test.partition("::")
        case = ElementTree.SubElement(tree.getroot(), "testcase", classname=place, name=name)
        ElementTree.SubElement(case, "error", message=MESSAGE).text = MESSAGE
    tree.write(report, encoding="utf-8", xml_declaration=True)


def run_in_fork(run: Run, without: Set[str], path: str) -> Tuple[int, List[Tuple[str, str]]]:
    """Run tests in a child process; return its exit code and what it sent.

    Messages go through a file: a pipe would stay open in processes that tests leave behind.
    """
    sys.stdout.flush()
    with open(path, "wb", buffering=0) as file:
        child = os.fork()
        if child == 0:
            run_as_child(run, without, file)
    _, status = os.waitpid(child, 0)
    code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else KILLED
    with open(path, errors="surrogateescape") as messages_file:
        messages = messages_file.read().split("\0")
    os.unlink(path)
    pairs = [message.partition(":") for message in messages if message]
    return code, [(kind, text) for kind, _, text in pairs]


def run_as_child(run: Run, without: Set[str], messages: Any) -> None:
    """Run tests and end this process with their exit code."""
    pid = os.getpid()

    def send(kind: str, text: str) -> None:
        if os.getpid() == pid:  # not a process that a test forked
            messages.write(f"{kind}:{text}".encode(errors="surrogateescape") + b"\0")

    code = KILLED
    try:
        code = run(without, send)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else FAILED
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
