"""Find the end of a call in tags, whose content may contain the same tags.

A call whose end is ambiguous is refused: a command that is cut short does something else.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from repository.here_documents import HereDocuments, ShellIndex
from stages.propose_patch.agent.protocol.names import find_name
from stages.propose_patch.agent.protocol.tags import (
    CALL_TAGS,
    GROUP_TAGS,
    PARAMETER_TAGS,
    Closing,
    TagIndex,
)
from stages.propose_patch.agent.protocol.written import Unreadable

UNCLOSED = "The call is not closed."
AMBIGUOUS = "It is not clear where the call ends: it may be any of several closing tags."
_QUOTES = ("`", '"', "'")


@dataclass(frozen=True)
class CallContext:
    """The call that is being read."""

    tool: str
    tag: str
    """The tag that closes the call."""
    arguments: tuple[str, ...]
    """Tags that can begin another argument."""

    @property
    def is_command(self) -> bool:
        """Whether the call's text is a shell command, which may hold here-documents."""
        known = find_name(self.tool)
        return known is not None and known.tool == "bash"


class EndFinder:
    """Finds the ends of values, bodies and calls in one text."""

    def __init__(self, tags: TagIndex, index: ShellIndex):
        self._tags = tags
        self._index = index

    def value_end(self, tag: str, begin: int, context: CallContext) -> Closing:
        """Return the tag that closes an argument's value.

        The value may contain elements with the same tag, and text that looks like its closing tag.
        So the tag is the one that another argument, or the end of the call, follows.

        Raises:
            Unreadable: there is no such tag, or it is not clear which one it is.
        """
        candidates: list[Closing] = []
        next_call = self._tags.next_call(begin)
        openings = self._tags.openings(tag, begin)
        for closing, depth in self._closings(tag, begin, openings, context):
            if candidates and closing.begin > next_call:
                break
            if depth > 0:
                continue
            if self._is_followed_by_tag(closing.end, context):
                return closing
            if self._tags.ends_line(closing.end):
                candidates.append(closing)
        if len(candidates) == 1:
            return candidates[0]
        raise Unreadable(AMBIGUOUS if candidates else UNCLOSED)

    def body_end(self, tag: str, begin: int, context: CallContext) -> Closing:
        """Return the tag that closes a body without arguments in tags.

        A call in the body that has the same tags is part of the body.

        Raises:
            Unreadable: there is no such tag.
        """
        openings = self._tags.line_openings(tag, begin)
        for closing, depth in self._closings(tag, begin, openings, context):
            if depth == 0 and self._tags.ends_line(closing.end):
                return closing
        raise Unreadable(UNCLOSED)

    def call_end(self, tag: str, position: int) -> int:
        """Return the position after a call's closing tag; ``position`` if the tag is missing.

        Raises:
            Unreadable: see ``check_end``.
        """
        closing = self._tags.closing_at(self._tags.skip_blank(position))
        if closing is not None and closing.tag == tag:
            position = closing.end
        self.check_end(tag, position)
        return position

    def check_end(self, tag: str, position: int) -> None:
        """Check that no unmatched closing tag follows a call: it may be the call's real end.

        Raises:
            Unreadable: one follows.
        """
        following = self._tags.opening_at(self._tags.skip_blank(position))
        if following is not None and following.tool:
            return
        limit = self._tags.next_call(position)
        for closing in self._tags.closings(tag, position):
            if closing.begin >= limit:
                return
            is_quoted = self._tags.text[closing.begin - 1] in _QUOTES
            if not is_quoted and self._tags.ends_line(closing.end):
                raise Unreadable(AMBIGUOUS)

    def _closings(
        self, tag: str, begin: int, openings: Iterator[int], context: CallContext
    ) -> Iterator[tuple[Closing, int]]:
        """Yield each closing tag outside here-documents, with the number of tags open before it."""
        documents = HereDocuments(self._index, begin)
        depth = 0
        opened = next(openings, None)
        for closing in self._tags.closings(tag, begin):
            while opened is not None and opened < closing.begin:
                is_content = context.is_command and documents.contain(opened)
                if not is_content and not self._tags.is_empty_at(opened):
                    depth += 1
                opened = next(openings, None)
            if context.is_command and documents.contain(closing.begin):
                continue
            yield closing, depth
            depth = max(0, depth - 1)

    def _is_followed_by_tag(self, position: int, context: CallContext) -> bool:
        """Return whether an argument, the end of the call, or the end of the text follows."""
        start = self._tags.skip_blank(position)
        if start == len(self._tags.text):
            return True
        closing = self._tags.closing_at(start)
        if closing is not None:
            return closing.tag in (context.tag, *CALL_TAGS, *GROUP_TAGS)
        opening = self._tags.opening_at(start)
        return opening is not None and opening.tag in (*PARAMETER_TAGS, *context.arguments)
