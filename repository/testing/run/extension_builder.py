"""Compile the extension modules of the project in the working folder into its tree.

It runs inside the sandbox, on any Python since 3.6. Arguments: the module that builds the project
(empty: setuptools), the folder of its packages, and ``--force`` to compile what seems up to date.
"""

import importlib
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

WITHOUT_SETUP_PY = ("-c", "import setuptools; setuptools.setup()")


def build_in_place(options: "list[str]") -> None:
    """Compile the project's C libraries, which extension modules are linked to, and its modules."""
    program = ("setup.py",) if Path("setup.py").exists() else WITHOUT_SETUP_PY
    commands = ("build_clib", *options, "build_ext", "--inplace", *options)
    subprocess.check_call([sys.executable, *program, *commands])


def build_wheel(backend: str, packages: Path) -> None:
    """Build a wheel by the back end (PEP 517) and unpack its extension modules."""
    module, _, attribute = backend.partition(":")
    hooks = importlib.import_module(module)
    for name in filter(None, attribute.split(".")):
        hooks = getattr(hooks, name)
    folder = tempfile.mkdtemp()
    wheel = hooks.build_wheel(folder)
    with zipfile.ZipFile(str(Path(folder) / wheel)) as archive:
        for name in archive.namelist():
            if name.endswith(".so"):
                archive.extract(name, str(packages))
                (packages / name).touch()


def count_built(packages: Path, since: float) -> int:
    return sum(path.stat().st_mtime >= since for path in packages.rglob("*.so"))


backend, folder, *options = sys.argv[1:]
# The times of files may be rounded down.
started = time.time() - 1
if backend.startswith("setuptools") or not backend:
    build_in_place(options)
else:
    build_wheel(backend, Path(folder))
if not count_built(Path(folder), started):
    sys.exit("no extension module is built from the changed sources")
