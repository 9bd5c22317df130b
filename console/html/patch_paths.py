"""The path of a file in git's patches, as git writes it in their headers
(https://git-scm.com/docs/diff-generate-patch#generate_patch_text_with_p).
"""

import re
from collections.abc import Iterable

#: In a quoted name: a byte that is not ASCII, a quotation mark, or a backslash. Control characters
#: stay as git writes them, such as ``\n``.
_ESCAPE = re.compile(rb'\\([2-3][0-7]{2}|["\\])')
_NEW_NAMES = ("rename to ", "copy to ")


def read_path(first_line: str, more_lines: Iterable[str]) -> str:
    """Return the path that a file has after the change, or had before it was deleted.

    Args:
        first_line: ``diff --git a/PATH b/PATH``.
        more_lines: the rest of the header; here is the new path of a renamed file.
    """
    for line in more_lines:
        for prefix in _NEW_NAMES:
            if line.startswith(prefix):
                return _unquote(line.removeprefix(prefix))
    names = first_line.removeprefix("diff --git ")
    # Both names are the same, and may contain spaces: the second one begins in the middle.
    return _unquote(names[len(names) // 2 + 1 :]).removeprefix("b/")


def _unquote(name: str) -> str:
    """Return a name without the quotes that git puts around unusual characters."""
    if not name.startswith('"'):
        return name
    return _ESCAPE.sub(_character, name[1:-1].encode()).decode(errors="replace")


def _character(escape: re.Match[bytes]) -> bytes:
    code = escape[1]
    return bytes([int(code, 8)]) if code.isdigit() else code
