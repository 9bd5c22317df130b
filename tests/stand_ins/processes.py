"""Finding leftover processes."""

from pathlib import Path


def running_processes(marker: str) -> list[str]:
    """Return the ids of this machine's processes whose command line contains ``marker``."""
    processes = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command_line = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if marker.encode() in command_line:
            processes.append(entry.name)
    return processes
