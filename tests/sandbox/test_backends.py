"""The contract of both isolating sandboxes; attacks by hostile code are in tests/attacks."""

import asyncio
import os
import socket
import sys
from pathlib import Path

import pytest

from sandbox import Sandbox, SandboxCommand
from tests.stand_ins.alone import alone  # noqa: F401 - for each test here
from tests.stand_ins.own_folder import own_folder  # noqa: F401 - as tmp_path
from tests.stand_ins.processes import running_processes

PYTHON = Path(sys.executable).resolve()

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root runs commands as another user, and hands folders over"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    work = tmp_path / "work"
    work.mkdir(mode=0o700)
    return work


def shell(script: str, folder: Path, **options: object) -> SandboxCommand:
    argv = ("/bin/sh", "-c", script)
    return SandboxCommand(argv, cwd=folder, writable=(folder,), **options)  # type: ignore[arg-type]


def python(script: str, folder: Path) -> SandboxCommand:
    return SandboxCommand(
        (str(PYTHON), "-c", script),
        cwd=folder,
        writable=(folder,),
        readable=(PYTHON.parent, PYTHON.parent.parent / "lib"),
    )


def make_fifo(path: Path) -> None:
    os.mkfifo(path)
    path.chmod(0o666)


async def test_returns_output_and_exit_code_and_keeps_files(sandbox: Sandbox, folder: Path):
    script = "echo out; echo err >&2; echo kept > file; exit 3"
    result = await sandbox.run(shell(script, folder))
    assert result.returncode == 3
    assert not result.timed_out
    assert result.output.split() == ["out", "err"]
    assert (folder / "file").read_text() == "kept\n"


async def test_a_command_sees_its_run_folder_where_the_sandbox_says(sandbox: Sandbox, folder: Path):
    command = SandboxCommand(
        ("/bin/sh", "-c", f'pwd; echo "$HOME $PLACES"; echo kept > {folder}/file'),
        cwd=folder,
        writable=(folder,),
        run_folder=folder,
        home=folder,
        environment={"PLACES": f"{folder}/bin:{folder}2"},
    )
    result = await sandbox.run(command)
    inside = sandbox.path_inside(folder)
    assert result.output.split() == [str(inside), str(inside), f"{inside}/bin:{folder}2"]
    assert (folder / "file").read_text() == "kept\n"


@needs_root
async def test_hides_the_workers_secret_file_in_a_readable_folder(
    sandbox: Sandbox, folder: Path, tmp_path: Path
):
    readable = tmp_path / "readable"
    readable.mkdir()
    secret = readable / "secret"
    secret.write_text("hunter2")
    secret.chmod(0o600)
    script = f"ls {readable}; cat {secret}"
    result = await sandbox.run(shell(script, folder, readable=(readable,)))
    assert "secret" in result.output
    assert "hunter2" not in result.output
    assert result.returncode != 0


async def test_shows_only_system_folders_of_the_machine(
    sandbox: Sandbox, folder: Path, tmp_path: Path
):
    if sandbox.name == "uid":
        pytest.skip("it has no file system of its own; modes alone protect what is there")
    (tmp_path / "neighbour").write_text("x")
    paths = f"{tmp_path} {Path.home()} /etc/shadow /root /home /sys /run"
    result = await sandbox.run(shell(f"ls -A {paths} 2>/dev/null", folder))
    assert "neighbour" not in result.output
    assert "shadow" not in result.output
    lines = result.output.splitlines()
    entries = {line for line in lines if line and not line.endswith(":")}
    assert entries <= {"work"}


