"""What both sandboxes promise to their caller. What hostile code tries in them is in tests/attacks."""

import asyncio
import os
import socket
import sys
from pathlib import Path

import pytest

from sandbox import NoIsolation, Sandbox, SandboxCommand
from sandbox.bwrap.backend import BwrapSandbox
from sandbox.index.proxy import IndexProxy
from sandbox.uid.backend import UidSandbox
from tests.stand_ins.alone import alone  # noqa: F401 - of each test here
from tests.stand_ins.own_folder import own_folder  # noqa: F401 - as tmp_path

PYTHON = Path(sys.executable).resolve()


@pytest.fixture(scope="module", params=["bwrap", "uid"])
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    index = IndexProxy.configured({})
    try:
        return (
            BwrapSandbox(index)
            if request.param == "bwrap"
            else UidSandbox(Path("/not/there"), index)
        )
    except NoIsolation as error:
        pytest.skip(str(error))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "work"
    made.mkdir(mode=0o700)
    return made


def shell(script: str, folder: Path, **more: object) -> SandboxCommand:
    return SandboxCommand(("/bin/sh", "-c", script), cwd=folder, writable=(folder,), **more)  # type: ignore[arg-type]


def python(script: str, folder: Path, **more: object) -> SandboxCommand:
    argv = (str(PYTHON), "-c", script)
    own = (PYTHON.parent, PYTHON.parent.parent / "lib")
    return SandboxCommand(argv, cwd=folder, writable=(folder,), readable=own, **more)  # type: ignore[arg-type]


