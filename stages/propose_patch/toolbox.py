"""What an agent's calls do: look at git objects, edit them, run commands and tests in the sandbox.
Nothing else.

Reading never touches a file system: paths are looked up in git trees, so links lead nowhere. A
wrong call is answered with an error that says how to mend it."""

import asyncio
import difflib
from collections import Counter
from functools import partial

from prompts.filters import clip
from repository.definitions import find_definitions, grep_pattern
from repository.edits.apply_reply import apply_reply
from repository.edits.editable_files import EditableFiles
from repository.edits.model import EditFailed
from repository.files import is_test_file
from repository.git import Entry
from repository.testing.models import TestReport
from repository.testing.run.output import normalize_output
from stages.propose_patch.task import Task
from stages.propose_patch.tools import (
    TOOLS,
    Call,
    Edit,
    Open,
    Run,
    Search,
    Symbol,
    Test,
    ToolError,
    Undo,
)

MAX_SHOWN = 10_000
MAX_WIDTH = 300
"""Characters of one result, and of one line in it."""
MAX_LINES = 250
MAX_MATCHES = 40
MAX_SYMBOLS = 3
MAX_FILE_BYTES = 2_000_000
COMMAND_SECONDS = 120.0
#: Calls of each tool in one round; the steps bound the others.
MAX_CALLS = {"run": 20, "test": 10}


