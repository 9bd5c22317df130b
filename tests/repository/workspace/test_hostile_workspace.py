"""What hostile commands leave in a workspace reaches neither this process nor the test bed, and
changes only what it says it changes.
"""

import contextlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from repository.git import Mirror
from repository.testing.models import Recipe
from repository.testing.run.bed import TestBed
from repository.workspace import FileChange, Workspace
from sandbox import Sandbox
from tests.repository.workspace.conftest import BOTH_SANDBOXES, Logs, sh
from tests.stages.workbench import FIXED_CALC

ADD = "test_calc.TestCalc::test_add"
DOUBLE = "test_calc.TestCalc::test_double"
SECRET = "the-secret-word"


@pytest.fixture
def outside(folder: Path) -> Path:
    """A folder beside the run's that only this process may enter, with a secret."""
    outside = folder.parent / "outside"
    outside.mkdir(mode=0o700)
    (outside / "secret").write_text(SECRET)
    return outside


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def use_all(workspace: Workspace) -> dict[str, FileChange]:
    """Use every operation; return the changed files."""
    await workspace.read("calc.py", limit=10_000)
    await workspace.list(".")
    await workspace.write("written.txt", b"by the editor\n")
    snapshot = await workspace.snapshot()
    changes = await workspace.changes()
    await workspace.restore([snapshot])
    assert await workspace.changes() == changes
    return dict(changes.files)


@BOTH_SANDBOXES
async def test_a_hostile_repository_runs_nothing_outside_and_alters_no_change(
    workspace: Workspace, outside: Path
) -> None:
    await sh(workspace, f"echo 'touch {outside}/ran; touch ran' > $TMPDIR/x; chmod +x $TMPDIR/x")
    await sh(
        workspace,
        "for key in core.fsmonitor core.editor core.pager core.sshCommand core.askPass"
        " filter.x.clean filter.x.smudge filter.x.process diff.x.textconv diff.external;"
        " do git config $key $TMPDIR/x; done; git config filter.x.required true;"
        "git config core.hooksPath $TMPDIR/hooks; git config include.path $TMPDIR/more;"
        "git config core.excludesFile ~/all; git config core.worktree /;"
        "mkdir $TMPDIR/hooks; for hook in post-checkout post-index-change pre-commit; do"
        " cp $TMPDIR/x $TMPDIR/hooks/$hook; cp $TMPDIR/x .git/hooks 2>/dev/null; done;"
        f"mkdir -p .git/objects/info; echo {outside} > .git/objects/info/alternates;"
        "cp .git/config ~/.gitconfig; echo '*' > ~/all; echo '*' >> .git/info/exclude;"
        "echo '* filter=x diff=x text eol=crlf ident working-tree-encoding=UTF-16' "
        "| tee .gitattributes > .git/info/attributes;"
        "printf 'one\\r\\n$Id$\\n' > new.txt; rm -f .git/index; sed -i s/-/+/ calc.py",
    )
    files = await use_all(workspace)
    assert files.pop(".gitattributes").content
    assert files == {
        "calc.py": FileChange(FIXED_CALC.encode(), executable=False),
        "new.txt": FileChange(b"one\r\n$Id$\n", executable=False),
        "written.txt": FileChange(b"by the editor\n", executable=False),
    }
    assert entries(outside) == ["secret"]


async def test_a_tree_without_a_repository_still_has_its_changes(workspace: Workspace) -> None:
    for command in ("rm -rf .git", "echo gitdir: /etc > .git", "rm .git; ln -s / .git"):
        await sh(workspace, f"{command}; sed -i s/-/+/ calc.py")
        assert sorted((await workspace.changes()).files) == ["calc.py"]


@BOTH_SANDBOXES
async def test_links_out_of_the_tree_lead_nowhere(workspace: Workspace, outside: Path) -> None:
    await sh(workspace, "mkdir d; echo 1 > d/secret")
    await sh(
        workspace,
        f"rm -r d; ln -s {outside} d; ln -sf {outside}/secret calc.py; ln -s {outside}/secret s;"
        f"rm -r ~/* 2>/dev/null; ln -s {outside} ~/h; ln -s {outside} $TMPDIR/t",
    )
    for path in ("d/secret", "calc.py", "s", "~/h/secret"):
        with pytest.raises((FileNotFoundError, ValueError)):
            await workspace.read(path, limit=100)
        with pytest.raises(ValueError, match="can't be written"):
            await workspace.write(path, b"x")
    with pytest.raises((FileNotFoundError, ValueError)):
        await workspace.list("d")
    snapshot = await workspace.snapshot()
    assert SECRET.encode() not in snapshot
    changes = await workspace.changes()
    assert changes.files == {}
    assert set(changes.left_out) == {"calc.py", "d", "s"}
    assert await workspace.restore([snapshot]) == ()
    assert entries(outside) == ["secret"]
    assert (outside / "secret").read_text() == SECRET


@BOTH_SANDBOXES
async def test_odd_files_are_named_and_block_nothing(workspace: Workspace) -> None:
    await sh(
        workspace,
        "touch -h link; rm calc.py; mkfifo calc.py pipe; truncate -s 1G enormous;"
        "printf 1 > $'a\\nb.txt';"
        "printf 2 > -rf; printf 3 > ' '; mkdir -m 0 shut; mkdir -p deep; cd deep;"
        "for n in $(seq 110); do mkdir d; cd d; done; printf 4 > end",
    )
    snapshot = await workspace.snapshot()
    changes = await workspace.changes()
    contents = {path: change.content for path, change in changes.files.items()}
    assert contents == {"a\nb.txt": b"1", "-rf": b"2", " ": b"3"}
    deep = "deep/" + "d/" * 110 + "end"
    assert set(changes.left_out) == {"calc.py", "enormous", "shut/", deep}
    await sh(workspace, "touch lost")
    (sentence,) = await workspace.restore([snapshot])
    assert sentence.startswith("tree/enormous could not be restored")
    assert (
        await sh(workspace, "cat $'a\\nb.txt' -- -rf ' ' */*/*/end 2>/dev/null; [ -p pipe ]")
        == "123"
    )


