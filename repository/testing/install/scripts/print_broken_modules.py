"""Print those of the modules named in the arguments whose import fails but by an ImportError.

Tests that can do without a module expect an ImportError, and nothing else.
"""

import importlib
import sys

for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ImportError:
        pass
    except BaseException:
        print("\nbroken:", name)
