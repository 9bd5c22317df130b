"""Connect to ports of others on every name of loopback, by TCP, UDP, mapped addresses and each sending call."""

import socket

from attack import OUTSIDE, attempt, verdict

port = OUTSIDE["port"]
udp = OUTSIDE["udp"]
reached = any(
    attempt(socket.create_connection, (host, port), 1)
    for host in ("127.0.0.1", "localhost", "0.0.0.0", "127.1.2.3", "::1", "::ffff:127.0.0.1", "::")
)
token = OUTSIDE["word"].encode()
datagram = socket.socket(type=socket.SOCK_DGRAM)
mapped = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
for send in (
    lambda: datagram.sendto(token, ("127.0.0.1", udp)),
    lambda: datagram.sendmsg([token], [], 0, ("127.0.0.1", udp)),
    lambda: mapped.sendto(token, ("::ffff:127.0.0.1", udp)),
    lambda: datagram.connect(("127.0.0.1", udp)),
    lambda: datagram.send(token),
):
    attempt(send)
verdict(reached)  # what the datagram socket outside received is looked at outside
