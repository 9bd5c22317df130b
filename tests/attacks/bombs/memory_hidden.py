"""Take shared memory in a program that can't be read, and so can't be inspected."""

import os
import runpy
import shutil
import sys

if len(sys.argv) == 1:
    shutil.copy(sys.executable, "unreadable")
    os.chmod("unreadable", 0o111)
    os.environ["PYTHONHOME"] = sys.base_prefix
    os.execv("./unreadable", ["unreadable", __file__, "second start"])
runpy.run_path(os.path.join(os.path.dirname(__file__), "memory_shared_anonymous.py"))
