"""Open sockets beneath or beside TCP and UDP."""

import socket

from attack import attempt, verdict

VSOCK = 40
ALG = 38
PACKET = 17
XDP = 44
BLUETOOTH = 31
KEY = 15
wanted = [
    (socket.AF_INET, socket.SOCK_RAW, 1),
    (socket.AF_INET, socket.SOCK_DGRAM, 1),
    (socket.AF_INET6, socket.SOCK_RAW, 58),
    (socket.AF_INET, socket.SOCK_STREAM, 262),
    (socket.AF_INET, socket.SOCK_STREAM, 132),
    (PACKET, socket.SOCK_RAW, 3),
    (VSOCK, socket.SOCK_STREAM, 0),
    (ALG, socket.SOCK_SEQPACKET, 0),
    (XDP, socket.SOCK_RAW, 0),
    (KEY, socket.SOCK_RAW, 2),
    (socket.AF_NETLINK, socket.SOCK_RAW, 16),
    (socket.AF_NETLINK, socket.SOCK_RAW, 12),
    (BLUETOOTH, socket.SOCK_RAW, 1),
]
verdict(any(attempt(socket.socket, *how) for how in wanted))
