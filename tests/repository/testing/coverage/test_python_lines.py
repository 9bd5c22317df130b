"""What the recorder of Python's lines sees, with each interpreter that it has another way for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from repository.testing.coverage.contract import FOLDER, Run, Target
from repository.testing.coverage.places import Place
from repository.testing.coverage.python_lines import PythonLines
from repository.testing.install.interpreters import find_interpreters
from repository.testing.models import Recipe

#: pyenv's, beside this interpreter's own folder; those that are missing are skipped.
FOLDERS = (Path(sys.executable).parent, *Path.home().glob(".pyenv/versions/*/bin"))
INTERPRETERS = find_interpreters(FOLDERS)
SHOP = b"RATE = 2\ndef price(x):\n    if x > 10:\n        return x * RATE\n    return x\n"
IMPORTED = Place("shop.py", 1, frozenset({1}))
LARGE = Place("shop.py", 4, frozenset({4}))
SMALL = Place("shop.py", 5, frozenset({5}))
RECIPE = Recipe(
    repository="octo/shop",
    base_sha="0" * 40,
    committed_at=0,
    runner="pytest",
    python="3.11",
)
TARGETS = (
    Target("shop.py", SHOP, (IMPORTED, LARGE, SMALL)),
    Target("rates.json", b"1", ()),
    Target("unread.json", b"1", ()),
    Target("pyproject.toml", b"", ()),
)


def record(tree: Path, program: str, minor: int) -> Run | None:
    """Run a program in a tree with the targets, and return what was recorded."""
    interpreter = INTERPRETERS.get(minor)
    if interpreter is None:
        pytest.skip(f"there is no Python 3.{minor}")
    collector = PythonLines(TARGETS, RECIPE)
    contents = {target.path: target.content for target in TARGETS}
    for path, content in {**contents, **collector.files()}.items():
        assert content is not None
        file = tree / path
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
    variables = collector.variables(tree, {"PYTHONPATH": str(tree)})
    subprocess.run(
        [interpreter, "-c", program], cwd=tree, env={**os.environ, **variables}, check=False
    )
    return collector.read(tree, tree)


@pytest.mark.parametrize("minor", [8, 11, 12])
def test_lines_that_run_and_files_that_are_read_are_recorded(tmp_path: Path, minor: int) -> None:
    run = record(
        tmp_path, "import shop; shop.price(11); open('rates.json'); open('pyproject.toml')", minor
    )
    assert run
    assert [run.covers(place) for place in (IMPORTED, LARGE, SMALL)] == [True, True, False]
    assert run.reads("rates.json")
    assert not run.reads("unread.json")
    assert not run.reads("pyproject.toml")  # as pytest itself does


@pytest.mark.parametrize("minor", [11, 12])
def test_processes_that_the_tests_start_or_that_are_killed_are_seen(
    tmp_path: Path, minor: int
) -> None:
    inner = (
        "import os, shop, threading\n"
        "thread = threading.Thread(target=shop.price, args=(1,))\n"
        "thread.start()\nthread.join()\n"
        "os.kill(os.getpid(), 9)\n"
    )
    starter = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    run = record(tmp_path, starter, minor)
    assert run
    assert run.covers(SMALL)
    assert not run.covers(LARGE)


def test_what_a_tracer_of_the_tests_hides_counts_if_it_was_loaded(tmp_path: Path) -> None:
    program = "import sys; sys.settrace(None); import shop"
    run = record(tmp_path, program, 11)
    assert run
    assert run.covers(SMALL)


def test_a_forged_record_is_read_within_bounds(tmp_path: Path) -> None:
    folder = tmp_path / FOLDER
    folder.mkdir()
    collector = PythonLines(TARGETS, RECIPE)
    assert collector.read(tmp_path, tmp_path) is None
    (folder / "record").write_bytes(b"L 0 4\nL 99 1\nL 0 -1\nX\n\xff\nR 1 " + b"9" * 5000 + b"\n")
    run = collector.read(tmp_path, tmp_path)
    assert run
    assert run.covers(LARGE)
    assert not run.covers(SMALL)
    assert not run.reads("rates.json")
    (folder / "record").unlink()
    (folder / "record").symlink_to("/etc/passwd")
    assert collector.read(tmp_path, tmp_path) is None
