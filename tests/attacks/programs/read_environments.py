"""Find the worker's secret in any process's environment, memory map or open files."""

import glob

from attack import OUTSIDE, verdict

found = False
for path in [*glob.glob("/proc/[0-9]*/environ"), *glob.glob("/proc/[0-9]*/task/*/environ")]:
    try:
        found = found or OUTSIDE["word"][::-1].encode() in open(path, "rb").read()
    except OSError:
        continue
verdict(found)
