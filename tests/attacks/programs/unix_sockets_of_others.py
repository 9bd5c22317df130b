"""Connect to sockets of others: abstract, by a path that all may write, by a link, by a relative name."""

import os
import socket
import tempfile

from attack import OUTSIDE, attempt, verdict

reached = False
link = os.path.join(tempfile.mkdtemp(), "link")
os.symlink(OUTSIDE["socket"], link)
for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
    for name in ("\0" + OUTSIDE["abstract"], OUTSIDE["socket"], link, OUTSIDE["helper"]):
        sock = socket.socket(socket.AF_UNIX, kind)
        reached = reached or attempt(sock.connect, name)
        if kind == socket.SOCK_DGRAM:
            reached = (
                reached
                or attempt(sock.sendto, b"x", name)
                or attempt(sock.sendmsg, [b"x"], [], 0, name)
            )
verdict(reached)
