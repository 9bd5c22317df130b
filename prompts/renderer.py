"""The program of the renderer process of ``bounded``; its argument is this package's folder.

It loads the package without its ``__init__``, whose imports take longer than rendering.
"""

import sys
import types

if __name__ == "__main__":
    package = types.ModuleType("prompts")
    package.__path__ = [sys.argv[1]]
    sys.modules["prompts"] = package

    from prompts.bounded import main

    main()