async def test_a_pipe_in_place_of_gits_own_files_does_not_hang(workspace: Workspace) -> None:
    await sh(workspace, "mkdir d; mkfifo d/.gitattributes; sed -i s/-/+/ calc.py")
    changes = await workspace.changes()
    assert changes.files == {}
    assert changes.left_out == {".": "git can't list the changes: d/.gitattributes is a pipe"}


@BOTH_SANDBOXES
async def test_nothing_of_the_workspace_reaches_the_verdicts_test_run(
    tested_workspace: Workspace, sandbox: Sandbox, recipe: Recipe, folder: Path, logs: Logs
) -> None:
    evil = "import pathlib, sys; pathlib.Path('calc.py').write_text('raise SystemExit(7)')"
    await sh(
        tested_workspace,
        f'echo "{evil}" | tee conftest.py sitecustomize.py unittest.py ~/.pythonrc'
        " ../env/sitecustomize.py > $TMPDIR/sitecustomize.py;"
        "echo 'exit 7' | tee .bashrc ~/.bashrc ~/.profile ~/.bash_profile > ~/.bash_logout;"
        "mkdir ~/.local; cp --remove-destination conftest.py ../env/bin/python; rm test_calc.py;"
        "chmod -R a-w . ; chmod 0 ../env",
    )
    await tested_workspace.run("echo '<testsuite/>' > ../report/junit.xml", seconds=30.0)
    bed = TestBed.open(sandbox, folder, recipe, seconds=30.0, save=logs.save)
    report = await bed.run({}, (), label="verdict")
    assert report.results == {ADD: "failed", DOUBLE: "passed"}
    report = await bed.run({"calc.py": FIXED_CALC.encode()}, (), label="verdict")
    assert report.results == {ADD: "passed", DOUBLE: "passed"}
    assert "pathlib" in await sh(tested_workspace, "cat ../env/bin/python")


@BOTH_SANDBOXES
async def test_a_command_sees_only_its_own_folders(
    tested_workspace: Workspace, outside: Path, folder: Path, mirror: Mirror
) -> None:
    look = (
        f"cat {outside}/secret; ls {folder}/aside {folder}/records; cat {folder}/records/*/*;"
        f"cat {mirror.folder}/HEAD"
    )
    output = await tested_workspace.run(look, seconds=30.0)
    assert SECRET not in output.text
    for line in output.text.splitlines():
        assert "No such file" in line or "Permission denied" in line, line
    output = await tested_workspace.run(f"echo x > {folder}/workspace.json", seconds=30.0)
    assert output.exit_code == 1


def crafted_snapshot(gone: list[str], *members: tarfile.TarInfo) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for member in members:
            member.pax_headers = {"mtime": "1.000000000"}
            member.size = 1 if member.isreg() else 0
            tar.addfile(member, io.BytesIO(b"x"))
    summary = {"left_out": {}, "left_out_count": 0}
    return f"{json.dumps(summary)}\n{json.dumps(gone)}\n".encode() + archive.getvalue()


def link_to(target: Path) -> tarfile.TarInfo:
    link = tarfile.TarInfo("tree/way")
    link.type = tarfile.SYMTYPE
    link.linkname = str(target)
    return link


@BOTH_SANDBOXES
async def test_a_forged_snapshot_writes_and_removes_nothing_outside(
    workspace: Workspace, outside: Path, folder: Path
) -> None:
    inside_link = tarfile.TarInfo("tree/way/in")
    for forged in (
        crafted_snapshot(["../outside/secret", "environment.json", "workspace.json", "aside"]),
        crafted_snapshot([], tarfile.TarInfo("../outside/new")),
        crafted_snapshot([], tarfile.TarInfo(f"{outside}/new")),
        crafted_snapshot([], link_to(outside), inside_link),
    ):
        before = entries(folder)
        with contextlib.suppress(OSError):
            await workspace.restore([forged])
        assert entries(folder) == before
        assert entries(outside) == ["secret"]
    assert await workspace.restore(()) == ()


async def test_what_snapshots_cannot_hold_is_named_and_counted(workspace: Workspace) -> None:
    await sh(workspace, "for n in $(seq 69); do truncate -s 20M large$n; done; echo small > s.txt")
    await sh(workspace, "echo closed > A; chmod 0 A; truncate -s 20M large70")
    snapshots = [await workspace.snapshot()]
    assert b'"tree/A": "permission denied"' in snapshots[0]
    assert len(snapshots[0]) < 100_000
    await sh(workspace, "echo more > s.txt; rm large70")
    snapshots.append(await workspace.snapshot())
    await sh(workspace, "echo unsaved > lost.txt")
    sentences = await workspace.restore(snapshots)
    assert sentences[:2] == (
        "tree/A could not be restored: permission denied.",
        "tree/large1 could not be restored: larger than 10000000 bytes.",
    )
    assert sentences[50:] == ("20 other files could not be restored.",)
    assert await sh(workspace, "cat s.txt; ls lost.txt large* 2>/dev/null; true") == "more\n"
