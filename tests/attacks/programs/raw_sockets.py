"""Open sockets beneath or beside TCP and UDP."""

import socket

from attack import succeeds, verdict

AF_KEY = 15
AF_PACKET = 17
AF_BLUETOOTH = 31
AF_ALG = 38
AF_VSOCK = 40
AF_XDP = 44
IPPROTO_ICMP = 1
IPPROTO_ICMPV6 = 58
IPPROTO_SCTP = 132
IPPROTO_MPTCP = 262
NETLINK_CRYPTO = 12
NETLINK_GENERIC = 16

SOCKETS = [
    (socket.AF_INET, socket.SOCK_RAW, IPPROTO_ICMP),
    (socket.AF_INET, socket.SOCK_DGRAM, IPPROTO_ICMP),
    (socket.AF_INET6, socket.SOCK_RAW, IPPROTO_ICMPV6),
    (socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP),
    (socket.AF_INET, socket.SOCK_STREAM, IPPROTO_SCTP),
    (AF_PACKET, socket.SOCK_RAW, 3),
    (AF_VSOCK, socket.SOCK_STREAM, 0),
    (AF_ALG, socket.SOCK_SEQPACKET, 0),
    (AF_XDP, socket.SOCK_RAW, 0),
    (AF_KEY, socket.SOCK_RAW, 2),
    (socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_GENERIC),
    (socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_CRYPTO),
    (AF_BLUETOOTH, socket.SOCK_RAW, 1),
]
verdict(any(succeeds(socket.socket, *arguments) for arguments in SOCKETS))
