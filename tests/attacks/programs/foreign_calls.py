"""Make system calls as a program of another architecture would: with x32 numbers, and 32-bit ones
by int 0x80.
"""

import ctypes
import mmap
import os
import platform

from attack import syscall, verdict

X32_BIT = 0x40000000
GETPID = 39
ESCAPED = 1
# push rbx; mov eax, 20 (getpid); int 0x80; pop rbx; ret
CODE = bytes([0x53, 0xB8, 20, 0, 0, 0, 0xCD, 0x80, 0x5B, 0xC3])

if platform.machine() != "x86_64":
    verdict(False)
    raise SystemExit
escaped = syscall(X32_BIT + GETPID) > 0
pid = os.fork()
if pid == 0:
    memory = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(CODE)
    entry = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    getpid = ctypes.CFUNCTYPE(ctypes.c_int)(entry)
    os._exit(ESCAPED if getpid() > 0 else 0)
_, status = os.waitpid(pid, 0)
child_escaped = os.WIFEXITED(status) and os.WEXITSTATUS(status) == ESCAPED
verdict(escaped or child_escaped)
