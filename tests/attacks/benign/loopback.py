"""Servers of its own: TCP on each address, UDP, IPv6, asyncio, HTTP."""

import asyncio
import socket
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

CLOSED_PORT = 1


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *arguments):
        pass


def own_host_names():
    # In uid the name is the container's, which may not resolve; in bubblewrap it is "sandbox".
    name = socket.gethostname()
    return [name] if name == "sandbox" else []


def check_tcp():
    for host in ("127.0.0.1", "", "localhost", *own_host_names()):
        with socket.create_server((host, 0)) as server:
            client = socket.create_connection(("127.0.0.1", server.getsockname()[1]), 5)
            client.sendall(b"x")
            connection, _ = server.accept()
            assert connection.recv(1) == b"x"
    if socket.has_ipv6:
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
            socket.create_connection(("::1", server.getsockname()[1]), 5)


def check_udp():
    one = socket.socket(type=socket.SOCK_DGRAM)
    two = socket.socket(type=socket.SOCK_DGRAM)
    one.bind(("127.0.0.1", 0))
    two.sendto(b"datagram", one.getsockname())
    data, sender = one.recvfrom(99)
    one.sendmsg([data, b"!"], [], 0, ("127.0.0.1", sender[1]))
    assert two.recv(99) == b"datagram!"
    two.connect(one.getsockname())
    two.send(b"connected")
    assert one.recv(99) == b"connected"


def check_closed_port():
    try:
        socket.create_connection(("127.0.0.1", CLOSED_PORT), 5)
    except ConnectionRefusedError:
        return
    raise SystemExit("a closed port answered")


def check_http():
    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with urllib.request.urlopen(f"http://localhost:{server.server_port}/") as response:
        assert response.read() == b"hello"


async def check_asyncio():
    async def echo(reader, writer):
        writer.writelines([b"a", await reader.readline()])
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    for _ in range(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"line\n")
        assert await reader.read() == b"aline\n"


check_tcp()
check_udp()
check_closed_port()
check_http()
asyncio.run(check_asyncio())
print("works")
