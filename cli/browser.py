"""Open an address in the user's browser."""

import sys
import webbrowser


def open_in_browser(address: str) -> bool:
    """Return whether a browser was started."""
    return webbrowser.open(address)


def is_watched() -> bool:
    """Whether a person reads the output, rather than a program."""
    return sys.stdout.isatty()
