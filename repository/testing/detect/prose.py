"""Commands in Markdown and reStructuredText: in code blocks, after a prompt, in code spans."""

import re

from repository.testing.detect.blocks import Line

_MAX_LINES = 4000
_MAX_LENGTH = 1000
_FENCE = re.compile(r"\s{0,3}(?:```|~~~)")
_HEADING = re.compile(r"#{1,6}\s+(.{1,200})")
_UNDERLINE = re.compile(r"([=~^*#+-])\1{2,}\s*")
_PROMPT = re.compile(r"^\s*(?:[$>%]|>>>|\(\w{1,40}\)\s?\$)\s+")
_INDENTED = re.compile(r"(?: {2}|\t)\s*(?=\S)")
_SPAN = re.compile(r"``?([^`]{1,300})``?")
_COMMAND_AT_START = re.compile(r"(?:python|pytest|\./|tox|make|npm|go |cargo )")


def read_prose(text: str) -> list[Line]:
    """Return the commands of a document; their block is the last heading."""
    commands: list[Line] = []
    in_fence = False
    heading = ""
    previous = ""
    for number, raw_line in enumerate(text.splitlines()[:_MAX_LINES], start=1):
        line = raw_line[:_MAX_LENGTH]
        if _FENCE.match(line):
            in_fence = not in_fence
        elif in_fence:
            commands.append(Line(number, _without_prompt(line), (heading,)))
        else:
            heading = _heading(line, previous) or heading
            texts = _commands_outside_fences(line)
            commands += [Line(number, command, (heading,)) for command in texts]
        previous = line
    return commands


def _heading(line: str, previous: str) -> str:
    heading = _HEADING.match(line)
    if heading is not None:
        return heading[1]
    is_underlined = _UNDERLINE.fullmatch(line) is not None and bool(previous.strip())
    return previous.strip() if is_underlined else ""


def _commands_outside_fences(line: str) -> list[str]:
    if _PROMPT.match(line) or _INDENTED.match(line) or _COMMAND_AT_START.match(line):
        return [_without_prompt(line)]
    return _SPAN.findall(line)


def _without_prompt(line: str) -> str:
    return _PROMPT.sub("", line, count=1).strip()
