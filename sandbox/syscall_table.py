"""The system calls that the seccomp filter does not simply allow, read from syscalls.toml."""

import errno
import platform
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, get_args

Processor = Literal["x86_64", "aarch64"]

_FILE = Path(__file__).with_name("syscalls.toml")
_PROCESSORS: tuple[Processor, ...] = get_args(Processor)


@dataclass(frozen=True)
class SyscallTable:
    """The calls of one processor by name; calls that it does not have are left out."""

    newest_reviewed: int
    numbers: dict[str, int]
    refused: dict[str, int]
    """Name -> the errno that answers the call, whatever its arguments."""


def this_processor() -> Processor:
    """Return the processor of this machine.

    Raises:
        OSError: there is no table of system calls for it.
    """
    machine = platform.machine()
    for processor in _PROCESSORS:
        if processor == machine:
            return processor
    raise OSError(f"there is no seccomp filter for {machine} processors")


@cache
def syscall_table(processor: Processor) -> SyscallTable:
    document = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    numbers: dict[str, int] = {}
    refused: dict[str, int] = {}
    for error_name, calls in document["refused"].items():
        for name, by_processor in calls.items():
            if processor in by_processor:
                numbers[name] = by_processor[processor]
                refused[name] = getattr(errno, error_name)
    for name, by_processor in document["conditional"].items():
        if processor in by_processor:
            numbers[name] = by_processor[processor]
    return SyscallTable(document["newest_reviewed"], numbers, refused)
