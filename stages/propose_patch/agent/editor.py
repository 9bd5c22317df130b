"""The string-replace editor of the agent: view, create, str_replace, insert, undo_edit.

An edit that makes a file unparsable is refused at once. The content before each edit is stored, so
that a resumed run can undo it, too.
"""

import difflib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from prompts.filters import code, fenced
from repository.context.named_files import why_not_text
from repository.edits.checks import check_new_lines
from repository.edits.encoding import decode
from repository.edits.model import DeleteFile, EditFailed, ReplaceLines, ReplaceText
from repository.edits.model import Edit as EditBlock
from repository.edits.readers import read_reply, require_edits
from repository.files import name_of
from repository.workspace import Workspace
from stages.propose_patch.agent.display import show_diff, show_lines
from stages.propose_patch.agent.files import MAX_FILE_BYTES, FileEdit, WorkspaceFiles
from stages.propose_patch.agent.messages import listing
from stages.propose_patch.agent.protocol.tools import ApplyEdits, Edit
from stages.propose_patch.agent.steps import EditedFile

MAX_ENTRIES = 500
#: Maximum number of paths that a missing one is compared with.
_MAX_COMPARED = 20_000
_SUBMODULE = "is a submodule, whose files are not here"
_USE_A_COMMAND = "Look at a part of it with a command, such as `sed -n '1,100p'`"
#: ``await save(name, data)`` stores an artifact and returns its key.
SaveArtifact = Callable[[str, bytes], Awaitable[str]]
LoadArtifact = Callable[[str], Awaitable[bytes]]


@dataclass(frozen=True)
class EditResult:
    """The editor's output, and the files that it changed."""

    text: str
    files: tuple[EditedFile, ...] = ()


