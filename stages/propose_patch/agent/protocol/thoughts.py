"""Find the thoughts in a reply's text, where calls are only drafts.

A thought may be opened in a provider's prompt instead of the reply, which then only closes it.
"""

import re
from bisect import bisect_left

from stages.propose_patch.agent.protocol.heredocs import HereDocuments, ShellIndex

_OPENING = re.compile(r"<(?:think|thinking|thoughts?|reasoning|analysis)>")
_CLOSING = re.compile(
    r"(?<![`\"'])</(?P<tag>think|thinking|thoughts?|reasoning|analysis)>(?![`\"'])"
)
_UNOPENED = ("think", "thinking")
"""Tags of thoughts that may be opened in a provider's prompt."""


class ThoughtIndex:
    """Where the thoughts of a text begin and end."""

    def __init__(self, text: str, index: ShellIndex):
        self._text = text
        self._index = index
        self._closings = list(_CLOSING.finditer(text))

    def end_of(self, position: int) -> int | None:
        """Return the end of the thought that a tag at a position opens; None if none does.

        A thought that is not closed extends to the end of the text.
        """
        opening = _OPENING.match(self._text, position)
        if opening is None:
            return None
        closing = self._closing_from(opening.end())
        return closing.end() if closing is not None else len(self._text)

    def unopened_end(self, position: int, start: int) -> int | None:
        """Return the end of a thought between two positions, or at the second one, or None."""
        closing = self._closing_from(position)
        if closing is None or closing["tag"] not in _UNOPENED or closing.start() > start:
            return None
        return closing.end()

    def end_around(self, start: int, end: int, *, is_open: bool) -> int | None:
        """Return the end of the thought that contains what was read from start to end, or None.

        The thought's closing tag is content only in a here-document, or if the thought begins in
        what was read.

        Args:
            start: where the reading began.
            end: where it ended.
            is_open: whether what was read has no end, as a call drafted in a thought may have none.
        """
        closing = self._closing_from(start)
        if closing is None or closing["tag"] not in _UNOPENED:
            return None
        if not is_open and (closing.start() >= end or not self._is_alone_on_line(closing)):
            return None
        return None if self._is_content(start, closing.start()) else closing.end()

    def _closing_from(self, position: int) -> re.Match[str] | None:
        """Return the first closing tag from a position on."""
        at = bisect_left(self._closings, position, key=lambda closing: closing.start())
        return self._closings[at] if at < len(self._closings) else None

    def _is_alone_on_line(self, closing: re.Match[str]) -> bool:
        line_start = self._text.rfind("\n", 0, closing.start()) + 1
        line_end = self._text.find("\n", closing.end())
        before = self._text[line_start : closing.start()]
        after = self._text[closing.end() : line_end if line_end >= 0 else len(self._text)]
        return not before.strip() and not after.strip()

    def _is_content(self, start: int, position: int) -> bool:
        if _OPENING.search(self._text, start, position) is not None:
            return True
        return HereDocuments(self._index, start).contain(position)
