"""Leave programs with the set-user-id or set-group-id bit, made in each way there is."""

import os
import shutil

from attack import attempt, syscall, verdict

shutil.copy("/bin/true", "planted")
attempt(os.chmod, "planted", 0o6755)
descriptor = os.open("planted", os.O_RDONLY)
attempt(os.fchmod, descriptor, 0o4755)
syscall("fchmodat2", -100, b"planted", 0o4755, 0)
attempt(os.open, "created", os.O_CREAT | os.O_WRONLY, 0o4755)
attempt(os.mknod, "made", 0o104755)
verdict(
    any(
        os.stat(name).st_mode & 0o6000
        for name in ("planted", "created", "made")
        if os.path.exists(name)
    )
)
