"""Apply edits to the texts of files: all edits or none."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from prompts.filters import code
from repository.edits.checks import check_new_lines
from repository.edits.feedback import describe_missing_file
from repository.edits.file_lines import FileLines, Match
from repository.edits.hunks import PlacedHunks, replace_hunks
from repository.edits.locate import locate
from repository.edits.model import (
    MAX_EDITS,
    DeleteFile,
    Edit,
    EditFailed,
    Hunks,
    Lines,
    MoveFile,
    Replace,
    ReplaceLines,
    ReplaceText,
    SearchReplace,
    SetMode,
    WriteFile,
    is_blank,
)
from repository.files import name_of

_MAX_REPLACED = 2_000_000
"""Maximum number of characters that replacing every occurrence of a text may write."""
_MAX_SEARCHED = 8_000_000
"""Maximum number of characters searched for the edits of one reply; each edit counts its file."""
_EMPTY_FILES = ("__init__.py", "py.typed", ".gitkeep", ".keep")
"""Names of files whose mere presence counts."""
_MAX_PATH = 1_000
_MAX_SHOWN_PATH = 200


@dataclass(frozen=True)
class Placement:
    """How one edit was applied."""

    number: int
    path: str
    hunks: PlacedHunks = ()
    """Empty if nothing had to be located."""

    @property
    def description(self) -> str:
        """The placement for a person, such as ``exact at line 3``."""
        if not self.hunks:
            return "as written"
        places = [f"{hunk.rung} at line {hunk.line}" for hunk in self.hunks]
        return ", ".join(places)


@dataclass(frozen=True)
class AppliedEdits:
    """Texts of files by path, before and after the edits; None if there is no file."""

    before: dict[str, str | None]
    """Every file that was edited."""
    after: dict[str, str | None]
    """Every file whose text changed."""
    placements: tuple[Placement, ...]
    moved: dict[str, str] = field(default_factory=dict)
    """New path -> the path of the file that was renamed or copied to it."""
    executable: dict[str, bool] = field(default_factory=dict)
    """Path -> whether it becomes executable, where an edit says so."""

    @property
    def created(self) -> dict[str, str]:
        """The texts of files that did not exist under any name."""
        texts: dict[str, str] = {}
        for path, text in self.after.items():
            if text is not None and self.before[path] is None and path not in self.moved:
                texts[path] = text
        return texts

    def following_moves(self) -> tuple[dict[str, str | None], dict[str, str | None]]:
        """Return the texts before and after, those of a moved file under its new path."""
        before = dict(self.before)
        after = dict(self.after)
        for path, source in self.moved.items():
            if path in after:
                before[path] = self.before[source]
        for source in self.moved.values():
            if after.get(source, "") is None:
                del after[source]
        return before, after


def apply_edits(
    edits: Sequence[Edit],
    read: Callable[[str], str | None],
    paths: Collection[str],
    refusal: Callable[[str], str | None],
) -> AppliedEdits:
    """Apply edits in order; later ones see the results of earlier ones.

    Line endings, the byte-order mark and the presence of a final newline are preserved. An edit
    that changes nothing must match, too.

    Args:
        edits: The edits of one reply.
        read: Returns a file's text, or None if there is no such file; raises EditFailed for a file
            that can't be edited.
        paths: The paths of the repository, for hints and to shorten absolute paths.
        refusal: Returns why a path may not be written, or None if it may.

    Raises:
        EditFailed: some edits do not apply, or they change nothing; the message gives the reason
            for each edit that does not apply.
    """
    editor = _Editor(read, paths)
    failures: list[str] = []
    for edit in edits:
        try:
            editor.apply(_permitted(edit, paths, refusal))
        except EditFailed as error:
            short_path = edit.path[:_MAX_SHOWN_PATH]
            failures.append(f"Block {edit.number} ({code(short_path)}) can't be applied: {error}")
    if failures:
        raise EditFailed(_describe_failures(failures, len(edits)))
    changed = editor.changed()
    if not changed and not editor.executable:
        raise EditFailed("The blocks change nothing: the files already contain their replacements")
    _check_emptied(editor.before, changed, edits)
    return AppliedEdits(
        before=editor.before,
        after=changed,
        placements=tuple(editor.placements),
        moved=editor.moved,
        executable=editor.executable,
    )


def _permitted(edit: Edit, paths: Collection[str], refusal: Callable[[str], str | None]) -> Edit:
    """Return an edit with relative paths.

    Raises:
        EditFailed: one of them may not be written.
    """
    edit = replace(edit, path=_relative_path(edit.path, paths))
    written = [edit.path]
    if isinstance(edit.change, MoveFile):
        change = replace(edit.change, to=_relative_path(edit.change.to, paths))
        edit = replace(edit, change=change)
        written.append(change.to)
    for path in written:
        reason = refusal(path)
        if reason:
            raise EditFailed(reason)
    return edit


def _check_emptied(
    before: Mapping[str, str | None], after: Mapping[str, str | None], edits: Sequence[Edit]
) -> None:
    """Refuse edits that leave nothing of a file: that is how models write a deletion.

    Raises:
        EditFailed: the message says how a file is deleted.
    """
    written = {edit.path for edit in edits if isinstance(edit.change, WriteFile)}
    for path, text in after.items():
        may_be_empty = path in written or name_of(path) in _EMPTY_FILES
        if text is None or text.strip() or may_be_empty:
            continue
        if (before.get(path) or "").strip():
            raise EditFailed(
                f"The edits leave {code(path[:_MAX_SHOWN_PATH])} empty. To delete the file, write a"
                f" line of its own instead: *** Delete File: {path[:_MAX_SHOWN_PATH]}"
            )


def _describe_failures(failures: list[str], edits: int) -> str:
    message = "\n\n".join(failures)
    applicable = edits - len(failures)
    if applicable:
        message += f"\n\nThe other {applicable} would apply, in the given order."
    return message


def _relative_path(path: str, paths: Collection[str]) -> str:
    """Shorten an absolute path (of a container, say) to its only suffix that is a file's path.

    Return the path unchanged if it is relative, or if no suffix or several are files.
    """
    if not path.startswith("/"):
        return path
    parts = path[1:_MAX_PATH].split("/")
    files: list[str] = []
    for at in range(len(parts)):
        end = "/".join(parts[at:])
        if end in paths:
            files.append(end)
    return files[0] if len(files) == 1 else path


class _Editor:
    """Applies edits one after another, and holds the current texts of the files."""

    def __init__(self, read: Callable[[str], str | None], paths: Collection[str]):
        self._read = read
        self._paths = paths
        self._searched = 0
        self._renumbered: dict[str, int] = {}
        """path -> the first line whose number may differ from the one that the model saw."""
        self.before: dict[str, str | None] = {}
        self.after: dict[str, str | None] = {}
        self.moved: dict[str, str] = {}
        self.executable: dict[str, bool] = {}
        self.placements: list[Placement] = []

    def changed(self) -> dict[str, str | None]:
        """Return the new texts of the files that changed."""
        changed: dict[str, str | None] = {}
        for path, text in self.after.items():
            if text != self.before[path]:
                changed[path] = text
        return changed

    def apply(self, edit: Edit) -> None:
        """Apply one edit; raise EditFailed if it does not apply."""
        path = edit.path
        text = self._text(path)
        hunks: PlacedHunks = ()
        match edit.change:
            case MoveFile():
                self._move(path, text, edit.change)
            case SetMode():
                if text is None:
                    raise EditFailed(describe_missing_file(path, self._paths))
                self.executable[path] = edit.change.executable
            case _:
                self.after[path], hunks = self._edited(edit, text)
        self.placements.append(Placement(edit.number, path, hunks))

    def _text(self, path: str) -> str | None:
        """Return a file's current text; None if there is no such file."""
        if path not in self.before:
            self.before[path] = self._read(path)
            self.after[path] = self.before[path]
        return self.after[path]

    def _move(self, path: str, text: str | None, change: MoveFile) -> None:
        if text is None:
            raise EditFailed(describe_missing_file(path, self._paths))
        if self._text(change.to) is not None:
            raise EditFailed(f"there is a file {code(change.to[:_MAX_SHOWN_PATH])} already")
        self.after[change.to] = text
        self.moved[change.to] = self.moved.get(path, path)
        if path in self.executable:
            self.executable[change.to] = self.executable[path]
        if not change.keeps_source:
            self.after[path] = None
            self.executable.pop(path, None)

    def _edited(self, edit: Edit, text: str | None) -> tuple[str | None, PlacedHunks]:
        """Return the text after an edit, and where its hunks were applied."""
        change = edit.change
        if isinstance(change, WriteFile):
            return _write_file(text, change), ()
        if isinstance(change, Replace) and is_blank(change.variants[0].search):
            return _create_file(text, change.variants[0].replacement), ()
        if text is None:
            raise EditFailed(describe_missing_file(edit.path, self._paths))
        match change:
            case DeleteFile():
                return None, ()
            case ReplaceText():
                return _replace_text(text, change), ()
            case ReplaceLines():
                return self._replace_lines(edit.path, text, change), ()
            case Replace():
                return self._replace_hunks(edit.path, text, (change,))
            case Hunks():
                return self._replace_hunks(edit.path, text, change.hunks)
        raise AssertionError(f"not an edit of a text: {change}")

    def _replace_hunks(
        self, path: str, text: str, hunks: Sequence[Replace]
    ) -> tuple[str, PlacedHunks]:
        if len(hunks) > MAX_EDITS:
            raise EditFailed(f"it has more than {MAX_EDITS} hunks")
        self._searched += len(text) * len(hunks)
        if self._searched > max(_MAX_SEARCHED, len(text)):
            raise EditFailed(
                "too many edits of too long a file to search for: write fewer, larger blocks"
            )
        return replace_hunks(path, text, hunks)

    def _replace_lines(self, path: str, text: str, change: ReplaceLines) -> str:
        check_new_lines(change.new, text)
        file = FileLines.split(text)
        count = len(file.lines)
        first = change.start - 1
        if not (0 <= first <= count and first <= change.end <= count):
            raise EditFailed(
                f"lines {change.start} to {change.end} are not in the file, which has {count}"
            )
        renumbered = self._renumbered.get(path)
        if renumbered is not None and change.end >= renumbered:
            raise EditFailed(
                "an earlier call moved these lines, so it is not clear which lines are meant"
            )
        if len(change.new) != change.end - first:
            # This is always above earlier changes, since lines below those are refused.
            self._renumbered[path] = change.start
        return file.replace_lines([Match(first, change.end, change.new)])


