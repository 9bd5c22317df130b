"""``coding-agent sandbox run|check|serve``: the sandbox by itself."""

import asyncio
import codecs
import contextlib
import json
import os
import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from cli import exits
from cli.command import CommandError, settings
from sandbox import Sandbox, SandboxCommand

_STREAMED = 16 * 1024**2
"""Bytes of output handed on; what follows is read and dropped."""
_BACKENDS = click.Choice(["bwrap", "uid", "auto"])


@click.group("sandbox")
def command() -> None:
    """Run untrusted code, see what holds it here, serve the helper that the uid backend needs.

    \b
    Examples:
      coding-agent sandbox run -- python3 -m pytest
      coding-agent sandbox check
    """


@command.command(
    "run", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
@click.option(
    "--backend", type=_BACKENDS, default="auto", show_default=True, help="What isolates it."
)
@click.option(
    "--network",
    type=click.Choice(["none", "install"]),
    default="none",
    show_default=True,
    help="install: the package index, and nothing else.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=600.0,
    show_default=True,
    metavar="S",
    help="Seconds until it is ended.",
)
@click.option(
    "--memory",
    type=click.IntRange(min=16),
    default=4096,
    show_default=True,
    metavar="MB",
    help="Megabytes that all of it together may use.",
)
@click.option(
    "--writable",
    multiple=True,
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder it may write in; may be given several times.",
)
@click.argument("words", nargs=-1, required=True, metavar="COMMAND...")
@click.pass_context
def run(
    ctx: click.Context,
    backend: str,
    network: Any,
    timeout: float,
    memory: int,
    writable: tuple[Path, ...],
    words: tuple[str, ...],
) -> None:
    """Run a command in the current folder, which it may read.

    It gets an empty environment, system folders read-only, temporary folders of its own, no network but its own
    loopback. Exits with the command's code, 124 after the time-out, 137 at the end of its memory; 2 where nothing
    isolates.

    \b
    Examples:
      coding-agent sandbox run -- python3 -m pytest
      coding-agent sandbox run --backend uid --timeout 60 --memory 512 --writable . -- make test
      coding-agent sandbox run --network install --writable .venv -- .venv/bin/pip install tomli
    """
    chosen = _chosen(ctx, backend)
    here = Path.cwd()
    folders = tuple(folder.resolve() for folder in writable)
    with _printed() as on_output:
        asked = SandboxCommand(
            words,
            cwd=here,
            writable=folders,
            readable=(here, *_program_folders(words[0])),
            network=network,
            timeout=timeout,
            memory_mb=memory,
            output_limit=4096,
            on_output=on_output,
        )
        try:
            done = asyncio.run(chosen.run(asked))
        except OSError as error:
            raise CommandError(str(error)) from None
    if done.timed_out or done.returncode == 137:
        why = [line for line in done.output.splitlines() if line.startswith("[sandbox: ")][-1:]
        click.echo(
            why[0] if why else f"[sandbox: ended after {timeout:g} s]" * done.timed_out, err=True
        )
    ctx.exit(done.returncode)


@command.command("check")
@click.option("--backend", type=_BACKENDS, default="auto", show_default=True, help="What is tried.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object: backend, checks, ok.")
@click.pass_context
def check(ctx: click.Context, backend: str, as_json: bool) -> None:
    """Try to get out of the sandbox, in a dozen ways, and say what holds here. Exits with 1 where something does not.

    \b
    Examples:
      coding-agent sandbox check
      coding-agent sandbox check --backend uid --json
    """
    from sandbox.probes import probe

    chosen = _chosen(ctx, backend)
    try:
        found = probe(chosen, settings(ctx).data_dir / "runs")
    except OSError as error:
        raise CommandError(str(error)) from None
    held = all(found.values())
    if as_json:
        click.echo(json.dumps({"backend": chosen.name, "checks": found, "ok": held}))
    else:
        click.echo(f"backend: {chosen.name}")
        for name, holds in found.items():
            click.echo(f"{'held   ' if holds else 'ESCAPED'} {name}")
    ctx.exit(exits.OK if held else exits.ERROR)


@command.command("serve")
@click.option(
    "--worker",
    default=0,
    show_default=True,
    metavar="UID",
    help="The user id that may ask for sessions.",
)
@click.pass_context
def serve(ctx: click.Context, worker: int) -> None:
    """Serve sessions of the uid backend to a worker, over CODING_AGENT_SANDBOX_SOCKET, until SIGTERM.

    Must be root, in a container without secrets; docs/sandbox.md says with what rights.

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


def _chosen(ctx: click.Context, backend: str) -> Sandbox:
    from cli.wiring import sandbox_for
    from sandbox import NoIsolation

    try:
        return sandbox_for(settings(ctx).model_copy(update={"sandbox": backend}), local=True)
    except NoIsolation as error:
        raise CommandError(str(error), exits.USAGE) from None


def _program_folders(program: str) -> tuple[Path, ...]:
    """Where an interpreter, or a program of a virtual environment, that was named by its path has
    its library.
    """
    path = Path.cwd() / program
    if "/" not in program:
        return ()
    found = {path.parent.parent, path.resolve().parent.parent}
    settings = path.parent.parent / "pyvenv.cfg"
    lines = settings.read_text().splitlines() if settings.is_file() else []
    found |= {
        Path(line.partition("=")[2].strip()).parent
        for line in lines
        if line.split("=")[0].strip() == "home"
    }
    return tuple(folder for folder in found if folder.is_dir() and len(folder.parts) > 2)


@contextlib.contextmanager
def _printed() -> Iterator[Any]:
    """Hands output on as it comes, as plain text, without ever holding the sandbox up: where nobody reads, it is
    dropped."""
    from sandbox.output import plain_text

    waiting: queue.Queue[bytes | None] = queue.Queue(maxsize=256)
    taken = 0

    def take(chunk: bytes) -> None:
        nonlocal taken
        taken += len(chunk)
        if taken - len(chunk) < _STREAMED:
            with contextlib.suppress(queue.Full):
                waiting.put_nowait(chunk)

    def write() -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while (chunk := waiting.get()) is not None:
            text = plain_text(decoder.decode(chunk).encode(), len(chunk) * 4)
            try:
                _write_all(text.encode())
            except OSError:
                return  # nobody reads any more

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    try:
        yield take
    finally:
        with contextlib.suppress(queue.Full):
            waiting.put(None, timeout=1)
        writer.join(timeout=2)
        if taken > _STREAMED:
            click.echo(f"[sandbox: {taken - _STREAMED} more bytes of output]", err=True)


def _write_all(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]
