"""Connect to ports of others on every name of loopback, by TCP, UDP, mapped addresses and each
sending call.
"""

import socket

from attack import OUTSIDE, succeeds, verdict

HOSTS = ("127.0.0.1", "localhost", "0.0.0.0", "127.1.2.3", "::1", "::ffff:127.0.0.1", "::")

escapes = []
for host in HOSTS:
    escapes.append(succeeds(socket.create_connection, (host, OUTSIDE["port"]), 1))

# Whether a datagram arrived is checked outside.
data = OUTSIDE["word"].encode()
udp = OUTSIDE["udp"]
datagrams = socket.socket(type=socket.SOCK_DGRAM)
mapped = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
succeeds(datagrams.sendto, data, ("127.0.0.1", udp))
succeeds(datagrams.sendmsg, [data], [], 0, ("127.0.0.1", udp))
succeeds(mapped.sendto, data, ("::ffff:127.0.0.1", udp))
succeeds(datagrams.connect, ("127.0.0.1", udp))
succeeds(datagrams.send, data)
verdict(any(escapes))
