"""A workspace: files last from command to command, git works, and output is shown as printed."""

import asyncio
import shutil
from pathlib import Path

import pytest

from repository.git import Mirror
from repository.testing.models import Recipe
from repository.testing.run.bed import TestBed
from repository.workspace import FileChange, TestsCantRun, Workspace
from repository.workspace.output import NO_NETWORK
from sandbox import Sandbox
from tests.repository.workspace.conftest import BOTH_SANDBOXES, FILES, Logs, OpenWorkspace, sh
from tests.stages.workbench import FIXED_CALC
from tests.stand_ins.processes import running_processes

ADD = "test_calc.TestCalc::test_add"
DOUBLE = "test_calc.TestCalc::test_double"


@BOTH_SANDBOXES
async def test_what_a_command_writes_is_there_for_the_next_one(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    await sh(workspace, "echo one > new.txt; echo two > ~/home.txt; echo three > $TMPDIR/t.txt")
    assert await sh(workspace, "cat new.txt ~/home.txt $TMPDIR/t.txt") == "one\ntwo\nthree\n"
    assert workspace.facts.tmp_lasts is (sandbox.name == "bwrap")
    if workspace.facts.tmp_lasts:
        assert await sh(workspace, "cat /tmp/t.txt") == "three\n"
    facts = workspace.facts
    assert await sh(workspace, "pwd; echo ~; echo $TMPDIR") == (
        f"{facts.tree}\n{facts.home}\n{facts.temporary}\n"
    )


async def test_git_has_the_history_up_to_the_base_and_nothing_after_it(
    workspace: Workspace, mirror: Mirror, base_sha: str
) -> None:
    later = mirror.branch("main")
    assert workspace.facts.history == "full"
    assert await sh(workspace, "git status --porcelain; git log --format=%H --all") == (
        f"{base_sha}\n"
    )
    output = await workspace.run(
        f"git cat-file -e {later} || echo missing; git remote", seconds=30.0
    )
    assert output.text == "missing\n"


@BOTH_SANDBOXES
async def test_git_commands_work(workspace: Workspace) -> None:
    await sh(workspace, "sed -i s/-/+/ calc.py && git diff > /dev/null && git stash -q")
    assert await sh(workspace, "git status --porcelain; git stash pop -q; git diff --stat") == (
        " calc.py | 2 +-\n 1 file changed, 1 insertion(+), 1 deletion(-)\n"
    )
    await sh(workspace, "git diff > $TMPDIR/p && git checkout -q calc.py && git apply $TMPDIR/p")
    await sh(workspace, "git commit -qam mine && git checkout -q HEAD^ && git checkout -q main")
    assert (await workspace.changes()).files["calc.py"].content == FIXED_CALC.encode()


@BOTH_SANDBOXES
async def test_a_deleted_repository_is_created_again(workspace: Workspace, base_sha: str) -> None:
    damages = (
        "rm -rf .git calc.py",
        "rm .git/HEAD",
        "chmod 0 .git/refs; rm -rf .git; ln -s /nothing .git",
    )
    for damage in damages:
        await sh(workspace, f"echo new > new.txt; {damage}")
        note = await workspace.restore_repository()
        assert note is not None and "It was created again" in note
        assert await sh(workspace, "git log --format=%H; git status --porcelain new.txt") == (
            f"{base_sha}\n?? new.txt\n"
        )
        await sh(workspace, "git checkout -q . && grep add calc.py")
        assert await workspace.restore_repository() is None
    assert set((await workspace.changes()).files) == {"new.txt"}


async def test_a_repository_that_git_accepts_is_left_alone(workspace: Workspace) -> None:
    for valid in ("mv .git ~/git; echo gitdir: $HOME/git > .git", "rm .git; git init -q"):
        await sh(workspace, valid)
        assert await workspace.restore_repository() is None
        await sh(workspace, "git rev-parse --git-dir")


async def test_a_large_mirror_gives_one_commit_of_exactly_the_base_files(
    open_workspace: OpenWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("repository.workspace.repository_seed.MAX_FULL_HISTORY_BYTES", -1)
    workspace = await open_workspace()
    assert workspace.facts.history == "one commit"
    assert await sh(workspace, "git status --porcelain; git log --format='%an %s'") == (
        "Base commit The base commit's files\n"
    )
    assert set((await sh(workspace, "git ls-files")).split()) == {*FILES, "link", "submodule"}


async def test_output_is_shown_as_printed_from_both_streams(workspace: Workspace) -> None:
    command = r"printf '\033[31m0x7f3a 1.25 seconds\r\n'; printf 'error\xff\n' >&2; exit 3"
    output = await workspace.run(command, seconds=30.0)
    assert output.text == "\x1b[31m0x7f3a 1.25 seconds\r\nerror\ufffd\n"
    assert (output.exit_code, output.left_out, output.notes) == (3, 0, ())


async def test_a_long_output_is_clipped_and_the_number_of_characters_is_stated(
    workspace: Workspace,
) -> None:
    output = await workspace.run("printf a; yes é | head -c 30000; printf z", seconds=30.0)
    assert output.left_out == 20_002 - 10_000
    assert f"\n[... {output.left_out} characters left out ...]\n" in output.text
    assert output.text.startswith("aé\n")
    assert output.text.endswith("é\nz")


@BOTH_SANDBOXES
async def test_a_command_is_stopped_at_its_time_limit_with_all_that_it_started(
    workspace: Workspace, sandbox: Sandbox
) -> None:
    sleep = f"sleep 61.{len(sandbox.name)}"
    output = await workspace.run(f"echo begun; {sleep} & {sleep}", seconds=0.5)
    assert (output.timed_out, output.exit_code, output.text) == (True, 124, "begun\n")
    assert "stopped after 0.5 seconds" in output.notes[0]
    assert await sh(workspace, f"{sleep} & echo done") == "done\n"
    assert running_processes(sleep.replace(" ", "\0")) == []


async def test_a_program_that_asks_for_the_network_is_answered_at_once(
    workspace: Workspace,
) -> None:
    program = "import urllib.request as u; u.urlopen('http://example.org')"
    output = await workspace.run(f'python3 -c "{program}"', seconds=30.0)
    assert output.notes == (NO_NETWORK,)
    missing = await workspace.run("echo 'ModuleNotFoundError: No module named x'", seconds=10)
    assert missing.notes == ()


async def test_a_command_that_no_shell_can_start_is_refused(workspace: Workspace) -> None:
    for command in ("x" * 200_000, "echo \ud800", "echo \0"):
        output = await workspace.run(command, seconds=30.0)
        assert output.exit_code == 126
        assert output.notes[0].startswith("The command was not run: ")


async def test_commands_never_wait_for_input_or_show_colours(workspace: Workspace) -> None:
    command = 'cat; git log -1 --format=%s; [ -z "$TERM" ] || [ $TERM = dumb ] && echo $LANG'
    assert await sh(workspace, command) == "first\nC.UTF-8\n"


async def test_files_are_read_written_and_listed(workspace: Workspace) -> None:
    assert await workspace.read("calc.py", limit=1000) == FILES["calc.py"].encode()
    await workspace.write("run.sh", b"new\xff\n")
    await workspace.write("deep/er/x.py", b"")
    assert await sh(workspace, "ls -l run.sh | cut -c1-10; cat deep/er/x.py") == "-rwxr-xr-x\n"
    assert await workspace.read(f"{workspace.facts.tree}/run.sh", limit=10) == b"new\xff\n"
    await workspace.write("~/h.txt", b"home")
    assert await sh(workspace, "cat ~/h.txt") == "home"
    listing = await workspace.list(".")
    assert {"calc.py", "deep/", "deep/er/", "link"} <= set(listing)
    assert not [name for name in listing if name.startswith(".git/")]


async def test_a_file_that_cannot_be_read_written_or_listed_is_answered(
    workspace: Workspace,
) -> None:
    await sh(workspace, "mkfifo pipe; touch closed; chmod 0 closed; mkdir -m 0 shut")
    expected: tuple[tuple[str, type[Exception], str], ...] = (
        ("nowhere.py", FileNotFoundError, "there is no nowhere.py"),
        (".", IsADirectoryError, "is a folder"),
        ("pipe", ValueError, "not a regular file"),
        ("calc.py", ValueError, "larger than 20 bytes"),
        ("closed", ValueError, "can't be read: permission denied"),
        ("a\0b", ValueError, "NUL"),
        ("\udcff", ValueError, "Unicode"),
    )
    for path, error, message in expected:
        with pytest.raises(error, match=message):
            await workspace.read(path, limit=20)
    with pytest.raises(ValueError, match="can't be written"):
        await workspace.write("calc.py/x", b"")
    with pytest.raises(ValueError, match="can't be written"):
        await workspace.write("/usr/lib/x", b"")
    with pytest.raises(NotADirectoryError):
        await workspace.list("calc.py")
    with pytest.raises(FileNotFoundError):
        await workspace.list("nowhere")
    with pytest.raises(ValueError, match="can't be read: permission denied"):
        await workspace.list("shut")
    assert {"calc.py", "shut/"} <= set(await workspace.list("."))


@BOTH_SANDBOXES
async def test_the_change_is_what_git_would_commit(workspace: Workspace) -> None:
    assert (await workspace.changes()).files == {}
    await sh(
        workspace,
        "echo '# more' >> calc.py; chmod +x test_calc.py; rm run.sh; mkdir a; echo x > 'a/n w.py';"
        "printf 'three\\r\\n' >> notes.bat; echo no > trace.log",
    )
    files = dict((await workspace.changes()).files)
    tests = FILES["test_calc.py"].encode()
    assert files == {
        "calc.py": FileChange(FILES["calc.py"].encode() + b"# more\n", executable=False),
        "test_calc.py": FileChange(tests, executable=True),
        "run.sh": FileChange(None, executable=False),
        "a/n w.py": FileChange(b"x\n", executable=False),
        "notes.bat": FileChange(b"one\ntwo\nthree\n", executable=False),
    }


async def test_what_no_patch_can_hold_is_left_out_with_the_reason(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("repository.workspace.changes.MAX_FILE_BYTES", 1000)
    await sh(
        workspace,
        "ln -s /etc/passwd new-link; git init -q inner; echo 1 > inner/x; rm link; ln -s x link;"
        "head -c 2000 /dev/zero > large.bin; printf x > $'\\xff.txt'; rm calc.py; mkfifo calc.py",
    )
    changes = await workspace.changes()
    assert changes.files == {}
    assert dict(changes.left_out) == {
        "new-link": "a symbolic link",
        "link": "a symbolic link",
        "inner/": "a repository of its own",
        "large.bin": "larger than 1000 bytes",
        "\ufffd.txt": "its name is not UTF-8",
        "calc.py": "not a regular file",
    }


@BOTH_SANDBOXES
async def test_tests_run_in_the_workspaces_own_tree(
    tested_workspace: Workspace, logs: Logs, recipe: Recipe, folder: Path
) -> None:
    async def results(*tests: str) -> dict[str, str]:
        report = await tested_workspace.run_tests(tests, label="tests-1", seconds=30.0)
        assert report.log_key == "tests-1.log"
        return dict(report.results)

    version = await sh(tested_workspace, "python -c 'import sys; print(sys.version_info.minor)'")
    assert f"{tested_workspace.facts.python}\n" == f"3.{version}"
    await sh(tested_workspace, "sed -i s/-/+/ calc.py; mkdir t; cp test_calc.py t/test_b.py")
    both = {ADD: "passed", DOUBLE: "passed"}
    in_folder = {f"t.test_b.TestCalc::{name}": "passed" for name in ("test_add", "test_double")}
    assert await results() == {**both, **in_folder}
    assert await results("test_calc.py") == both
    assert await results("test_calc.py::TestCalc::test_add") == {ADD: "passed"}
    assert await results(DOUBLE) == {DOUBLE: "passed"}
    assert await results("t") == in_folder
    assert "tests run" in str(logs.texts["tests-1.log"])


@BOTH_SANDBOXES
async def test_the_test_bed_is_untouched_by_the_workspace(
    tested_workspace: Workspace, sandbox: Sandbox, recipe: Recipe, folder: Path, logs: Logs
) -> None:
    bed = TestBed.open(sandbox, folder, recipe, seconds=30.0, save=logs.save)
    before = await bed.run({}, ("test_calc.py",), label="before")
    await sh(
        tested_workspace,
        "sed -i s/-/+/ calc.py; rm ../env/bin/python; echo exit 9 > ../env/bin/python; rm test_*",
    )
    await tested_workspace.run_tests((), label="own", seconds=30.0)
    after = await bed.run({}, ("test_calc.py",), label="after")
    assert after.results == before.results == {ADD: "failed", DOUBLE: "passed"}
    assert not (folder / "env/bin/python").exists()
    assert "a + b" in await sh(tested_workspace, "cat calc.py")


async def test_tests_without_an_environment_are_answered(workspace: Workspace) -> None:
    with pytest.raises(TestsCantRun, match="no environment"):
        await workspace.run_tests((), label="tests", seconds=30.0)


async def test_operations_wait_for_each_other(workspace: Workspace) -> None:
    commands = [
        workspace.run(f"echo {number} >> order; sleep 0.1", seconds=30.0) for number in "123"
    ]
    await asyncio.gather(*commands, workspace.changes(), workspace.read("calc.py", limit=1000))
    assert sorted((await sh(workspace, "cat order")).split()) == ["1", "2", "3"]


async def test_a_later_opening_finds_the_workspace_as_it_was_left(
    workspace: Workspace, open_workspace: OpenWorkspace
) -> None:
    await sh(workspace, "echo one > new.txt")
    snapshots = [await workspace.snapshot(), await workspace.snapshot()]
    assert snapshots[1] == b""
    again = await open_workspace()
    assert again.facts == workspace.facts
    await again.restore(snapshots[:1])
    assert await sh(again, "cat new.txt") == "one\n"


@BOTH_SANDBOXES
async def test_a_restored_workspace_has_the_same_files_modes_times_and_links(
    open_workspace: OpenWorkspace, folder: Path
) -> None:
    workspace = await open_workspace()
    snapshots = [await workspace.snapshot()]
    assert snapshots == [b""]
    for command in (
        "sed -i s/-/+/ calc.py; chmod 750 run.sh; ln -s /etc/hostname away; mkdir -m 700 -p d/e",
        "git stash -q; echo x > trace.log; echo h > ~/h; echo t > $TMPDIR/t; touch -d @1 old",
        "git stash pop -q; rm -r d; mkdir gone; ln link2 trace.log 2>/dev/null; mkfifo pipe",
        "rm link; mkdir link; echo in > link/in; rmdir gone; git add -A; echo $'a\\nb' > $'n\\nl'",
        "git commit -qm mine; rm trace.log; mkdir closed; echo 1 > closed/x; chmod 555 closed",
    ):
        await sh(workspace, command)
        snapshots.append(await workspace.snapshot())
    before = await describe(workspace)
    assert await workspace.restore(snapshots) == ()
    assert await describe(workspace) == before

    shutil.rmtree(folder)
    folder.mkdir(mode=0o700)
    elsewhere = await open_workspace()
    assert await elsewhere.restore(snapshots) == ()
    assert await describe(elsewhere) == before
    await sh(elsewhere, "git fsck --no-dangling && git checkout -q HEAD^")
    assert await elsewhere.restore(()) == ()
    assert await sh(elsewhere, "git status --porcelain; ls ~ $TMPDIR | grep -v :") == "\n"


async def describe(workspace: Workspace) -> str:
    """Return every file with its mode, time, link and content, and what git knows."""
    return await sh(
        workspace,
        'all=". $HOME $TMPDIR -mindepth 1 -path ./.git -prune -o";'
        "find $all -printf '%p %M %T@ %l\\n' | sort;"
        "find $all -type f -print0 | sort -z | xargs -0 md5sum;"
        "git status --porcelain; git log --format=%s; git stash list",
    )
