"""Write without end."""

import os

while True:
    os.write(1, b"\x1b[31m" + b"x" * 65531)
