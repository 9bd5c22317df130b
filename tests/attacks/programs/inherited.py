"""Look for descriptors, a terminal, an environment and input that were inherited."""

import os

from attack import OUTSIDE, verdict

left = [
    name
    for name in os.listdir("/proc/self/fd")
    if int(name) > 2 and os.path.exists(f"/proc/self/fd/{name}")
]
text = "\n".join(f"{key}={value}" for key, value in os.environ.items() if key != "OUTSIDE")
secret = OUTSIDE["word"][::-1] in text or any(
    key.startswith(("AWS_", "GITHUB_", "ECS_")) for key in os.environ
)
verdict(
    bool(left) or secret or os.read(0, 1) != b"" or any(os.isatty(number) for number in (0, 1, 2))
)
