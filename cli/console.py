"""``coding-agent console``: the web console."""

import asyncio
import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from cli import exits
from cli.browser import open_in_browser
from cli.command import CommandError, exit_on_settings_error, settings
from cli.log_lines import choose_form
from pipeline.settings import Settings

if TYPE_CHECKING:
    import socket

    from starlette.applications import Starlette

    from console.web.access.authenticator import Authenticator

DEFAULT_PORT = 8081


@click.command("console")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; any but this machine's own needs CODING_AGENT_API_KEYS.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=DEFAULT_PORT,
    show_default=True,
    help="Port to listen on; 0 for any free one.",
)
@click.option("--allow-actions", is_flag=True, help="Let people replay dead letters.")
@click.option("--open", "open_browser", is_flag=True, help="Open it in the browser.")
@click.pass_context
def command(
    ctx: click.Context, host: str, port: int, allow_actions: bool, open_browser: bool
) -> None:
    """Serve pages about runs, the queue, spend, templates and dead letters.

    It reads the store and the artifacts that the settings name, and changes nothing unless
    --allow-actions is given. Without keys, it answers only on this machine. With
    CODING_AGENT_API_KEYS, people sign in with their key and see the jobs that were sent with it;
    a key with `operator: true` sees all.

    \b
    Examples:
      coding-agent console --open
      coding-agent console --port 9000 --allow-actions
      coding-agent console --host 0.0.0.0   # with keys, behind a TLS proxy
    """
    chosen = settings(ctx)
    authenticator = _authenticator(chosen, host)
    _configure_log(chosen)
    app = _make_app(ctx, chosen, authenticator, allow_actions=allow_actions)
    listener = _listen(host, port)
    address = _address(host, listener.getsockname()[1])
    asyncio.run(_serve(app, listener, lambda: _announce(address, open_browser=open_browser)))


def _authenticator(chosen: Settings, host: str) -> "Authenticator":
    """Return who identifies people. Ends the command if other machines could look without a key."""
    from console.web.access.authenticator import Authenticator
    from console.web.access.hosts import is_loopback

    keys = chosen.named_api_keys
    if not keys and not is_loopback(host):
        raise CommandError(
            f"--host {host}: other machines could read every run: set CODING_AGENT_API_KEYS, with"
            " which people then sign in, or use --host 127.0.0.1",
            exits.USAGE,
        )
    return Authenticator(keys, clock=time.time, monotonic=time.monotonic)


def _configure_log(chosen: Settings) -> None:
    from pipeline import telemetry
    from pipeline.settings import secret_values

    telemetry.configure(form=choose_form("auto"), secrets=secret_values(chosen))


def _make_app(
    ctx: click.Context, chosen: Settings, authenticator: "Authenticator", *, allow_actions: bool
) -> "Starlette":
    with exit_on_settings_error():
        from cli.backends import open_artifacts, template_sets
        from cli.missing import AIOBOTO3, require_package
        from cli.policy import ceiling
        from cli.stores import open_store_to_read

        if chosen.queue_url:
            require_package(AIOBOTO3)
        from console.queues.dead_letters import DeadLetters
        from console.queues.watch import QueueWatch
        from console.web.app import create_app
        from console.web.services import Services
        from pipeline.settings import secret_values
        from pipeline.telemetry.redaction import Redactor

        url = chosen.queue_url
        store = open_store_to_read(chosen)
        ctx.call_on_close(store.close)
        services = Services(
            store=store,
            artifacts=open_artifacts(chosen),
            template_sets=template_sets(chosen),
            queue=QueueWatch(url, time.time) if url else None,
            dead_letters=DeadLetters(url, time.time) if url else None,
            allow_actions=allow_actions,
            ceiling=ceiling(chosen),
            redact=Redactor(secret_values(chosen)),
            clock=time.time,
        )
    return create_app(services, authenticator)


def _listen(host: str, port: int) -> "socket.socket":
    from pipeline.api.server import listen

    try:
        return listen(host, port)
    except OSError as error:
        message = f"can't listen on --host {host} --port {port}: {error}"
        raise CommandError(message, exits.USAGE) from None


def _address(host: str, port: int) -> str:
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}"


def _announce(address: str, *, open_browser: bool) -> None:
    click.echo(f"the console is at {address} (Ctrl-C ends it)", err=True)
    if open_browser and not open_in_browser(address):
        click.echo("no browser could be started: open the address yourself", err=True)


async def _serve(app: "Starlette", listener: "socket.socket", announce: Callable[[], None]) -> None:
    """Serve until a signal asks to stop. ``announce`` is called once a signal is obeyed."""
    from pipeline.api.server import serve

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    announce()
    await serve(app, listener, stop)
