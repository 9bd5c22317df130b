"""``python -m hourglass SHEET``"""

import sys
from pathlib import Path

from hourglass.report import render
from hourglass.sheet import Timesheet

if __name__ == "__main__":
    print(render(Timesheet.parse(Path(sys.argv[1]).read_text())))
