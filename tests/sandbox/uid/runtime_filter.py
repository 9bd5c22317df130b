"""A program that starts another one as a container runtime would: with the capabilities of the
sandbox container, and under the runtime's default seccomp profile.

    python -m tests.sandbox.uid.runtime_filter PROFILE CAPABILITIES COMMAND...

PROFILE is a name in runtime_profiles.toml, or ``none``. CAPABILITIES are those to keep, by commas.
"""

import errno
import os
import sys
import tomllib
from pathlib import Path

from sandbox import bpf, syscalls
from sandbox.syscall_table import Processor, syscall_table, this_processor

_FILE = Path(__file__).with_name("runtime_profiles.toml")
_DOCUMENT = tomllib.loads(_FILE.read_text(encoding="utf-8"))
PROFILES = tuple(_DOCUMENT["profiles"])
CONTAINER = "chown,dac_override,fowner,kill,setgid,setuid"
"""The capabilities that the sandbox container keeps of a container's defaults."""
CONTAINER_WITH_PTRACE = f"{CONTAINER},sys_ptrace"


def refusals(profile: str, processor: Processor, *, sys_ptrace: bool) -> dict[int, int]:
    """Return the number of each call that the profile refuses -> its errno."""
    fields = _DOCUMENT["profiles"][profile]
    refused = [*fields["refused"], *([] if sys_ptrace else fields["sys_ptrace"])]
    answers: dict[int, int] = {}
    for name in refused:
        answers[_number(name, processor)] = getattr(errno, fields["errno"])
    for name in fields["unknown"]:
        answers[_number(name, processor)] = errno.ENOSYS
    return answers


def assemble(answers: dict[int, int]) -> bytes:
    """Return a filter that refuses these calls, and allows all others."""
    program = [bpf.load_number()]
    for number, error in answers.items():
        program.append(bpf.jump_if_equal(number, if_true=0, if_false=1))
        program.append(bpf.return_action(bpf.refuse(error)))
    program.append(bpf.return_action(bpf.ALLOW))
    return bpf.assemble(program)


def main() -> None:
    profile, capabilities, *command = sys.argv[1:]
    if profile != "none":
        sys_ptrace = "sys_ptrace" in capabilities.split(",")
        answers = refusals(profile, this_processor(), sys_ptrace=sys_ptrace)
        syscalls.install_filter(assemble(answers))
    kept = ",".join(f"+{name}" for name in capabilities.split(","))
    drop = ["setpriv", "--bounding-set", f"-all,{kept}", "--inh-caps=-all"]
    os.execvp(drop[0], [*drop, *command])


def _number(name: str, processor: Processor) -> int:
    own = syscall_table(processor).numbers
    if name in own:
        return own[name]
    number: int = _DOCUMENT["numbers"][name][processor]
    return number


if __name__ == "__main__":
    main()
