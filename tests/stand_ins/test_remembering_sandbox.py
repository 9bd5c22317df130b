"""The sandbox that does the same work on the same files only once."""

from dataclasses import replace
from pathlib import Path

import pytest

from repository.testing.folders import copy_folder
from sandbox import SandboxCommand, SandboxResult
from sandbox.bwrap.relocation import RUN_FOLDER_INSIDE
from sandbox.unconfined import UnconfinedSandbox
from tests.stand_ins.remembering_sandbox import RememberingSandbox

#: A test run that writes a report of what it was given.
RUN = "cat tree/calc.py > report/result; echo by-product > tree/cache; cat tree/calc.py; exit 3"


class CountingSandbox(UnconfinedSandbox):
    def __init__(self) -> None:
        self.ran = 0

    def path_inside(self, run_folder: Path) -> Path:
        return RUN_FOLDER_INSIDE

    async def run(self, command: SandboxCommand) -> SandboxResult:
        self.ran += 1
        return await super().run(command)


@pytest.fixture
def real() -> CountingSandbox:
    return CountingSandbox()


@pytest.fixture
def sandbox(real: CountingSandbox) -> RememberingSandbox:
    return RememberingSandbox(real, {})


def make_run(folder: Path, content: str = "a = 1\n") -> SandboxCommand:
    """Make a run's folder, and return its test run."""
    for name in ("tree", "report"):
        (folder / name).mkdir(parents=True)
    (folder / "tree/calc.py").write_text(content)
    return SandboxCommand(
        ("/bin/sh", "-c", RUN),
        cwd=folder,
        run_folder=folder,
        writable=(folder / "tree", folder / "report"),
        environment={"PYTHONPATH": str(folder / "tree")},
    )


def with_cwd(run: SandboxCommand, folder: str) -> SandboxCommand:
    return replace(run, argv=("/bin/pwd",), cwd=run.cwd / folder)


async def test_the_same_tests_of_the_same_files_are_run_once(
    sandbox: RememberingSandbox, real: CountingSandbox, tmp_path: Path
) -> None:
    first = await sandbox.run(make_run(tmp_path / "one"))
    second = await sandbox.run(make_run(tmp_path / "two"))
    assert real.ran == 1
    assert first == second
    assert (second.returncode, second.output) == (3, "a = 1\n")
    assert (tmp_path / "two/report/result").read_text() == "a = 1\n"
    assert (tmp_path / "two/tree/cache").read_text() == "by-product\n"


async def test_whatever_differs_is_run(
    sandbox: RememberingSandbox, real: CountingSandbox, tmp_path: Path
) -> None:
    run = make_run(tmp_path / "one")
    await sandbox.run(run)
    others = [
        make_run(tmp_path / "two", "a = 2\n"),
        replace(make_run(tmp_path / "three"), argv=("/bin/sh", "-c", "exit 4")),
        replace(make_run(tmp_path / "four"), environment={"TZ": "UTC"}),
        replace(make_run(tmp_path / "five"), timeout=5.0),
        replace(make_run(tmp_path / "six"), network="install"),
        replace(make_run(tmp_path / "seven"), memory_mb=1),
        with_cwd(make_run(tmp_path / "eight"), "tree"),
        run,  # its tree has a by-product by now
    ]
    results = [await sandbox.run(other) for other in others]
    assert real.ran == 1 + len(others)
    assert results[0].output == "a = 2\n"
    assert results[1].returncode == 4


async def test_a_file_that_can_be_read_is_a_part_of_the_run(
    sandbox: RememberingSandbox, real: CountingSandbox, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        run = make_run(tmp_path / name)
        settings = tmp_path / name / "settings"
        settings.write_text(name)
        await sandbox.run(replace(run, readable=(settings,)))
    assert real.ran == 2


async def test_executable_files_are_different_files(
    sandbox: RememberingSandbox, real: CountingSandbox, tmp_path: Path
) -> None:
    await sandbox.run(make_run(tmp_path / "one"))
    run = make_run(tmp_path / "two")
    (tmp_path / "two/tree/calc.py").chmod(0o755)
    await sandbox.run(run)
    assert real.ran == 2


async def test_a_copied_folder_depends_on_its_source_alone(
    sandbox: RememberingSandbox, real: CountingSandbox, tmp_path: Path
) -> None:
    for name, left_over in (("one", "x"), ("two", "y")):
        (tmp_path / name / "source/inner").mkdir(parents=True)
        (tmp_path / name / "source/inner/link").symlink_to("../elsewhere")
        (tmp_path / name / "target").mkdir()
        (tmp_path / name / "target" / left_over).write_text("")
        await copy_folder(sandbox, tmp_path / name, "source", "target")
    assert real.ran == 1
    (copied,) = (tmp_path / "two/target").iterdir()
    assert (copied / "link").readlink() == Path("../elsewhere")


async def test_other_commands_are_always_run(
    sandbox: RememberingSandbox, real: CountingSandbox, tmp_path: Path
) -> None:
    run = make_run(tmp_path / "one")
    command = replace(run, writable=(*run.writable, tmp_path / "one"))
    for _ in range(2):
        await sandbox.run(command)
    assert real.ran == 2


async def test_whoever_listens_to_a_run_hears_it_each_time(
    sandbox: RememberingSandbox, tmp_path: Path
) -> None:
    heard: list[bytes] = []
    for name in ("one", "two"):
        await sandbox.run(replace(make_run(tmp_path / name), on_output=heard.append))
    assert b"".join(heard) == b"a = 1\n" * 2


async def test_tests_that_see_their_runs_own_path_are_always_run(tmp_path: Path) -> None:
    sandbox = RememberingSandbox(UnconfinedSandbox(), {})
    for name in ("one", "two"):
        run = make_run(tmp_path / name)
        result = await sandbox.run(replace(run, argv=("/bin/pwd",)))
        assert result.output == f"{tmp_path / name}\n"
