"""A program to run inside a sandbox: connect to servers of its own, and print which were reached.

    python -I -S -c PROGRAM

Prints a JSON object: the kind of each server -> whether it was reached. Uses the standard library
only.
"""

import json
import os
import socket
import sys
import tempfile
from collections.abc import Callable

SECONDS = 5
MESSAGE = b"hello"


def reach_tcp_server() -> bool:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return reach(server)


def reach_unix_server() -> bool:
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.join(folder, "server"))  # noqa: PTH118 - pathlib would double the time
        server.listen()
        return reach(server)


def reach(server: socket.socket) -> bool:
    server.settimeout(SECONDS)
    with socket.socket(server.family) as client:
        client.settimeout(SECONDS)
        client.connect(server.getsockname())
        client.sendall(MESSAGE)
        connection, _ = server.accept()
        with connection:
            return connection.recv(len(MESSAGE)) == MESSAGE


def reach_udp_server() -> bool:
    with (
        socket.socket(type=socket.SOCK_DGRAM) as server,
        socket.socket(type=socket.SOCK_DGRAM) as client,
    ):
        server.settimeout(SECONDS)
        server.bind(("127.0.0.1", 0))
        client.sendto(MESSAGE, server.getsockname())
        return server.recv(len(MESSAGE)) == MESSAGE


def is_reached(reach_server: Callable[[], bool]) -> bool:
    try:
        return reach_server()
    except OSError:
        return False


def main() -> None:
    servers = {
        "TCP": reach_tcp_server,
        "UDP": reach_udp_server,
        "unix": reach_unix_server,
    }
    reached = {kind: is_reached(reach_server) for kind, reach_server in servers.items()}
    sys.stdout.write(json.dumps(reached) + "\n")


if __name__ == "__main__":
    main()
