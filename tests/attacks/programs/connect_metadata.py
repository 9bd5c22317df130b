"""Reach the metadata addresses, the internet, or a neighbour; with source routes and bound interfaces too."""

import socket

from attack import attempt, verdict

reached = False
for host in ("169.254.169.254", "169.254.170.2", "192.0.2.1", "10.0.0.1", "1.1.1.1"):
    sock = socket.socket()
    sock.setblocking(False)
    try:
        sock.connect((host, 80))
        reached = True
    except BlockingIOError:  # on its way
        reached = True
    except OSError:
        pass
    datagram = socket.socket(type=socket.SOCK_DGRAM)
    reached = (
        reached
        or attempt(datagram.sendto, b"x", (host, 53))
        or attempt(datagram.connect, (host, 53))
    )
six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
reached = (
    reached
    or attempt(six.sendto, b"x", ("::ffff:169.254.169.254", 53))
    or attempt(six.sendto, b"x", ("fd00:ec2::254", 80))
)
route = socket.socket(type=socket.SOCK_DGRAM)
loose = bytes([7, 131, 7, 4, 192, 0, 2, 1])  # IP_OPTIONS: a loose source route
reached = (
    reached or attempt(route.setsockopt, 0, 4, loose) or attempt(route.setsockopt, 1, 25, b"eth0\0")
)
verdict(reached)
