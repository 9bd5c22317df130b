"""Read JSON values inside a text, where most of what begins like JSON may be something else."""

import json

_MAX_WASTED = 20_000_000
"""Maximum characters that are read in vain in one text."""
_ATTEMPT_COST = 100
"""Characters that each attempt counts as, in addition to those read."""
_MAX_DEPTH = 100
"""Maximum levels of lists and objects. How many Python can decode, and its users can walk through,
depends on its version and on the stack."""
_DECODER = json.JSONDecoder(strict=False)


class InvalidJson(Exception):
    """A text is not JSON, or can't be decoded; the message says why.

    Attributes:
        characters_read: the position up to which the decoder had to read the text.
    """

    def __init__(self, problem: str, characters_read: int):
        super().__init__(problem)
        self.characters_read = characters_read


class JsonReader:
    """Reads the JSON values of one text, until too much was read in vain."""

    def __init__(self, text: str):
        self._text = text
        self._wasted = 0

    @property
    def is_exhausted(self) -> bool:
        """Whether no further attempt should be made."""
        return self._wasted > _MAX_WASTED

    def read(self, position: int) -> tuple[object, int]:
        """Return the value at a position, and the position after it.

        Raises:
            InvalidJson: there is none.
        """
        self._wasted += _ATTEMPT_COST
        try:
            return decode(self._text, position)
        except InvalidJson as error:
            self._wasted += error.characters_read
            raise


def decode(text: str, position: int) -> tuple[object, int]:
    """Return the JSON value at a position of a text, and the position after it.

    Raises:
        InvalidJson: there is none, it is nested too deeply, or a number is too long.
    """
    try:
        value, end = _DECODER.raw_decode(text, position)
    except json.JSONDecodeError as error:
        # The decoder has read to the position of the error, and counted the lines up to there.
        reads_all = error.msg.startswith("Unterminated")
        raise InvalidJson(error.msg, len(text) if reads_all else error.pos) from None
    except (RecursionError, ValueError) as error:
        raise InvalidJson(str(error), len(text)) from None
    if _is_deeper(value, _MAX_DEPTH):
        raise InvalidJson(f"more than {_MAX_DEPTH} levels", end)
    return value, end


def _is_deeper(value: object, levels: int) -> bool:
    """Return whether a value has more than this many levels of lists and objects."""
    items = [value]
    for _ in range(levels + 1):
        inner: list[object] = []
        for item in items:
            if isinstance(item, dict):
                inner.extend(item.values())
            elif isinstance(item, list):
                inner.extend(item)
        if not inner:
            return False
        items = inner
    return True
