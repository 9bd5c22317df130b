"""Read and write the workspace's files for the editor."""

import asyncio
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from repository.edits.apply import AppliedEdits, apply_edits
from repository.edits.checks import check_conflict_markers
from repository.edits.encoding import DecodedFiles, decode
from repository.edits.model import Edit, EditFailed
from repository.workspace import CommandOutput, Workspace
from stages.propose_patch.base_code import BaseCode

#: Size in bytes of a file that the editor opens.
MAX_FILE_BYTES = 2_000_000
#: Seconds for removing a file, or changing its mode.
_COMMAND_SECONDS = 30.0


@dataclass(frozen=True)
class FileEdit:
    """One file before and after an edit; None if there is no file."""

    path: str
    before: bytes | None
    after: bytes | None
    text_before: str
    text_after: str


class WorkspaceFiles:
    """Reads and writes files of the workspace; those of the tree by relative paths."""

    def __init__(self, workspace: Workspace, base: BaseCode, paths: Sequence[str]):
        """``paths`` are those of the base commit, for hints about missing files."""
        self._workspace = workspace
        self._base = base
        self._paths = paths

    def shorten(self, path: str) -> str:
        """Return the path relative to the tree; paths outside the tree stay absolute."""
        tree = str(self._workspace.facts.tree)
        if path == tree:
            return "."
        relative = path.removeprefix(f"{tree}/")
        while relative.startswith("./"):
            relative = relative[2:].lstrip("/")
        return relative.rstrip("/") or "."

    async def resolve(self, path: str) -> str:
        """Return the path of the file that a path leads to by symbolic links.

        Raises:
            EditFailed: the path is not valid.
        """
        try:
            return self.shorten(await self._workspace.resolve(path))
        except ValueError as error:
            raise EditFailed(str(error)) from error

    async def read(self, path: str) -> bytes | None:
        """Return a file's bytes; None if there is no file.

        Raises:
            EditFailed: it is a folder, or can't be read.
        """
        try:
            return await self._workspace.read(path, limit=MAX_FILE_BYTES)
        except FileNotFoundError:
            return None
        except IsADirectoryError:
            raise EditFailed("it is a folder") from None
        except ValueError as error:
            raise EditFailed(str(error)) from error

    async def edit(self, edits: Sequence[Edit]) -> list[FileEdit]:
        """Apply edits, all or none, and write the files.

        Raises:
            EditFailed: the message says why none was applied.
        """
        read, data = self._reader()
        files = DecodedFiles(read)
        applied = await self._apply(edits, files)
        texts = {path: applied.before[path] for path in applied.executable} | applied.after
        planned: list[FileEdit] = []
        converted = await self.with_line_ends(texts, applied.created)
        for path, after in files.encode(converted, applied.moved).items():
            file = FileEdit(
                path=path,
                before=data[path],
                after=after,
                text_before=applied.before[path] or "",
                text_after=texts[path] or "",
            )
            planned.append(file)
        return await self._write_all(planned, applied)

    async def start_over(self, edits: Sequence[Edit]) -> list[FileEdit]:
        """Apply edits to the base commit, in place of every change so far, and write the files.

        Raises:
            EditFailed: the message says why nothing was changed.
        """
        contents: dict[str, bytes | None] = {}
        for path in (await self._workspace.changes()).files:
            contents[path] = await asyncio.to_thread(self._base.read, path)
        files = DecodedFiles(self._base.read)
        applied = await self._apply(edits, files)
        converted = await self.with_line_ends(applied.after, applied.created)
        contents.update(files.encode(converted, applied.moved))
        planned: list[FileEdit] = []
        for path, after in contents.items():
            before = await self.read(path)
            if before != after:
                planned.append(_file_edit(path, before, after))
        if not planned:
            raise EditFailed("These edits change nothing: the files already have this content.")
        return await self._write_all(planned, applied)

    async def with_line_ends(
        self, texts: Mapping[str, str | None], created: Mapping[str, str]
    ) -> dict[str, str | None]:
        """Return the texts, those of new files in the tree with the usual line ends."""
        inside = {path: text for path, text in created.items() if not path.startswith("/")}
        return await asyncio.to_thread(self._base.with_line_ends, texts, inside)

    async def _write_all(self, planned: list[FileEdit], applied: AppliedEdits) -> list[FileEdit]:
        """Write files, then their modes, which may be those of files that are then removed."""
        written = [file for file in planned if file.after is not None]
        for file in written:
            await self.write(file.path, file.after)
        for command in _mode_commands(applied):
            await self._run(command)
        for file in planned:
            if file.after is None:
                await self.write(file.path, None)
        return planned

    async def _run(self, command: str) -> None:
        output = await self._workspace.run(command, seconds=_COMMAND_SECONDS)
        if output.exit_code != 0:
            raise EditFailed(f"a file can't be removed or given its mode: {_explain(output)}")

    async def write(self, path: str, content: bytes | None) -> None:
        """Write a file, or remove it.

        Raises:
            EditFailed: it can't be written.
        """
        if content is None:
            await self._run(f"rm -f -- {shlex.quote(path)}")
            return
        try:
            await self._workspace.write(path, content)
        except ValueError as error:
            raise EditFailed(str(error)) from error

    def refusal(self, path: str) -> str | None:
        """Return why a path may not be written, or None; outside the tree, any path may be."""
        if path.startswith("/"):
            return None
        return self._base.policy.refusal(path, exists=path in self._paths)

    async def _apply(self, edits: Sequence[Edit], files: DecodedFiles) -> AppliedEdits:
        """Return the texts of the edited files, before and after, without writing them.

        Raises:
            EditFailed: an edit can't be applied, or a file no longer parses.
        """
        applied = await asyncio.to_thread(apply_edits, edits, files.read, self._paths, self.refusal)
        await self.check(*applied.following_moves())
        return applied

    async def check(
        self, before: Mapping[str, str | None], after: Mapping[str, str | None]
    ) -> None:
        """Check the new texts of files.

        Raises:
            EditFailed: a file no longer parses, or there is a new conflict marker.
        """
        check_conflict_markers(before, after)
        await asyncio.to_thread(self._base.syntax.check, before, after)

    def _reader(self) -> tuple[Callable[[str], bytes | None], dict[str, bytes | None]]:
        """Return a blocking reader for a thread, and the contents that it reads."""
        loop = asyncio.get_running_loop()
        data: dict[str, bytes | None] = {}

        def read(path: str) -> bytes | None:
            data[path] = asyncio.run_coroutine_threadsafe(self.read(path), loop).result()
            return data[path]

        return read, data


def _file_edit(path: str, before: bytes | None, after: bytes | None) -> FileEdit:
    """Return an edit of contents that are text."""
    return FileEdit(
        path=path,
        before=before,
        after=after,
        text_before="" if before is None else decode(before).text,
        text_after="" if after is None else decode(after).text,
    )


def _mode_commands(applied: AppliedEdits) -> list[str]:
    """Return the commands that give moved files their modes, and others the ones in the edits."""
    commands: list[str] = []
    for path, source in applied.moved.items():
        reference = shlex.quote(f"--reference={source}")
        commands.append(f"chmod {reference} -- {shlex.quote(path)}")
    for path, executable in applied.executable.items():
        commands.append(f"chmod a{'+' if executable else '-'}x -- {shlex.quote(path)}")
    return commands


def _explain(output: CommandOutput) -> str:
    """Return why a command failed: what the harness notes about it, or what it printed last."""
    printed = output.text.strip().rpartition(": ")[2]
    return " ".join(output.notes) or printed or f"exit code {output.exit_code}"
