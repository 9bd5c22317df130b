"""Take shared memory in a program that can't be read, and so not be looked at."""

import os
import shutil
import sys

if len(sys.argv) == 1:
    shutil.copy(sys.executable, "unreadable")
    os.chmod("unreadable", 0o111)
    os.environ["PYTHONHOME"] = sys.base_prefix
    os.execv("./unreadable", ["unreadable", __file__, "again"])
exec(open(os.path.join(os.path.dirname(__file__), "memory_shared_anonymous.py")).read())