def _create_file(text: str | None, lines: Lines) -> str:
    check_new_lines(lines, text)
    if text:
        raise EditFailed(
            "its SEARCH is empty, which creates a new file, but the file exists and is not empty"
        )
    if is_blank(lines):
        return ""
    return "\n".join(lines) + "\n"


def _write_file(text: str | None, change: WriteFile) -> str:
    check_new_lines(change.lines, text)
    file = FileLines.split(text or "")
    if text and not change.explicit and not _keeps_half(file.lines, change.lines):
        raise EditFailed("it looks like only part of the file: write search/replace blocks")
    everything = Match(0, len(file.lines), change.lines)
    return file.replace_lines([everything])


def _keeps_half(lines: Sequence[str], new: Sequence[str]) -> bool:
    """Return whether at least half of a file's lines are among the new lines."""
    new_lines = set(new)
    repeated = sum(line in new_lines for line in lines)
    return 2 * repeated >= len(lines)


def _replace_text(text: str, change: ReplaceText) -> str:
    old = change.old.replace("\r\n", "\n")
    new = change.new.replace("\r\n", "\n")
    check_new_lines(new.split("\n"), text)
    if not old:
        raise EditFailed("it searches for nothing")
    old_in_file = old
    new_in_file = new
    if "\r\n" in text and "\n" not in text.replace("\r\n", ""):
        old_in_file = old.replace("\n", "\r\n")
        new_in_file = new.replace("\n", "\r\n")
    count = text.count(old_in_file)
    if count * len(new_in_file) > _MAX_REPLACED:
        raise EditFailed("it would make the file far too long")
    if count > 1 and not change.everywhere:
        raise EditFailed(
            f"its search text occurs {count} times; give more text, so that it occurs only once"
        )
    if count == 0:
        return _replace_as_lines(text, old, new)
    return text.replace(old_in_file, new_in_file)


def _replace_as_lines(text: str, old: str, new: str) -> str:
    """Replace a text that has no exact match, by locating it as whole lines."""
    file = FileLines.split(text)
    search = tuple(old.split("\n"))
    replacement = tuple(new.split("\n"))
    block = SearchReplace(search, replacement)
    match = locate(file.lines, Replace((block,)))
    return file.replace_lines([match])
