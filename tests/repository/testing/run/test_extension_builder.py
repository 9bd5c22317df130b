"""The program that compiles a project's extension modules into its tree."""

import subprocess
import sys
from pathlib import Path

from repository.testing.run import rebuild

PROGRAM = Path(rebuild.__file__).with_name("extension_builder.py")
SETUP = """import pathlib, sys
pathlib.Path("arguments.txt").write_text(" ".join(sys.argv[1:]))
pathlib.Path("fast.so").touch()
"""


def test_c_libraries_are_compiled_before_the_modules_that_are_linked_to_them(
    tmp_path: Path,
) -> None:
    (tmp_path / "setup.py").write_text(SETUP)
    subprocess.run([sys.executable, PROGRAM, "", tmp_path, "--force"], cwd=tmp_path, check=True)
    arguments = (tmp_path / "arguments.txt").read_text()
    assert arguments == "build_clib --force build_ext --inplace --force"
