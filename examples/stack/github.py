"""GitHub of the local stack: ``python -m examples.stack.github PORT FOLDER``.

The strict stand-in, with the demo's repository and issue. What jobs do to it stays in the folder.
"""

import sys
from pathlib import Path

from examples.laptop import serve_github

if __name__ == "__main__":
    serve_github(Path(sys.argv[2]), port=int(sys.argv[1]), state=Path(sys.argv[2]) / "world.pickle")
