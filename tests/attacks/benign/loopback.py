"""Servers of its own: TCP on each address, UDP, IPv6, asyncio, HTTP."""

import asyncio
import socket
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

# A name that its container does not resolve, uid's sandbox can't give; bubblewrap's has one of its own.
own_name = [socket.gethostname()] if socket.gethostname() == "sandbox" else []
for host in ("127.0.0.1", "", "localhost", *own_name):
    with socket.create_server((host, 0)) as server:
        socket.create_connection(("127.0.0.1", server.getsockname()[1]), 5).sendall(b"x")
        assert server.accept()[0].recv(1) == b"x"
if socket.has_ipv6:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        socket.create_connection(("::1", server.getsockname()[1]), 5)
one = socket.socket(type=socket.SOCK_DGRAM)
two = socket.socket(type=socket.SOCK_DGRAM)
one.bind(("127.0.0.1", 0))
two.sendto(b"datagram", one.getsockname())
data, back = one.recvfrom(99)
one.sendmsg([data, b"!"], [], 0, ("127.0.0.1", back[1]))
assert two.recv(99) == b"datagram!"
two.connect(one.getsockname())
two.send(b"connected")
assert one.recv(99) == b"connected"
two.sendto(b"nobody", ("127.0.0.1", 9)) if False else None
try:
    socket.create_connection(("127.0.0.1", 1), 5)
    raise SystemExit("a port of nobody's answered")
except ConnectionRefusedError:
    pass


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *arguments):
        pass


http = HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=http.serve_forever, daemon=True).start()
assert urllib.request.urlopen(f"http://localhost:{http.server_port}/").read() == b"hello"


async def main():
    async def echo(reader, writer):
        writer.writelines([b"a", await reader.readline()])
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    for _ in range(20):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", server.sockets[0].getsockname()[1]
        )
        writer.write(b"line\n")
        assert await reader.read() == b"aline\n"


asyncio.run(main())
print("works")
