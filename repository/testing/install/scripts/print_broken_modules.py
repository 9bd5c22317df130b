"""Print the modules among the arguments whose import fails with anything but an ImportError.

Tests for which a module is optional expect an ImportError and nothing else. An application of
Django is not broken because it can't be imported without settings.
"""

import importlib
import sys

for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ImportError:
        pass
    except BaseException as error:
        if type(error).__name__ not in ("ImproperlyConfigured", "AppRegistryNotReady"):
            print("\nbroken:", name)
