"""Record the files of a workspace, write what changed since the last record, or restore it.

    snapshot.py record RUN_FOLDER RECORDS
    snapshot.py take RUN_FOLDER RECORDS
    snapshot.py restore RUN_FOLDER FOLDER_OF_SNAPSHOTS

This program runs inside the sandbox, with the worker's Python and only its standard library. It
follows no link and reads no file but those that it stores.

A snapshot is two lines of JSON and a compressed tar archive: a summary for the worker, the paths
that were removed, and the files that are new or changed, with their modes and times. Paths are
relative to the run's folder.
"""

import io
import json
import marshal
import os
import shutil
import stat
import sys
import tarfile
from pathlib import Path
from typing import Any

ROOTS = ("tree", "env", "home", "tmp")
MAX_FILE_BYTES = 10_000_000
MAX_BYTES = 50_000_000
MAX_FILES = 20_000
MAX_RECORDED = 400_000
MAX_NAMED = 50
"""Number of files left out that a summary names."""

Entry = tuple[int, int, int, int, str]
"""Mode, size, time of change of the content, inode and link target."""


class TooManyFiles(Exception):
    pass


def scan(folder: str) -> dict[str, Entry]:
    """Return path -> entry for everything below the roots."""
    entries: dict[str, Entry] = {}
    pending = [root for root in ROOTS if Path(folder, root).is_dir()]
    while pending:
        parent = pending.pop()
        try:
            names = os.scandir(f"{folder}/{parent}")
        except OSError:
            continue  # not readable, or its path is too long
        with names:
            for item in names:
                path = f"{parent}/{item.name}"
                entries[path] = describe(item)
                if item.is_dir(follow_symlinks=False):
                    pending.append(path)
        if len(entries) > MAX_RECORDED:
            raise TooManyFiles
    return entries


def describe(item: Any) -> Entry:
    status = item.stat(follow_symlinks=False)
    if stat.S_ISDIR(status.st_mode):
        return (status.st_mode, 0, status.st_mtime_ns, 0, "")
    target = str(Path(item.path).readlink()) if stat.S_ISLNK(status.st_mode) else ""
    return (status.st_mode, status.st_size, status.st_mtime_ns, status.st_ino, target)


def record(folder: str, records: str) -> None:
    write_record(records, scan(folder))


def write_record(records: str, entries: dict[str, Entry]) -> None:
    Path(records, "entries").write_bytes(marshal.dumps(entries))


def read_record(records: str) -> dict[str, Entry]:
    entries: dict[str, Entry] = marshal.loads(  # noqa: S302 - this program wrote it
        Path(records, "entries").read_bytes()
    )
    return entries


def take(folder: str, records: str) -> None:
    """Write the file ``snapshot`` into the records; it is empty if nothing changed."""
    output = Path(records, "snapshot")
    try:
        now = scan(folder)
    except TooManyFiles:
        output.write_bytes(summarize({"the workspace": f"more than {MAX_RECORDED} files"}))
        return
    before = read_record(records)
    changed, gone = compare(before, now)
    if not changed and not gone:
        output.write_bytes(b"")
        return
    stored, left_out = select(now, changed)
    left_out.update(still_left_out(records, now, changed))
    archive = pack(folder, stored, left_out)
    summary = summarize(left_out)
    removals = f"{json.dumps(gone)}\n".encode()
    output.write_bytes(summary + removals + archive)
    Path(records, "left_out").write_text(json.dumps(left_out))
    write_record(records, now)


def compare(before: dict[str, Entry], now: dict[str, Entry]) -> tuple[list[str], list[str]]:
    """Return the paths that are new or changed, and those to remove before they are restored."""
    changed = [path for path, entry in now.items() if before.get(path) != entry]
    gone: list[str] = []
    for path, entry in before.items():
        if path not in now or other_kind(entry, now[path]):
            gone.append(path)
    return changed, gone


def summarize(left_out: dict[str, str]) -> bytes:
    named = dict(sorted(left_out.items())[:MAX_NAMED])
    summary = {"left_out": named, "left_out_count": len(left_out)}
    return f"{json.dumps(summary)}\n".encode()


