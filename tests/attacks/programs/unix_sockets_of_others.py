"""Connect to sockets of others: abstract, by a path that all may write, by a link, by the helper's
path.
"""

import os
import socket
import tempfile

from attack import OUTSIDE, succeeds, verdict

link = os.path.join(tempfile.mkdtemp(), "link")
os.symlink(OUTSIDE["socket"], link)

escapes = []
for address in ("\0" + OUTSIDE["abstract"], OUTSIDE["socket"], link, OUTSIDE["helper"]):
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    datagrams = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    escapes += [
        succeeds(stream.connect, address),
        succeeds(datagrams.connect, address),
        succeeds(datagrams.sendto, b"x", address),
        succeeds(datagrams.sendmsg, [b"x"], [], 0, address),
    ]
verdict(any(escapes))
