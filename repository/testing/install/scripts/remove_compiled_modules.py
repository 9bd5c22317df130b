"""Remove extension modules that were compiled from a Python module beside them.

Cython and mypyc compile such modules for speed. Python prefers the extension module, so a change of
the source would have no effect on the tests. Argument: the folder of the tree's packages.
"""

import sys
from pathlib import Path

for path in sorted(Path(sys.argv[1]).rglob("*.so")):
    source = path.with_name(path.name.split(".")[0] + ".py")
    if source.is_file() and not source.with_suffix(".pyx").exists():
        path.unlink()
        print("removed", path)
