"""Reach the metadata addresses, the internet, or a neighbour; also with source routes and bound
interfaces.
"""

import socket

from attack import succeeds, verdict

HOSTS = ("169.254.169.254", "169.254.170.2", "192.0.2.1", "10.0.0.1", "1.1.1.1")
LOOSE_SOURCE_ROUTE = bytes([7, 131, 7, 4, 192, 0, 2, 1])


def begins_to_connect(host):
    sock = socket.socket()
    sock.setblocking(False)
    try:
        sock.connect((host, 80))
    except BlockingIOError:
        return True
    except OSError:
        return False
    return True


escapes = []
for host in HOSTS:
    datagrams = socket.socket(type=socket.SOCK_DGRAM)
    escapes += [
        begins_to_connect(host),
        succeeds(datagrams.sendto, b"x", (host, 53)),
        succeeds(datagrams.connect, (host, 53)),
    ]
datagrams6 = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
routed = socket.socket(type=socket.SOCK_DGRAM)
escapes += [
    succeeds(datagrams6.sendto, b"x", ("::ffff:169.254.169.254", 53)),
    succeeds(datagrams6.sendto, b"x", ("fd00:ec2::254", 80)),
    succeeds(routed.setsockopt, socket.IPPROTO_IP, socket.IP_OPTIONS, LOOSE_SOURCE_ROUTE),
    succeeds(routed.setsockopt, socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0\0"),
]
verdict(any(escapes))
