"""uvicorn in the worker's event loop: the worker handles signals and decides when to stop."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp

log = logging.getLogger(__name__)

#: Longer than a load balancer's idle time-out of 60 s: otherwise it may use a connection that is
#: just closing, and respond with 502
#: (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html).
KEEP_ALIVE_SECONDS = 75
STOP_SECONDS = 5


def listen(host: str, port: int) -> socket.socket:
    """Open the port before any work begins. Raises OSError, for example if it is in use.

    Its connections send at once: asyncio only sees to that for sockets that it has made itself, and
    a response whose headers and body are two writes would wait 40 ms for the client in between.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=2048)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


async def serve(app: "ASGIApp", listener: socket.socket, stop: asyncio.Event) -> None:
    """Serve on ``listener`` until ``stop`` is set; current requests get some seconds to finish."""
    import uvicorn

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        ws="none",
        http="h11",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    server = Server(config)
    log.info("listening on %s:%d", *listener.getsockname()[:2])
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
        server.should_exit = True
        await serving
