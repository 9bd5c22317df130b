"""A reply's edits as a tree of git objects: every edit applies, or none does."""

from pipeline.git import Mirror
from stages.apply_patch.edits import EditFailed, parse_reply
from stages.apply_patch.matching import apply_edits

MAX_FILE_BYTES = 2_000_000
MAX_SUMMARY = 1_500
"""Characters."""


def write_reply(mirror: Mirror, base_sha: str, reply: str) -> tuple[str, tuple[str, ...], str]:
    """The tree with the reply's edits, the paths it changes, and the reply's prose.

    Raises:
        EditFailed: it holds none, or one does not apply.
    """
    parsed = parse_reply(reply)
    if not parsed.edits:
        raise EditFailed("The reply holds no edits.")
    base = _Base(mirror, base_sha)
    changed = apply_edits(base.text, parsed.edits, base.entries.keys())
    tree = mirror.write_tree(base_sha, {path: text.encode() for path, text in changed.items()})
    prose = parsed.prose if len(parsed.prose) <= MAX_SUMMARY else parsed.prose[: MAX_SUMMARY - 4].rstrip() + " ..."
    return tree, tuple(sorted(changed)), prose


class _Base:
    """The files of the base commit, as far as they may be edited."""

    def __init__(self, mirror: Mirror, sha: str):
        self._mirror, self._sha = mirror, sha
        self.entries = {entry.path: entry for entry in mirror.files(sha)}
        self._folders = {path[:at] for path in self.entries for at, part in enumerate(path) if part == "/"}

    def text(self, path: str) -> str | None:
        """Raises EditFailed where ``path`` is no text file, and can't become one."""
        entry = self.entries.get(path)
        if entry is None:
            if path in self._folders:
                raise EditFailed("it is a folder")
            parents = (path[:at] for at, part in enumerate(path) if part == "/")
            if above := next((parent for parent in parents if parent in self.entries), None):
                raise EditFailed(f"{above} is not a folder")
            return None
        if entry.mode not in ("100644", "100755"):
            raise EditFailed("it is a symbolic link" if entry.mode == "120000" else "it is a submodule")
        if entry.size > MAX_FILE_BYTES:
            raise EditFailed(f"the file has {entry.size} bytes; {MAX_FILE_BYTES} at most can be edited")
        data = next(self._mirror.read_many([entry.sha]))
        if b"\0" in data:
            raise EditFailed("it is a binary file")
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise EditFailed("the file is not UTF-8") from error
