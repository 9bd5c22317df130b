"""Accounts for the user ids of sessions: without a name, pwd and getpass fail in a session."""

import fcntl
import sys
from pathlib import Path

from sandbox.uid.users import USER_IDS, home_of


def ensure_accounts() -> None:
    """Add missing accounts. An image may have them already; a read-only image must."""
    _ensure_entries(Path("/etc/passwd"), "{name}:x:{uid}:{uid}::{home}:/bin/sh\n")
    _ensure_entries(Path("/etc/group"), "{name}:x:{uid}:\n")


def _ensure_entries(path: Path, template: str) -> None:
    if not _missing_ids(path):
        return
    try:
        with path.open("a", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # another helper may be starting
            for uid in _missing_ids(path):
                file.write(template.format(name=f"sandbox{uid}", uid=uid, home=home_of(uid)))
    except OSError as error:
        sys.stderr.write(
            f"sandbox: {path} has no accounts for the sessions' ids, and can't be written:"
            f" {error}\n"
        )


def _missing_ids(path: Path) -> list[int]:
    known: set[str] = set()
    for line in path.read_text().splitlines():
        fields = line.split(":")
        if len(fields) > 2:
            known.add(fields[2])
    return [uid for uid in USER_IDS if str(uid) not in known]
