"""Calls in tags: ``<tool name="bash">ls</tool>``, ``<invoke>`` with parameters, and the like."""

import re
from dataclasses import dataclass

from repository.here_documents import ShellIndex
from repository.json_reader import InvalidJson, JsonReader
from stages.propose_patch.agent.protocol.bodies import LIKE_JSON, arguments_of, value_of
from stages.propose_patch.agent.protocol.ends import AMBIGUOUS, CallContext, EndFinder
from stages.propose_patch.agent.protocol.fields import argument_names
from stages.propose_patch.agent.protocol.tags import NAME_TAGS, Opening, TagIndex
from stages.propose_patch.agent.protocol.written import Unreadable, WrittenCall

_NAME_BEFORE_PAIRS = re.compile(r"\s*(?P<name>[\w.:-]{1,80})\s*(?=<arg_key>)")
_PAIR = re.compile(r"\s*<arg_key>(?P<name>[^<]{1,80})</arg_key>\s*<arg_value>")
_MAX_NAME = 100


@dataclass(frozen=True)
class _Head:
    """The beginning of a call, up to its arguments."""

    tool: str
    tag: str
    attributes: dict[str, object]
    end: int

    @property
    def context(self) -> CallContext:
        return CallContext(tool=self.tool, tag=self.tag, arguments=argument_names(self.tool))

    def takes(self, opening: Opening | None) -> bool:
        """Whether a tag opens an argument of the call."""
        if opening is None:
            return False
        return opening.is_parameter or opening.tag in self.context.arguments


class ElementReader:
    """Reads the elements of a text that are calls."""

    def __init__(self, tags: TagIndex, index: ShellIndex):
        self._tags = tags
        self._text = tags.text
        self._ends = EndFinder(tags, index)
        self._json = JsonReader(self._text)

    def read(self, opening: Opening) -> WrittenCall | None:
        """Return the call that a tag opens; None if it opens none, or only wraps calls."""
        if opening.tool and opening.is_empty:
            return WrittenCall(opening.tool, opening.fields, opening.end)
        head = self._head(opening)
        if head is None:
            return None
        try:
            return self._read_arguments(head)
        except Unreadable as error:
            return WrittenCall(head.tool, head.attributes, head.end, problem=str(error))

    def _head(self, opening: Opening) -> _Head | None:
        """Return the head of the call that a tag opens, or None."""
        if opening.tool:
            return _Head(opening.tool, opening.tag, opening.fields, opening.end)
        if not opening.is_wrapper or opening.is_empty:
            return None
        keyed = _NAME_BEFORE_PAIRS.match(self._text, opening.end)
        if keyed is not None:
            return _Head(keyed["name"], opening.tag, {}, keyed.end())
        return self._named_head(opening)

    def _named_head(self, opening: Opening) -> _Head | None:
        """Return the head of a call that names its tool in an element, or None."""
        name = self._opening_after(opening.end)
        if name is None or name.tag not in NAME_TAGS or name.is_empty:
            return None
        end = self._text.find("</", name.end, name.end + _MAX_NAME)
        closing = self._tags.closing_at(end) if end >= 0 else None
        if closing is None:
            return None
        tool = self._text[name.end : end].strip()
        return _Head(tool, opening.tag, {}, closing.end)

    def _opening_after(self, position: int) -> Opening | None:
        """Return the opening tag at a position, or after the blanks there."""
        return self._tags.opening_at(self._tags.skip_blank(position))

    def _read_arguments(self, head: _Head) -> WrittenCall:
        """Read the arguments after the head of a call.

        Raises:
            Unreadable: it has no end, or it is not clear where its end is.
        """
        if _PAIR.match(self._text, head.end):
            return self._read_pairs(head)
        opening = self._opening_after(head.end)
        if opening is not None and opening.is_group:
            return self._read_group(head, opening)
        if head.takes(opening):
            return self._read_elements(head, head.end, group="")
        return self._read_object(head) or self._read_body(head, head.end, head.tag)

    def _read_group(self, head: _Head, group: Opening) -> WrittenCall:
        """Read arguments that are all in one element."""
        if head.takes(self._opening_after(group.end)):
            return self._read_elements(head, group.end, group=group.tag)
        return self._read_body(head, group.end, group.tag)

    def _read_elements(self, head: _Head, position: int, *, group: str) -> WrittenCall:
        """Read arguments that are one element each; ``group`` is the tag around them, if any."""
        fields = dict(head.attributes)
        while True:
            opening = self._opening_after(position)
            if opening is None or not head.takes(opening):
                break
            name = opening.name if opening.is_parameter else opening.tag
            if name in fields:
                raise Unreadable(AMBIGUOUS)
            closing = self._ends.value_end(opening.tag, opening.end, head.context)
            fields[name] = value_of(self._text[opening.end : closing.begin], name)
            position = closing.end
        if group:
            position = self._ends.call_end(group, position)
        return WrittenCall(head.tool, fields, self._ends.call_end(head.tag, position))

    def _read_pairs(self, head: _Head) -> WrittenCall:
        """Read pairs such as ``<arg_key>command</arg_key><arg_value>ls</arg_value>``."""
        context = CallContext(tool=head.tool, tag=head.tag, arguments=("arg_key",))
        fields: dict[str, object] = {}
        position = head.end
        while (pair := _PAIR.match(self._text, position)) is not None:
            closing = self._ends.value_end("arg_value", pair.end(), context)
            fields[pair["name"].strip()] = self._text[pair.end() : closing.begin]
            position = closing.end
        return WrittenCall(head.tool, fields, self._ends.call_end(head.tag, position))

    def _read_object(self, head: _Head) -> WrittenCall | None:
        """Read arguments that are a JSON object before a closing tag, or return None."""
        start = self._tags.skip_blank(head.end)
        if self._json.is_exhausted or not LIKE_JSON.match(self._text, start):
            return None
        try:
            value, end = self._json.read(start)
        except InvalidJson:
            return None
        closing = self._tags.closing_at(self._tags.skip_blank(end))
        if not isinstance(value, dict) or closing is None:
            return None
        fields = {**head.attributes, **value}
        return WrittenCall(head.tool, fields, self._ends.call_end(head.tag, end))

    def _read_body(self, head: _Head, begin: int, tag: str) -> WrittenCall:
        """Read a body up to its closing tag, which is that of the call or of a group in it."""
        closing = self._ends.body_end(tag, begin, head.context)
        body = self._text[begin : closing.begin]
        arguments = arguments_of(head.tool, head.attributes, body)
        end = closing.end
        if tag == head.tag:
            self._ends.check_end(tag, end)
        else:
            end = self._ends.call_end(head.tag, end)
        return WrittenCall(head.tool, arguments, end)
