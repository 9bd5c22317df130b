"""Look for descriptors, a terminal, an environment and input that were inherited."""

import os

from attack import OUTSIDE, verdict

SECRET_PREFIXES = ("AWS_", "GITHUB_", "ECS_")
STANDARD_STREAMS = (0, 1, 2)

escapes = []
for name in os.listdir("/proc/self/fd"):
    if int(name) not in STANDARD_STREAMS:
        escapes.append(os.path.exists(f"/proc/self/fd/{name}"))
secret = OUTSIDE["word"][::-1]
for name, value in os.environ.items():
    if name != "OUTSIDE":
        escapes.append(secret in f"{name}={value}")
    escapes.append(name.startswith(SECRET_PREFIXES))
escapes.append(os.read(0, 1) != b"")
for stream in STANDARD_STREAMS:
    escapes.append(os.isatty(stream))
verdict(any(escapes))
