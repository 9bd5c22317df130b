"""Print the modules among the arguments whose import fails with anything but an ImportError.

Tests for which a module is optional expect an ImportError and nothing else.
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
