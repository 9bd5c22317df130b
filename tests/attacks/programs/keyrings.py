"""Reach the worker's keys: by the inherited keyring, the user's and the user session's; make one."""

import ctypes

from attack import OUTSIDE, syscall, verdict

KEYCTL_SEARCH = 10
KEYCTL_READ = 11
SESSION_KEYRING = -3
USER_KEYRING = -4
USER_SESSION_KEYRING = -5

escapes = []
for key in (OUTSIDE["key"], SESSION_KEYRING, USER_KEYRING, USER_SESSION_KEYRING):
    buffer = ctypes.create_string_buffer(99)
    escapes.append(syscall("keyctl", KEYCTL_READ, key, buffer, 99) >= 0)
search = syscall("keyctl", KEYCTL_SEARCH, SESSION_KEYRING, b"user", b"attack-victim", 0)
escapes += [
    search >= 0,
    syscall("request_key", b"user", b"attack-victim", None, 0) >= 0,
    syscall("add_key", b"user", b"mine", b"x", 1, SESSION_KEYRING) >= 0,
]
verdict(any(escapes))
