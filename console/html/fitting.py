"""The size of a page: small enough to be sent and opened anywhere."""

from collections.abc import Callable

#: Bytes of a page. A longer one is made again with shorter texts.
MAX_BYTES = 2_000_000
_DIVISORS = (1, 2, 4, 16, 64)


def render_to_fit(render: Callable[[int], str]) -> bytes:
    """Return a page as UTF-8, with texts as long as ``MAX_BYTES`` allows.

    Args:
        render: makes the page; the limits of its texts are divided by the given number.
    """
    page = b""
    for divisor in _DIVISORS:
        page = render(divisor).encode(errors="replace")
        if len(page) <= MAX_BYTES:
            break
    return page
