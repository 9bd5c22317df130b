"""Decode JSON at a position of a text, and say how much was read in vain if it is not JSON."""

import json

#: Maximum characters that may be read for nothing because text looks like JSON, but is not.
MAX_WASTED = 20_000_000


class InvalidJson(Exception):
    """Text is not JSON.

    Attributes:
        characters_read: the position up to which the decoder had to read the text.
    """

    def __init__(self, problem: str, characters_read: int):
        super().__init__(problem)
        self.characters_read = characters_read


def decode(text: str, position: int) -> tuple[object, int]:
    """Return the JSON value at a position of a text, and the position after it.

    Raises:
        InvalidJson: there is none.
    """
    try:
        return _DECODER.raw_decode(text, position)
    except json.JSONDecodeError as error:
        reads_all = error.msg.startswith("Unterminated")
        raise InvalidJson(error.msg, len(text) if reads_all else error.pos) from None
    except (RecursionError, ValueError) as error:
        raise InvalidJson(str(error), len(text)) from None


_DECODER = json.JSONDecoder(strict=False)