async def test_hides_the_workers_environment(
    sandbox: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("GITHUB_TOKEN", "ghs_worker_secret")
    script = "env; cat /proc/*/environ | tr '\\0' '\\n'"
    result = await sandbox.run(shell(script, folder, environment={"GIVEN": "yes"}))
    assert "ghs_worker_secret" not in result.output
    lines = result.output.splitlines()
    names = {line.partition("=")[0] for line in lines if "=" in line}
    assert names == {"PATH", "HOME", "LANG", "TMPDIR", "PWD", "GIVEN"}


async def test_reaches_no_port_of_the_worker(sandbox: Sandbox, folder: Path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        script = f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)"
        result = await sandbox.run(python(script, folder))
    assert "refused" in result.output


async def test_reaches_no_internet(sandbox: Sandbox, folder: Path):
    script = "import socket; socket.create_connection(('192.0.2.1', 80), 2)"
    result = await sandbox.run(python(script, folder))
    assert "unreachable" in result.output


async def test_connects_to_a_server_of_its_own(sandbox: Sandbox, folder: Path):
    script = (
        "import socket\n"
        "server = socket.create_server(('127.0.0.1', 0))\n"
        "socket.create_connection(server.getsockname())\n"
        "print('ok')\n"
    )
    result = await sandbox.run(python(script, folder))
    assert result.output == "ok\n"


async def test_has_no_capabilities(sandbox: Sandbox, folder: Path):
    result = await sandbox.run(shell("cat /proc/self/status", folder))
    fields = dict(line.split(":\t", 1) for line in result.output.splitlines() if ":\t" in line)
    for name in ("CapEff", "CapPrm", "CapAmb"):
        assert int(fields[name], 16) == 0
    assert fields["NoNewPrivs"] == "1"


async def test_cannot_write_to_system_folders(sandbox: Sandbox, folder: Path):
    result = await sandbox.run(shell("touch /usr/x /etc/x /x /dev/x", folder))
    read_only = result.output.count("Read-only file system")
    denied = result.output.count("Permission denied")
    assert read_only + denied == 4


async def test_removes_files_left_in_temporary_folders(sandbox: Sandbox, folder: Path):
    script = """
        for where in /tmp /var/tmp /dev/shm $HOME; do
            test ! -e $where/left-4711 || exit 1
            mkdir $where/left-4711 || exit 1
            chmod 0 $where/left-4711 || exit 1
        done
    """
    for _ in range(2):
        result = await sandbox.run(shell(script, folder))
        assert result.returncode == 0
    for shared_folder in ("/tmp", "/var/tmp", "/dev/shm"):
        assert not Path(shared_folder, "left-4711").exists()


async def test_kills_processes_that_the_command_leaves_behind(sandbox: Sandbox, folder: Path):
    script = "setsid sleep 4711.1 >/dev/null 2>&1 & sleep 4711.1 & echo started"
    result = await sandbox.run(shell(script, folder))
    assert result.output == "started\n"
    assert running_processes("4711.1") == []


async def test_time_limit_kills_everything_and_keeps_the_output(sandbox: Sandbox, folder: Path):
    script = "echo before; setsid sleep 4711.2 & trap '' TERM; sleep 4711.2"
    result = await sandbox.run(shell(script, folder, timeout=1.0))
    assert result.returncode == 124
    assert result.timed_out
    assert result.output == "before\n"
    assert running_processes("4711.2") == []


async def test_cancelling_kills_everything(sandbox: Sandbox, folder: Path):
    make_fifo(folder / "ready")
    script = "setsid sleep 4711.3 & echo up > ready; sleep 4711.3"
    task = asyncio.create_task(sandbox.run(shell(script, folder)))
    assert await asyncio.to_thread((folder / "ready").read_text) == "up\n"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert running_processes("4711.3") == []


async def test_keeps_only_the_end_of_a_long_output(sandbox: Sandbox, folder: Path):
    script = "head -c 20000000 /dev/zero | tr '\\0' x; echo end"
    result = await sandbox.run(shell(script, folder, output_limit=1000))
    assert result.output.endswith("xend\n")
    assert len(result.output) == 1000


async def test_removes_terminal_escapes_from_the_output(sandbox: Sandbox, folder: Path):
    script = r"printf '\033[31mred\033[0m \033]0;title\007plain\r\n\033[2Jnext\b\n'"
    result = await sandbox.run(shell(script, folder))
    assert result.output == "red plain\nnext\n"


async def test_user_has_a_name(sandbox: Sandbox, folder: Path):
    script = "import getpass, pwd, os; print(getpass.getuser(), pwd.getpwuid(os.getuid()).pw_name)"
    result = await sandbox.run(python(script, folder))
    user, account = result.output.split()
    assert user == account
    assert user.startswith("sandbox")


async def test_missing_program_exits_with_127(sandbox: Sandbox, folder: Path):
    command = SandboxCommand(("no-such-program",), cwd=folder, writable=(folder,))
    result = await sandbox.run(command)
    assert result.returncode == 127


async def test_failed_setup_raises_an_error(sandbox: Sandbox, folder: Path):
    with pytest.raises(OSError, match="missing"):
        await sandbox.run(shell("true", folder, readable=(folder / "missing",)))


@needs_root
async def test_does_not_hand_over_a_link(sandbox: Sandbox, folder: Path, tmp_path: Path):
    link = tmp_path / "link"
    link.symlink_to(folder)
    with pytest.raises(OSError):
        await sandbox.run(shell("true", link))
    assert folder.stat().st_uid == 0


@needs_root
async def test_does_not_hand_over_a_file_of_root_by_a_hard_link(
    sandbox: Sandbox, folder: Path, tmp_path: Path
):
    roots_file = tmp_path / "roots"
    roots_file.write_text("x")
    roots_file.chmod(0o600)
    os.link(roots_file, folder / "linked")
    result = await sandbox.run(shell(f"cat linked; ln -s {roots_file} soft", folder))
    assert "Permission denied" in result.output
    status = roots_file.stat()
    assert status.st_uid == 0
    assert status.st_mode & 0o777 == 0o600


@needs_root
async def test_next_command_owns_files_that_the_previous_one_wrote(sandbox: Sandbox, folder: Path):
    (folder / "inner").mkdir()
    await sandbox.run(shell("touch inner/new; chmod 600 inner/new; ln -s /root soft", folder))
    result = await sandbox.run(shell("cat inner/new && rm -r inner soft", folder))
    assert result.returncode == 0
    assert result.output == ""


@needs_root
async def test_reads_paths_below_closed_folders(sandbox: Sandbox, tmp_path: Path):
    closed = tmp_path / "closed"
    inner = closed / "inner"
    inner.mkdir(parents=True)
    (inner / "file").write_text("content")
    closed.chmod(0o700)
    inner.chmod(0o700)
    attributes_before = [os.listxattr(path) for path in (tmp_path, closed, inner)]

    command = SandboxCommand(("cat", str(inner / "file")), cwd=inner, readable=(inner,))
    result = await sandbox.run(command)

    assert result.output == "content"
    if sandbox.name == "uid":  # in bwrap, they stay open to its one user
        attributes_after = [os.listxattr(path) for path in (tmp_path, closed, inner)]
        assert attributes_after == attributes_before
        assert closed.stat().st_mode & 0o777 == 0o700
        assert inner.stat().st_mode & 0o777 == 0o700


async def test_passes_output_on_as_it_arrives(sandbox: Sandbox, folder: Path):
    make_fifo(folder / "go")
    received = asyncio.Event()
    command = shell("echo first; cat go", folder, on_output=lambda _: received.set())
    task = asyncio.create_task(sandbox.run(command))
    await received.wait()
    await asyncio.to_thread((folder / "go").write_text, "second")
    result = await task
    assert result.output == "first\nsecond"
