"""``coding-agent sandbox run|check|serve``: use the sandbox on its own."""

import asyncio
import os
from pathlib import Path
from typing import Any

import click

from cli import exits
from cli.command import CommandError, settings
from cli.output import Output, json_option
from prompts.filters import one_line
from sandbox import KILLED_EXIT_CODE, Sandbox, SandboxCommand, SandboxResult

_backend_option = click.option(
    "--backend",
    type=click.Choice(["bwrap", "uid", "auto"]),
    help="The backend to use; by default, the one that CODING_AGENT_SANDBOX names.",
)
_OUTPUT_LIMIT = 4096
"""Bytes: enough for the line that says why the command was ended; output is printed as it arrives.
"""
_MESSAGE_PREFIX = "[sandbox: "


@click.group("sandbox")
def command() -> None:
    """Run untrusted code, check this machine's isolation, run the helper of the uid backend.

    \b
    Examples:
      coding-agent sandbox run -- python3 -m pytest
      coding-agent sandbox check
    """


@command.command(
    "run", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
@_backend_option
@click.option(
    "--network",
    type=click.Choice(["none", "install"]),
    default="none",
    show_default=True,
    help="install: access to the package index and nothing else.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=600.0,
    show_default=True,
    metavar="S",
    help="Seconds after which the command is killed.",
)
@click.option(
    "--memory",
    type=click.IntRange(min=16),
    default=4096,
    show_default=True,
    metavar="MB",
    help="Megabytes of memory that its processes may use in total.",
)
@click.option(
    "--disk",
    type=click.IntRange(min=1),
    default=4096,
    show_default=True,
    metavar="MB",
    help="Megabytes of files that it may write.",
)
@click.option(
    "--writable",
    multiple=True,
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder that it may write to; can be given several times.",
)
@click.argument("words", nargs=-1, required=True, metavar="COMMAND...")
@click.pass_context
def run(  # noqa: PLR0913 - one parameter an option
    ctx: click.Context,
    backend: str | None,
    network: Any,
    timeout: float,
    memory: int,
    disk: int,
    writable: tuple[Path, ...],
    words: tuple[str, ...],
) -> None:
    """Run a command in the current folder, which it may read.

    It gets a clean environment, read-only system folders, its own temporary folders, and no network
    except its own loopback. Exits with the command's code, 124 after a timeout, 137 when over the
    memory or disk limit, and 2 if this machine can't isolate it.

    \b
    Examples:
      coding-agent sandbox run -- python3 -m pytest
      coding-agent sandbox run --backend uid --timeout 60 --memory 512 --writable . -- make test
      coding-agent sandbox run --network install --writable .venv -- .venv/bin/pip install tomli
    """
    from cli.live_output import live_output, print_note

    folders = tuple(_without_links(folder) for folder in writable)
    sandbox = _choose(ctx, backend)
    here = Path.cwd()
    with live_output() as output:
        sandbox_command = SandboxCommand(
            words,
            cwd=here,
            writable=folders,
            readable=(here, *_program_folders(words[0])),
            network=network,
            timeout=timeout,
            memory_mb=memory,
            disk_mb=disk,
            output_limit=_OUTPUT_LIMIT,
            on_output=output.add,
        )
        try:
            result = asyncio.run(sandbox.run(sandbox_command))
        except OSError as error:
            raise CommandError(str(error)) from None
    if result.degraded is not None:
        print_note(f"{_MESSAGE_PREFIX}{result.degraded}]")
    reason = _end_reason(result, timeout)
    if reason is not None:
        print_note(reason)
    ctx.exit(result.returncode)


@command.command("check")
@_backend_option
@json_option("Print one JSON object: backend, checks, degraded, ok.")
@click.pass_context
def check(ctx: click.Context, backend: str | None, output: Output) -> None:
    """Try a dozen ways to escape from the sandbox, and to connect to servers of its own.

    Exits with 1 unless all ways out are blocked, and all servers reached.

    \b
    Examples:
      coding-agent sandbox check
      coding-agent sandbox check --backend uid --json
    """
    from sandbox.loopback import check_loopback
    from sandbox.probes import probe

    sandbox = _choose(ctx, backend)
    try:
        held = probe(sandbox, settings(ctx).data_dir / "runs")
        loopback = asyncio.run(check_loopback(sandbox))
    except OSError as error:
        raise CommandError(str(error)) from None
    lines = [f"backend: {sandbox.name}"]
    for name, is_held in held.items():
        verdict = "held   " if is_held else "ESCAPED"
        lines.append(f"{verdict} {name}")
    reached: dict[str, bool] = {}
    for kind, is_reached in loopback.reached.items():
        verdict = "works  " if is_reached else "REFUSED"
        name = f"connecting to its own {kind} server"
        lines.append(f"{verdict} {name}")
        reached[name] = is_reached
    degraded = loopback.fault()
    if degraded is not None:
        lines.append(f"degraded: {degraded}")
    checks = {**held, **reached}
    all_passed = all(checks.values())
    report = {
        "backend": sandbox.name,
        "checks": checks,
        "degraded": degraded,
        "ok": all_passed,
    }
    output.write(report, "\n".join(lines))
    ctx.exit(exits.OK if all_passed else exits.ERROR)


@command.command("serve")
@click.option(
    "--worker",
    default=0,
    show_default=True,
    metavar="UID",
    help="The user id that may request sessions.",
)
@click.pass_context
def serve(ctx: click.Context, worker: int) -> None:
    """Serve sessions of the uid backend on CODING_AGENT_SANDBOX_SOCKET until SIGTERM.

    Must run as root, in a container without secrets; docs/sandbox.md lists the capabilities that it
    needs.

    \b
    Examples:
      coding-agent sandbox serve
      coding-agent sandbox serve --worker 1000
    """
    from sandbox.uid import helper

    try:
        helper.serve(settings(ctx).sandbox_socket, client=worker)
    except OSError as error:
        raise CommandError(str(error), exits.USAGE) from None


def _choose(ctx: click.Context, backend: str | None) -> Sandbox:
    """Return the sandbox of an option, or of the setting."""
    from cli.backends import sandbox_for
    from sandbox import NoIsolation

    chosen = settings(ctx)
    if backend is not None:
        chosen = chosen.model_copy(update={"sandbox": backend})
    if chosen.sandbox == "none":
        message = "CODING_AGENT_SANDBOX is none, which isolates nothing: choose one with --backend"
        raise CommandError(message, exits.USAGE)
    try:
        return sandbox_for(chosen, local=True)
    except NoIsolation as error:
        raise CommandError(str(error), exits.USAGE) from None


def _end_reason(result: SandboxResult, timeout: float) -> str | None:
    """Return a line that says why the sandbox ended the command, if it did."""
    if not result.timed_out and result.returncode != KILLED_EXIT_CODE:
        return None
    for line in reversed(result.output.splitlines()):
        if line.startswith(_MESSAGE_PREFIX):
            return line
    return f"{_MESSAGE_PREFIX}ended after {timeout:g} s]" if result.timed_out else None


def _without_links(folder: Path) -> Path:
    """Return the absolute path of a folder that was named without a symbolic link.

    The repository in the current folder may have links that lead anywhere.
    """
    path = Path(os.path.abspath(folder))  # noqa: PTH100 - Path has nothing that leaves links alone
    target = path.resolve()
    if path != target:
        raise CommandError(
            f"--writable {one_line(str(folder))}: there is a symbolic link in this path; if you"
            f" mean the folder that it leads to, name it: --writable {one_line(str(target))}",
            exits.USAGE,
        )
    return path


def _program_folders(program: str) -> tuple[Path, ...]:
    """Return the folders that a program needs, if it is named by its path.

    An interpreter's library is in a folder beside the interpreter's own. A program in a virtual
    environment needs that environment and the folders of the interpreter it was created from. Where
    links and files of the current folder name these, they must hold an interpreter: the repository
    may have them lead anywhere.
    """
    if "/" not in program:
        return ()
    path = Path(os.path.abspath(program))  # noqa: PTH100 - Path has nothing that leaves links alone
    environment = path.parent.parent
    interpreters = {path.resolve().parent.parent}
    configuration = environment / "pyvenv.cfg"
    if configuration.is_file():
        for line in configuration.read_text().splitlines():
            key, _, value = line.partition("=")
            if key.strip() == "home":
                interpreters.add(Path(value.strip()).parent)
    if path.is_relative_to(Path.cwd()):
        interpreters = {folder for folder in interpreters if _holds_python(folder)}
    folders = {environment, *interpreters}
    # Not the root folder, nor one directly below it.
    return tuple(folder for folder in folders if folder.is_dir() and len(folder.parts) > 2)


def _holds_python(folder: Path) -> bool:
    """Return whether an interpreter with its library is installed in a folder."""
    return any(folder.glob("lib/python3*/os.py"))
