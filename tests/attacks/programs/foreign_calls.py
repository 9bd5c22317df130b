"""Make system calls as a program of another architecture would: x32 numbers, and 32-bit ones by int 0x80."""

import ctypes
import mmap
import os
import platform

from attack import syscall, verdict

if platform.machine() != "x86_64":
    verdict(False)
    raise SystemExit
escaped = syscall(0x40000000 + 39) > 0  # getpid of x32
pid = os.fork()
if pid == 0:
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(
        bytes([0x53, 0xB8, 20, 0, 0, 0, 0xCD, 0x80, 0x5B, 0xC3])
    )  # push rbx; eax=getpid; int 0x80; pop; ret
    entry = ctypes.addressof(ctypes.c_char.from_buffer(code))
    os._exit(1 if ctypes.CFUNCTYPE(ctypes.c_int)(entry)() > 0 else 0)
_, status = os.waitpid(pid, 0)
verdict(escaped or status == 256)