def other_kind(before: Entry, now: Entry) -> bool:
    return stat.S_IFMT(before[0]) != stat.S_IFMT(now[0])


def select(entries: dict[str, Entry], changed: list[str]) -> tuple[list[str], dict[str, str]]:
    """Return the paths to store, folders before their contents, and path -> why it is left out.

    If they are too many, the smallest are stored.
    """
    stored: list[str] = []
    left_out: dict[str, str] = {}
    total = 0
    for path in sorted(changed, key=lambda path: entries[path][1]):
        mode, size = entries[path][:2]
        if not storable(mode):
            left_out[path] = "not a file, folder, link or pipe"
        elif size > MAX_FILE_BYTES:
            left_out[path] = f"larger than {MAX_FILE_BYTES} bytes"
        elif total + size > MAX_BYTES or len(stored) == MAX_FILES:
            left_out[path] = "the snapshot is full"
        else:
            total += size
            stored.append(path)
    return sorted(stored), left_out


def storable(mode: int) -> bool:
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode) or stat.S_ISFIFO(mode)


def still_left_out(records: str, now: dict[str, Entry], changed: list[str]) -> dict[str, str]:
    """Return what earlier snapshots left out and has not changed since."""
    try:
        earlier: dict[str, str] = json.loads(Path(records, "left_out").read_text())
    except FileNotFoundError:
        return {}
    again = set(changed)
    return {path: why for path, why in earlier.items() if path in now and path not in again}


def pack(folder: str, paths: list[str], left_out: dict[str, str]) -> bytes:
    """Return an archive of files; those that can't be read are added to ``left_out``."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz", compresslevel=1) as archive:
        for path in paths:
            try:
                add(archive, folder, path)
            except PermissionError:
                left_out[path] = "permission denied"
    return content.getvalue()


def add(archive: tarfile.TarFile, folder: str, path: str) -> None:
    info = archive.gettarinfo(f"{folder}/{path}", path)
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.pax_headers = {"mtime": exact_time(Path(folder, path).lstat().st_mtime_ns)}
    if not info.isreg():
        archive.addfile(info)
        return
    with Path(folder, path).open("rb") as file:
        archive.addfile(info, file)


def restore(folder: str, snapshots: str) -> None:
    for snapshot in sorted(Path(snapshots).iterdir()):
        restore_one(folder, snapshot)


def restore_one(folder: str, snapshot: Path) -> None:
    with snapshot.open("rb") as file:
        file.readline()
        gone = file.readline()
        if not gone:
            return  # nothing was stored
        for path in json.loads(gone):
            remove(Path(folder, path))
        content = io.BytesIO(file.read())  # reading seeks to its beginning
    with tarfile.open(fileobj=content, mode="r:gz") as archive:
        extract(archive, folder)


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def extract(archive: tarfile.TarFile, folder: str) -> None:
    """Extract all; the folders get their modes and times at the end."""
    # What it stores was read without following links, and only the workspace can be written.
    archive.extraction_filter = lambda member, _: member
    members = archive.getmembers()
    folders = [member for member in members if member.isdir()]
    for member in folders:
        path = Path(folder, member.name)
        path.mkdir(exist_ok=True)
        path.chmod(0o700)
    for member in members:
        if not member.isdir():
            extract_file(archive, member, folder)
    for member in reversed(folders):
        path = Path(folder, member.name)
        path.chmod(member.mode)
        set_time(path, member)


def extract_file(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: str) -> None:
    path = Path(folder, member.name)
    path.unlink(missing_ok=True)
    archive.extract(member, folder)
    set_time(path, member)


def exact_time(nanoseconds: int) -> str:
    """Return a time for an archive's header, which tarfile would round."""
    return f"{nanoseconds // 10**9}.{nanoseconds % 10**9:09}"


def set_time(path: Path, member: tarfile.TarInfo) -> None:
    nanoseconds = int(member.pax_headers["mtime"].replace(".", ""))
    os.utime(path, ns=(nanoseconds, nanoseconds), follow_symlinks=False)


if __name__ == "__main__":
    operation = {"record": record, "take": take, "restore": restore}[sys.argv[1]]
    operation(*sys.argv[2:])
