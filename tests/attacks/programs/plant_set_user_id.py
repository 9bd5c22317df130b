"""Leave programs with the set-user-id or set-group-id bit, made in each way there is."""

import os
import shutil
import stat

from attack import succeeds, syscall, verdict

AT_FDCWD = -100
SET_USER_ID = 0o4755
SET_ID_BITS = stat.S_ISUID | stat.S_ISGID

shutil.copy("/bin/true", "planted")
succeeds(os.chmod, "planted", 0o6755)
succeeds(os.fchmod, os.open("planted", os.O_RDONLY), SET_USER_ID)
syscall("fchmodat2", AT_FDCWD, b"planted", SET_USER_ID, 0)
succeeds(os.open, "created", os.O_CREAT | os.O_WRONLY, SET_USER_ID)
succeeds(os.mknod, "made", stat.S_IFREG | SET_USER_ID)

escapes = []
for name in ("planted", "created", "made"):
    if os.path.exists(name):
        escapes.append(os.stat(name).st_mode & SET_ID_BITS != 0)
verdict(any(escapes))
