"""Find the users that own the sockets listening on an address, as the kernel reports them."""

import errno
import socket
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

IpAddress = IPv4Address | IPv6Address

_LISTEN_STATE = "0A"  # TCP_LISTEN in /proc/net/tcp

# include/uapi/linux/{netlink,sock_diag,unix_diag}.h
_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST_DUMP = 0x301
_NLMSG_ERROR = 2
_NLMSG_DONE = 3
_ALL_STATES = 0xFFFFFFFF
_UDIAG_SHOW_NAME_AND_UID = 0x41
_UNIX_DIAG_NAME = 0
_UNIX_DIAG_UID = 7
_NETLINK_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, sender
_UNIX_DIAG_REQUEST = struct.Struct("=BBHIIIII")
_UNIX_DIAG_MESSAGE_BYTES = 16
_ATTRIBUTE_HEADER = struct.Struct("=HH")  # length, type
_RECEIVE_BYTES = 1 << 18


@dataclass(frozen=True)
class _Socket:
    """A line of /proc/net/tcp or a similar file."""

    address: IpAddress
    listens: bool
    """Meaningful for TCP only."""
    uid: int


def unmapped(address: IpAddress) -> IpAddress:
    """Return the IPv4 address of an IPv4-mapped IPv6 address; any other address unchanged."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def listener_owners(address: IpAddress, port: int, *, stream: bool) -> set[int]:
    """Return the user ids of the sockets that would receive data sent to a loopback address.

    They are read from /proc/net.
    """
    any_address = "0.0.0.0" if address.version == 4 else "::"  # noqa: S104 - compared, not bound
    matching = {str(address), any_address, "::"}
    owners: set[int] = set()
    for name in ("tcp", "tcp6") if stream else ("udp", "udp6"):
        for entry in _sockets_on_port(name, port):
            if str(entry.address) not in matching:
                continue
            if entry.listens or not stream:
                owners.add(entry.uid)
    return owners


def _sockets_on_port(name: str, port: int) -> Iterator[_Socket]:
    """Read the sockets of a port from /proc/net/NAME."""
    text = Path(f"/proc/net/{name}").read_text()
    _header, *lines = text.splitlines()
    for line in lines:
        fields = line.split()
        address, _, local_port = fields[1].partition(":")
        if int(local_port, 16) != port:
            continue
        yield _Socket(
            address=_parse_kernel_address(address),
            listens=fields[3] == _LISTEN_STATE,
            uid=int(fields[7]),
        )


def _parse_kernel_address(text: str) -> IpAddress:
    """Parse an address from /proc/net: 32-bit words in this machine's byte order."""
    packed = b""
    for start in range(0, len(text), 8):
        packed += bytes.fromhex(text[start : start + 8])[::-1]
    return unmapped(ip_address(packed))


def abstract_socket_owners(name: bytes) -> set[int]:
    """Return the user ids of the sockets with an abstract name (sock_diag(7)).

    Raises:
        OSError: the kernel offers no socket diagnostics.
    """
    owners: set[int] = set()
    for body in _dump_unix_sockets():
        attributes = _parse_attributes(body[_UNIX_DIAG_MESSAGE_BYTES:])
        if attributes.get(_UNIX_DIAG_NAME) == name:
            uid = attributes[_UNIX_DIAG_UID]
            owners.add(int.from_bytes(uid, sys.byteorder))
    return owners


def _dump_unix_sockets() -> Iterator[bytes]:
    """Ask the kernel for all unix sockets; yield the body of the message about each."""
    family = socket.AF_NETLINK
    with socket.socket(family, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as diagnostics:
        diagnostics.sendto(_unix_diag_request(), (0, 0))
        while True:
            data = diagnostics.recv(_RECEIVE_BYTES)
            offset = 0
            while offset + _NETLINK_HEADER.size <= len(data):
                length, kind, *_ = _NETLINK_HEADER.unpack_from(data, offset)
                if kind == _NLMSG_DONE:
                    return
                if kind == _NLMSG_ERROR:
                    raise OSError(errno.EPERM, "no socket diagnostics")
                yield data[offset + _NETLINK_HEADER.size : offset + length]
                offset += _align(length)


def _unix_diag_request() -> bytes:
    body = _UNIX_DIAG_REQUEST.pack(
        socket.AF_UNIX, 0, 0, _ALL_STATES, 0, _UDIAG_SHOW_NAME_AND_UID, 0, 0
    )
    length = _NETLINK_HEADER.size + len(body)
    header = _NETLINK_HEADER.pack(length, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST_DUMP, 1, 0)
    return header + body


def _parse_attributes(data: bytes) -> dict[int, bytes]:
    """Return type -> value."""
    attributes: dict[int, bytes] = {}
    offset = 0
    while offset + _ATTRIBUTE_HEADER.size <= len(data):
        length, kind = _ATTRIBUTE_HEADER.unpack_from(data, offset)
        if length < _ATTRIBUTE_HEADER.size:
            break
        attributes[kind] = data[offset + _ATTRIBUTE_HEADER.size : offset + length]
        offset += _align(length)
    return attributes


def _align(length: int) -> int:
    """Round up to four bytes, the alignment of netlink."""
    return (length + 3) & ~3