class Toolbox:
    """The tools in one round of a run. ``edits`` are those that count; together they make ``tree``
    out of the base.
    """

    def __init__(self, task: Task):
        self._task = task
        self._mirror = task.mirror
        self._base = task.mirror.tree_of(task.checkout.base_sha)
        self._listed: tuple[str, dict[str, Entry]] = ("", {})
        self.edits: list[str] = []
        self.tree = self._base
        self.paths = tuple[str, ...]()
        self.calls: Counter[str] = Counter()

    async def use(self, call: Call, place: str) -> str:
        """The result, clipped. ``place`` names the step in the run: what can't be made again is
        kept under it.
        """
        name = next(name for name, kind in TOOLS.items() if isinstance(call, kind))
        self.calls[name] += 1
        try:
            if self.calls[name] > MAX_CALLS.get(name, self.calls[name]):
                raise ToolError(
                    f"{name} was called {MAX_CALLS[name]} times, and that is all: submit what you"
                    " have."
                )
            match call:
                case Run():
                    return await self._task.run.remember(place, partial(self._run, call))
                case Test():
                    return await self._task.run.remember(place, partial(self._test, call))
                case _:
                    return clip(await asyncio.to_thread(self._look_or_edit, call), MAX_SHOWN)
        except (ToolError, EditFailed) as error:
            return f"Error: {clip(str(error), MAX_SHOWN)}"

    def write(self, edits: list[str]) -> str:
        """Make ``edits`` the ones that count, all or nothing, by the readers and rules that any reply is read with.

        Raises:
            EditFailed: they can't be applied together; those before stay.
        """
        before = self.tree
        if edits:
            files = EditableFiles.of_tree(self._mirror, self._base)
            applied = apply_reply("\n\n".join(edits), files, self._task.policy)
            self.tree = self._mirror.write_tree(self._base, applied.files)
            self.paths = tuple(sorted(applied.files))
        else:
            self.tree = self._base
            self.paths = ()
        self.edits = edits
        return self._mirror.diff(before, self.tree).decode(errors="replace") or "Nothing changed."

    def _look_or_edit(self, call: Call) -> str:
        match call:
            case Search():
                return self._search(call)
            case Open():
                return self._open(call)
            case Symbol():
                return self._symbol(call)
            case Edit():
                return self.write([*self.edits, call.body])
            case Undo() if self.edits:
                return self.write(self.edits[:-1])
        raise ToolError("There is no edit: nothing to take back, or to hand in.")

    def _search(self, call: Search) -> str:
        folder = call.path.strip("/")
        if folder and not any(
            path == folder or path.startswith(f"{folder}/") for path in self._files
        ):
            raise self._missing(call.path)
        found = self._mirror.grep(self.tree, call.text, folder=folder)
        shown = "\n".join(line[:MAX_WIDTH] for line in found[:MAX_MATCHES])
        more = f" (the first {MAX_MATCHES} are shown)" if len(found) > MAX_MATCHES else ""
        return f"{len(found)} lines{more}\n{shown}"

    def _open(self, call: Open) -> str:
        lines = self._text(call.path).splitlines()
        first, last = (
            (int(number) for number in call.lines.split("-")) if call.lines else (1, MAX_LINES)
        )
        if not 1 <= first <= min(last, max(len(lines), 1)):
            raise ToolError(f"{call.path} has {len(lines)} lines; there are no lines {call.lines}.")
        last = min(last, first + MAX_LINES - 1, len(lines))
        return f"{call.path}, lines {first}-{last} of {len(lines)}\n{_numbered(lines, first, last)}"

    def _symbol(self, call: Symbol) -> str:
        name = call.name.rsplit(".", 1)[-1]
        places: list[str] = []
        for path in dict.fromkeys(
            line.split(":")[0]
            for line in self._mirror.grep(self.tree, grep_pattern(name), regex=True)
        ):
            lines = self._text(path).splitlines() if path in self._files else []
            for definition in find_definitions(path, lines, call.name):
                first = definition.first
                last = min(definition.last, first + MAX_LINES // MAX_SYMBOLS)
                places.append(f"{path}, lines {first}-{last}\n{_numbered(lines, first, last)}")
        if not places:
            raise ToolError(f"No definition of {call.name} was found: search for it.")
        more = f" (the first {MAX_SYMBOLS} are shown)" if len(places) > MAX_SYMBOLS else ""
        return "\n\n".join([f"{len(places)} definitions{more}", *places[:MAX_SYMBOLS]])

    async def _run(self, call: Run) -> str:
        bed = self._task.open_test_bed()
        if bed is None or self._task.sandbox.name == "none":
            why = (
                self._task.suite.reason
                if self._task.sandbox.name != "none"
                else "nothing isolates them"
            )
            return f"Error: commands can't be run here ({why}): look with search, open and symbol."
        changes = await asyncio.to_thread(self._changes)
        done = await bed.command(changes, call.body, seconds=COMMAND_SECONDS)
        ended = (
            f"stopped after {COMMAND_SECONDS:g} s"
            if done.timed_out
            else f"ended with {done.returncode}"
        )
        lines = (
            line[:MAX_WIDTH]
            for line in normalize_output(done.output, self._task.run.workspace).splitlines()
        )
        return clip("\n".join(lines), MAX_SHOWN) + f"\n[{ended}]"

    async def _test(self, call: Test) -> str:
        suite = self._task.suite
        files = [line.strip() for line in call.body.splitlines() if line.strip()]
        bed = self._task.open_test_bed()
        if bed is None or suite.base is None:
            return f"Error: {suite.reason}."
        for path in files:
            if path not in await asyncio.to_thread(lambda: self._files):
                return f"Error: {self._missing(path)}"
            if not is_test_file(path, bed.recipe.patterns):
                return f"Error: {path} is no test file."
        changes = await asyncio.to_thread(self._changes)
        report = await bed.run(changes, files or suite.tests, label="tests-agent")
        return clip(
            normalize_output(_result(report, suite.base), self._task.run.workspace), MAX_SHOWN
        )

    def _changes(self) -> dict[str, bytes | None]:
        return {path: self._mirror.read(self.tree, path) for path in self.paths}

    @property
    def _files(self) -> dict[str, Entry]:
        if self._listed[0] != self.tree:
            self._listed = (
                self.tree,
                {entry.path: entry for entry in self._mirror.files(self.tree)},
            )
        return self._listed[1]

    def _text(self, path: str) -> str:
        entry = self._files.get(path)
        if entry is None:
            raise self._missing(path)
        data = self._mirror.read(self.tree, path) if entry.size <= MAX_FILE_BYTES else None
        if data is None or b"\0" in data:
            kind = {"120000": "a symbolic link", "160000": "a submodule"}.get(
                entry.mode, "too large, or no text"
            )
            raise ToolError(f"{path} is {kind}: it can't be shown.")
        return data.decode(errors="replace")

    def _missing(self, path: str) -> ToolError:
        name = path.rstrip("/").rsplit("/", 1)[-1]
        named = [known for known in self._files if known.rsplit("/", 1)[-1] == name]
        near = named or difflib.get_close_matches(path, list(self._files)[:20_000], 3)
        hint = (
            f" There is {', '.join(near[:5])}."
            if near
            else " Paths are relative to the repository's root."
        )
        return ToolError(f"there is no file {clip(path, 200)!r}.{hint}")


def _numbered(lines: list[str], first: int, last: int) -> str:
    return "\n".join(
        f"{number:>5} {lines[number - 1][:MAX_WIDTH]}" for number in range(first, last + 1)
    )


def _result(report: TestReport, base: TestReport) -> str:
    """New failures first, and what they say."""
    if not report.results:
        return f"The tests did not run to their end:\n{report.output}"
    fresh = sorted(report.red - base.red)
    fixed = len(base.red & report.green)
    told = [
        f"{len(report.green)} tests pass, {len(report.red)} fail; {fixed} that failed before your"
        " edits pass now"
    ]
    told += [
        f"\n{test}\n{report.failures.get(test, '')[-2_000:]}"
        for test in [*fresh, *sorted(base.red & report.red)]
    ]
    return "\n".join([*told, *([report.output] if not report.completed else [])])
