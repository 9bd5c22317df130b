"""Import the extension modules in the tree's packages; print those that can't be loaded.

A module that lacks another package is not broken: that package may not be installed yet. Argument:
the folder of the tree's packages.
"""

import importlib
import sys
from pathlib import Path

MAX_MODULES = 300

root = Path(sys.argv[1])
sys.path.insert(0, str(root))
names = []
for path in sorted(root.rglob("*.so"))[:MAX_MODULES]:
    folder = path.parent
    parts = [*folder.relative_to(root).parts, path.name.split(".")[0]]
    is_module = (folder / "__init__.py").exists() or folder == root
    if is_module and parts[0] != "build" and all(part.isidentifier() for part in parts):
        names.append(".".join(parts))

for name in names:
    print("importing", name, flush=True)
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        own = name.split(".")[0]
        if (error.name or "").split(".")[0] == own:
            print("\nbroken:", name, error)
    except BaseException as error:
        print("\nbroken:", name, type(error).__name__, error)
print("\nall imported")