def running(marker: str) -> list[str]:
    """Processes of this machine whose command line holds ``marker``."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
        except OSError:
            continue
        if marker.encode() in command:
            found.append(entry.name)
    return found


async def test_output_and_exit_code_come_back_and_what_it_wrote_stays(
    sandbox: Sandbox, folder: Path
):
    done = await sandbox.run(shell("echo out; echo err >&2; echo kept > file; exit 3", folder))
    assert (done.returncode, done.timed_out, done.output.split()) == (3, False, ["out", "err"])
    assert (folder / "file").read_text() == "kept\n"


async def test_a_secret_file_of_the_worker_is_unreadable_even_where_its_folder_is_shown(
    sandbox: Sandbox, folder: Path, tmp_path: Path
):
    if os.geteuid() != 0:
        pytest.skip(
            "only root is somebody else inside; another user shows no folder with its secrets"
        )
    secret = tmp_path / "shown/secret"
    secret.parent.mkdir()
    secret.write_text("hunter2")
    secret.chmod(0o600)
    done = await sandbox.run(
        shell(f"ls {secret.parent}; cat {secret}", folder, readable=(secret.parent,))
    )
    assert "secret" in done.output and "hunter2" not in done.output and done.returncode != 0


async def test_nothing_of_the_machine_but_system_folders_is_there(
    sandbox: Sandbox, folder: Path, tmp_path: Path
):
    if sandbox.name == "uid":
        pytest.skip("it has no file system of its own; modes alone protect what is there")
    (tmp_path / "neighbour").write_text("x")
    done = await sandbox.run(
        shell(
            f"ls -A {tmp_path} {Path.home()} /etc/shadow /root /home /sys /run 2>/dev/null", folder
        )
    )
    assert "neighbour" not in done.output and "shadow" not in done.output
    assert {line for line in done.output.splitlines() if line and not line.endswith(":")} <= {
        "work"
    }


async def test_the_workers_environment_is_nowhere_to_be_read(
    sandbox: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("GITHUB_TOKEN", "ghs_worker_secret")
    done = await sandbox.run(
        shell("env; cat /proc/*/environ | tr '\\0' '\\n'", folder, environment={"GIVEN": "yes"})
    )
    assert "ghs_worker_secret" not in done.output
    names = {line.partition("=")[0] for line in done.output.splitlines() if "=" in line}
    assert names == {"PATH", "HOME", "LANG", "TMPDIR", "PWD", "GIVEN"}


async def test_without_network_neither_the_internet_nor_the_workers_own_ports_answer(
    sandbox: Sandbox, folder: Path
):
    with socket.create_server(("127.0.0.1", 0)) as server:
        script = (
            f"import socket; socket.create_connection(('127.0.0.1', {server.getsockname()[1]}), 2)"
        )
        done = await sandbox.run(python(script, folder))
    assert "refused" in done.output
    script = "import socket; socket.create_connection(('192.0.2.1', 80), 2)"
    done = await sandbox.run(python(script, folder))
    assert "unreachable" in done.output


async def test_a_server_on_its_own_loopback_works(sandbox: Sandbox, folder: Path):
    script = (
        "import socket as s; t = s.create_server(('127.0.0.1', 0));"
        " s.create_connection(t.getsockname()); print('ok')"
    )
    done = await sandbox.run(python(script, folder))
    assert done.output == "ok\n"


async def test_no_capability_is_left_and_system_folders_cannot_be_written(
    sandbox: Sandbox, folder: Path
):
    script = (
        "grep -E '^(CapEff|CapPrm|CapAmb|NoNewPrivs)' /proc/self/status; touch /usr/x /etc/x /x"
        " /dev/x"
    )
    done = await sandbox.run(shell(script, folder))
    values = dict(line.split(":\t") for line in done.output.splitlines() if ":\t" in line)
    assert {int(values[name], 16) for name in ("CapEff", "CapPrm", "CapAmb")} == {0} and values[
        "NoNewPrivs"
    ] == "1"
    assert done.output.count("Read-only file system") + done.output.count("Permission denied") == 4


async def test_what_it_left_in_temporary_folders_is_gone_for_the_next(
    sandbox: Sandbox, folder: Path
):
    script = """for where in /tmp /var/tmp /dev/shm $HOME; do
        test ! -e $where/left-4711 && mkdir $where/left-4711 && chmod 0 $where/left-4711 || exit 1; done"""
    for _ in range(2):
        assert (await sandbox.run(shell(script, folder))).returncode == 0
    assert [
        path for path in ("/tmp", "/var/tmp", "/dev/shm") if Path(path, "left-4711").exists()
    ] == []


async def test_a_process_left_behind_dies_with_the_command(sandbox: Sandbox, folder: Path):
    done = await sandbox.run(
        shell("setsid sleep 4711.1 >/dev/null 2>&1 & sleep 4711.1 & echo started", folder)
    )
    assert done.output == "started\n"
    assert running("4711.1") == []


async def test_a_time_out_kills_everything_and_keeps_what_was_said(sandbox: Sandbox, folder: Path):
    done = await sandbox.run(
        shell("echo before; setsid sleep 4711.2 & trap '' TERM; sleep 4711.2", folder, timeout=1.0)
    )
    assert (done.returncode, done.timed_out, done.output) == (124, True, "before\n")
    assert running("4711.2") == []


async def test_cancelling_kills_everything(sandbox: Sandbox, folder: Path):
    os.mkfifo(folder / "ready", 0o666)
    (folder / "ready").chmod(0o666)
    task = asyncio.create_task(
        sandbox.run(shell("setsid sleep 4711.3 & echo up > ready; sleep 4711.3", folder))
    )
    assert await asyncio.to_thread((folder / "ready").read_text) == "up\n"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert running("4711.3") == []


async def test_endless_output_is_read_and_only_its_end_kept(sandbox: Sandbox, folder: Path):
    done = await sandbox.run(
        shell("head -c 20000000 /dev/zero | tr '\\0' x; echo end", folder, output_limit=1000)
    )
    assert done.output.endswith("xend\n") and len(done.output) == 1000


async def test_terminal_escapes_are_taken_out(sandbox: Sandbox, folder: Path):
    done = await sandbox.run(
        shell(r"printf '\033[31mred\033[0m \033]0;title\007plain\r\n\033[2Jnext\b\n'", folder)
    )
    assert done.output == "red plain\nnext\n"


async def test_the_user_has_a_name_and_a_command_that_is_missing_is_127(
    sandbox: Sandbox, folder: Path
):
    script = "import getpass, pwd, os; print(getpass.getuser(), pwd.getpwuid(os.getuid()).pw_name)"
    name, again = (await sandbox.run(python(script, folder))).output.split()
    assert name == again and name.startswith("sandbox")
    assert (
        await sandbox.run(SandboxCommand(("no-such-program",), cwd=folder, writable=(folder,)))
    ).returncode == 127


async def test_what_cannot_be_set_up_is_an_error_of_the_machine_not_a_result(
    sandbox: Sandbox, folder: Path
):
    with pytest.raises(OSError, match="missing"):
        await sandbox.run(shell("true", folder, readable=(folder / "missing",)))


async def test_a_link_is_never_handed_over_as_a_writable_folder(
    sandbox: Sandbox, folder: Path, tmp_path: Path
):
    if os.geteuid() != 0:
        pytest.skip("only root hands folders over to another user")
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(OSError):
        await sandbox.run(shell("true", tmp_path / "link"))
    assert folder.stat().st_uid == 0


async def test_what_it_wrote_is_the_workers_again_or_still_its_own_and_links_lead_nowhere(
    sandbox: Sandbox, folder: Path, tmp_path: Path
):
    if os.geteuid() != 0:
        pytest.skip("only root hands folders over to another user")
    (tmp_path / "roots").write_text("x")
    (tmp_path / "roots").chmod(0o600)
    os.link(tmp_path / "roots", folder / "linked")
    (folder / "inner").mkdir()
    done = await sandbox.run(
        shell(
            f"cat linked; touch inner/new; chmod 600 inner/new; ln -s {tmp_path}/roots soft", folder
        )
    )
    assert "Permission denied" in done.output
    found = (tmp_path / "roots").stat()
    assert (found.st_uid, found.st_mode & 0o777) == (0, 0o600)
    again = await sandbox.run(shell("cat inner/new && rm -r inner soft", folder))
    assert (again.returncode, again.output) == (0, "")


async def test_folders_that_are_closed_are_open_to_it(sandbox: Sandbox, tmp_path: Path):
    if os.geteuid() != 0:
        pytest.skip("only root runs it as another user")
    closed = tmp_path / "closed"
    (closed / "shown").mkdir(parents=True)
    (closed / "shown/file").write_text("seen")
    for path in (closed, closed / "shown"):
        path.chmod(0o700)
    command = SandboxCommand(
        ("cat", str(closed / "shown/file")), cwd=closed / "shown", readable=(closed / "shown",)
    )
    before = [os.listxattr(path) for path in (tmp_path, closed, closed / "shown")]
    assert (await sandbox.run(command)).output == "seen"
    after = [os.listxattr(path) for path in (tmp_path, closed, closed / "shown")]
    assert sandbox.name == "bwrap" or after == before
    assert sandbox.name == "bwrap" or [
        path.stat().st_mode & 0o777 for path in (closed, closed / "shown")
    ] == [
        0o700,
        0o700,
    ]


async def test_output_is_handed_on_as_it_comes(sandbox: Sandbox, folder: Path):
    os.mkfifo(folder / "go", 0o666)
    (folder / "go").chmod(0o666)
    came = asyncio.Event()
    task = asyncio.create_task(
        sandbox.run(shell("echo first; cat go", folder, on_output=lambda _: came.set()))
    )
    await came.wait()
    await asyncio.to_thread((folder / "go").write_text, "second")
    assert (await task).output == "first\nsecond"
