"""Print the modules among the arguments that are not installed."""

import importlib.util
import sys

for name in sys.argv[1:]:
    if importlib.util.find_spec(name) is None:
        print(name)
