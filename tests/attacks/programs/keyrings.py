"""Reach keys of the worker's by the keyring that was inherited, the user's and the user session's; make one."""

import ctypes

from attack import OUTSIDE, syscall, verdict

SEARCH = 10
READ = 11
reached = any(
    syscall("keyctl", READ, key, ctypes.create_string_buffer(99), 99) >= 0
    for key in (OUTSIDE["key"], -3, -4, -5)
)
reached = reached or syscall("keyctl", SEARCH, -3, b"user", b"attack-victim", 0) >= 0
verdict(
    reached
    or syscall("request_key", b"user", b"attack-victim", None, 0) >= 0
    or syscall("add_key", b"user", b"mine", b"x", 1, -3) >= 0
)
