"""Names that Windows can't store: a branch with such a file can't be checked out there.

The rules: https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file
"""

import re
from collections.abc import Iterable

_RESERVED = re.compile(
    r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(?:\..*)?", re.I
)
"""Devices: with any extension, too."""
_FORBIDDEN = re.compile(r'[<>:"|?*]')
_SHORT_NAME = re.compile(r"[^.]{1,6}~[0-9]{1,3}(?:\.[^.]{0,3})?")
"""The name that Windows gives to a longer one: ``GITHUB~1`` may lead to ``.github``."""


def windows_problem(parts: Iterable[str]) -> str | None:
    """Return what is wrong with the parts of a path; None if Windows can store them."""
    for part in parts:
        if _RESERVED.fullmatch(part):
            return "Windows reserves such a name for a device"
        if part.endswith((".", " ")):
            return "write it without dots and spaces at the end of a part"
        if _FORBIDDEN.search(part):
            return 'Windows allows none of the characters < > : " | ? * in a name'
        if _SHORT_NAME.fullmatch(part):
            return "on Windows it may be the short name of another file"
    return None
