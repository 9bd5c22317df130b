"""Results as go, jest and cargo tell them, read without trust."""

import json
import re
from typing import Any

from repository.testing.models import Status
from repository.testing.run.reports.junit import (
    MAX_FAILURE_CHARS,
    MAX_FAILURES,
    MAX_ID_CHARS,
    UnreadableReport,
)

Results = tuple[dict[str, Status], dict[str, str]]
_GO: dict[str, Status] = {"pass": "passed", "fail": "failed", "skip": "skipped"}
_JEST: dict[str, Status] = {"passed": "passed", "failed": "failed"}
_RUNNING = re.compile(r"^\s+(?:Running (?:unittests )?(\S+)|Doc-tests (\S+))")
_CARGO = re.compile(r"^test (.+?)(?: - should panic)? \.\.\. (ok|FAILED|ignored)\b")


def read_go(data: bytes) -> Results:
    """``go test -json``: an object a line (https://pkg.go.dev/cmd/test2json). A package that fails without a failing
    test did not build, or crashed: it is told as ``::package``."""
    results: dict[str, Status] = {}
    said: dict[str, str] = {}
    broken: dict[str, Status] = {}
    for line in data.decode(errors="replace").splitlines():
        event = _object(line)
        package = str(event.get("Package", ""))
        test = event.get("Test")
        action = str(event.get("Action"))
        name = f"{package}::{test}"[:MAX_ID_CHARS] if test else f"::{package}"
        if action == "output":
            said[name] = (said.get(name, "") + str(event.get("Output", "")))[-MAX_FAILURE_CHARS:]
        elif status := _GO.get(action):
            (results if test else broken)[name] = status
    red = {test.partition("::")[0] for test, status in results.items() if status == "failed"}
    results |= {
        name: "error"
        for name, status in broken.items()
        if status == "failed" and name[2:] not in red
    }
    return _told(results, said)


def read_jest(data: bytes, tree: str) -> Results:
    """``jest --json`` (https://jestjs.io/docs/cli#--json); ``tree`` is taken off its paths."""
    results: dict[str, Status] = {}
    said: dict[str, str] = {}
    document = _object(data.decode(errors="replace"))
    for file in _objects(document.get("testResults")):
        path = str(file.get("name", "")).removeprefix(tree)
        cases = _objects(file.get("assertionResults"))
        for case in cases:
            above = case.get("ancestorTitles")
            words = [str(word) for word in above if word] if isinstance(above, list) else []
            name = f"{path}::{' > '.join([*words, str(case.get('title', ''))])}"[:MAX_ID_CHARS]
            results[name] = _JEST.get(str(case.get("status")), "skipped")
            said[name] = "\n".join(map(str, case.get("failureMessages") or ()))
        if not cases and file.get("status") == "failed":
            results[f"::{path}"] = "error"
            said[f"::{path}"] = str(file.get("message", ""))
    return _told(results, said)


def read_cargo(output: str) -> Results:
    """libtest's lines; what does not compile leaves none."""
    results: dict[str, Status] = {}
    said: dict[str, str] = {}
    target = ""
    quoted = ""
    for line in output.splitlines():
        if heading := _RUNNING.match(line):
            target = heading[1] or f"doc {heading[2]}"
        elif case := _CARGO.match(line):
            how: Status = {"ok": "passed", "FAILED": "failed"}.get(case[2], "skipped")  # type: ignore[assignment]
            results[f"{target}::{case[1]}"[:MAX_ID_CHARS]] = how
        elif block := re.match(r"^---- (.+) stdout ----$", line):
            quoted = f"{target}::{block[1]}"
        elif not line or line == "failures:":
            quoted = quoted if not line else ""
        elif quoted:
            said[quoted] = f"{said.get(quoted, '')}{line}\n"
    return _told(results, said)


def _told(results: dict[str, Status], said: dict[str, str]) -> Results:
    if not results:
        raise UnreadableReport("the report tells of no test")
    red = [test for test, status in results.items() if status in ("failed", "error")][:MAX_FAILURES]
    return results, {test: said.get(test, "")[-MAX_FAILURE_CHARS:] for test in red}


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
