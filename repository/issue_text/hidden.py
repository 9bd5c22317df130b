"""What a page hides from its reader, counted by kind."""

from collections import Counter

from repository.counts import count


class HiddenParts:
    """The hidden parts of one text."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, kind: str, number: int = 1) -> None:
        """Add parts of a ``kind``, a noun in the singular such as ``HTML comment``."""
        self._counts[kind] += number

    def describe(self, name: str) -> str | None:
        """Return one line such as ``body: 2 HTML comments, 1 tooltip``; None if nothing is hidden.

        ``name`` is that of the text.
        """
        parts = [count(number, kind) for kind, number in self._counts.items() if number]
        return f"{name}: {', '.join(parts)}" if parts else None