class Editor:
    """The editor, with the undo history of each file."""

    def __init__(
        self,
        workspace: Workspace,
        files: WorkspaceFiles,
        paths: Sequence[str],
        save: SaveArtifact,
        load: LoadArtifact,
    ):
        """``paths`` are those of the base commit, for hints about missing files."""
        self._workspace = workspace
        self._files = files
        self._paths = paths
        self._save = save
        self._load = load
        self._history: dict[str, list[EditedFile]] = {}

    def remember(self, edited: Sequence[EditedFile]) -> None:
        """Add the edits of a step to the undo history."""
        for file in edited:
            history = self._history.setdefault(file.path, [])
            if file.undone:
                history.pop()
            else:
                history.append(file)

    async def use(self, call: Edit | ApplyEdits) -> EditResult:
        """Execute a call.

        Raises:
            EditFailed: nothing was changed; the message says why.
        """
        if isinstance(call, ApplyEdits):
            return await self._apply_through_links(self._read(call))
        path = self._files.shorten(call.path)
        target = await self._files.resolve(path)
        notes = _note_links({path: target})
        try:
            result = await self._edit(call, target)
        except EditFailed as error:
            raise EditFailed("".join([str(error), *notes])) from error
        return replace(result, text="".join([result.text, *notes]))

    async def _edit(self, call: Edit, path: str) -> EditResult:
        match call.command:
            case "view":
                return EditResult(await self._view(path, call.view_range))
            case "create":
                return await self._create(path, call.file_text or "")
            case "str_replace":
                change = ReplaceText(call.old_str or "", call.new_str or "", call.replace_all)
                return await self._apply([EditBlock(1, path, change)])
            case "insert":
                return await self._insert(path, call.insert_line or 0, call.new_str or "")
            case "undo_edit":
                return await self._undo(path)

    async def start_over(self, call: ApplyEdits) -> EditResult:
        """Apply edits to the unchanged repository, in place of every change so far.

        Raises:
            EditFailed: nothing was changed; the message says why.
        """
        return await self._finish(await self._files.start_over(self._read(call)))

    def _read(self, call: ApplyEdits) -> tuple[EditBlock, ...]:
        """Return the edits of a call.

        Raises:
            EditFailed: they can't be read.
        """
        return require_edits(read_reply(call.text, self._paths))

    # Reading

    async def _view(self, path: str, view_range: tuple[int, int] | None) -> str:
        try:
            data = await self._workspace.read(path, limit=MAX_FILE_BYTES)
        except IsADirectoryError:
            if path in self._paths:
                raise EditFailed(f"{code(path)} {_SUBMODULE}") from None
            return await self._list(path)
        except FileNotFoundError:
            raise EditFailed(self._missing(path)) from None
        except ValueError as error:
            raise EditFailed(f"{code(path)}: {error}. {_USE_A_COMMAND}") from error
        reason = why_not_text(data)
        if reason:
            raise EditFailed(f"{code(path)} can't be shown: {reason}")
        return show_lines(path, decode(data).text, view_range)

    async def _list(self, path: str) -> str:
        names = await self._workspace.list(path)
        entries = "\n".join(names[:MAX_ENTRIES])
        text = f"{code(path)} is a folder; two levels of it:\n\n{fenced(entries)}"
        more = len(names) - MAX_ENTRIES
        if more > 0:
            text += f"\n{more} more entries are not shown: view one of its folders."
        return text

    # Writing

    async def _create(self, path: str, text: str) -> EditResult:
        reason = self._files.refusal(path)
        if reason:
            raise EditFailed(reason)
        before = await self._files.read(path)
        text_before = None if before is None else decode(before).text
        check_new_lines(text.split("\n"), text_before)
        await self._files.check({path: text_before}, {path: text})
        created = {path: text} if before is None else {}
        converted = await self._files.with_line_ends({path: text}, created)
        after = (converted[path] or "").encode(errors="replace")
        await self._files.write(path, after)
        file = FileEdit(path, before, after, text_before or "", text)
        return await self._finish([file])

    async def _insert(self, path: str, line: int, new: str) -> EditResult:
        lines = tuple(new.removesuffix("\n").split("\n"))
        change = ReplaceLines(line + 1, line, lines)
        return await self._apply([EditBlock(1, path, change)])

    async def _undo(self, path: str) -> EditResult:
        history = self._history.get(path)
        if not history:
            raise EditFailed(
                f"no edit of {code(path)} is left to undo; changes by commands can be undone with"
                " git"
            )
        last = history[-1]
        now = await self._files.read(path)
        before = None if last.before_key is None else await self._load(last.before_key)
        await self._files.write(path, before)
        undone = EditedFile(path=path, before_key=last.before_key, undone=True)
        self.remember([undone])
        diff = show_diff(path, _text(now), _text(before))
        return EditResult(f"undone.\n\n{diff}", (undone,))

    async def _apply_through_links(self, edits: Sequence[EditBlock]) -> EditResult:
        """Apply edits to the files that their paths lead to; a deleted link is only removed."""
        targets: dict[str, str] = {}
        resolved: list[EditBlock] = []
        for edit in edits:
            if isinstance(edit.change, DeleteFile):
                resolved.append(edit)
                continue
            path = self._files.shorten(edit.path)
            targets[path] = await self._files.resolve(path)
            resolved.append(replace(edit, path=targets[path]))
        result = await self._apply(resolved)
        return replace(result, text="".join([result.text, *_note_links(targets)]))

    async def _apply(self, edits: Sequence[EditBlock]) -> EditResult:
        return await self._finish(await self._files.edit(edits))

    async def _finish(self, changed: Sequence[FileEdit]) -> EditResult:
        edited: list[EditedFile] = []
        diffs: list[str] = []
        for file in changed:
            key = None
            if file.before is not None:
                key = await self._save("before-edit", file.before)
            edited.append(EditedFile(path=file.path, before_key=key))
            diffs.append(show_diff(file.path, file.text_before, file.text_after))
        self.remember(edited)
        return EditResult("done.\n\n" + "\n\n".join(diffs), tuple(edited))

    def _missing(self, path: str) -> str:
        """Return the error for a missing file, with similar paths."""
        name = name_of(path)
        same_name = [known for known in self._paths if name_of(known) == name and known != path]
        similar = same_name or difflib.get_close_matches(path, self._paths[:_MAX_COMPARED], 3)
        message = f"there is no file or folder {code(path)}"
        for known in self._paths:
            if path.startswith(f"{known}/"):
                return f"{message}: {code(known)} is a file or a submodule"
        if path in self._paths:
            return f"{message}: it was deleted, or is a symbolic link to nothing"
        if similar:
            message += f"; similar paths: {listing(similar[:5])}"
        return message


def _note_links(targets: Mapping[str, str]) -> list[str]:
    """Return a sentence for each path that leads to another one."""
    notes: list[str] = []
    for path, target in targets.items():
        if path != target:
            notes.append(f"\n\n{code(path)} leads to {code(target)}: links are followed.")
    return notes


def _text(data: bytes | None) -> str:
    return "" if data is None else decode(data).text
