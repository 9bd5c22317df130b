"""An issue as a file: Markdown, with its title in the first line or in front matter."""

import re
from pathlib import Path

from cli import exits
from cli.command import CommandError

_FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.S)
"""YAML before the text, as in issue templates and in the files of many tools."""
_WORD = re.compile(r"\w")
_HEADING = re.compile(r"#{1,6}\s+")


def read_issue_file(path: Path) -> tuple[str, str]:
    """Return the title and the body. Ends the command if the file has no title.

    The title is that of the front matter, or else the first line with a word in it, without
    Markdown's heading marks.
    """
    title, text = _split_front_matter(_read_text(path))
    if title:
        return title, text.strip()
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if _WORD.search(line):
            title = _HEADING.sub("", line.strip(), count=1)
            body = "\n".join(lines[number:])
            return title, body.strip()
    message = f"{path} is empty: write the issue's title in its first line"
    raise CommandError(message, exits.USAGE)


def _read_text(path: Path) -> str:
    from repository.text_encoding import NotText, decode_text

    try:
        decoded = decode_text(path.read_bytes())
    except NotText as error:
        raise CommandError(f"{path}: {error}", exits.USAGE) from None
    if decoded.is_guessed:
        raise CommandError(f"{path} is not UTF-8 text", exits.USAGE)
    text = decoded.text.removeprefix("\ufeff")
    return text.replace("\r\n", "\n").lstrip()


def _split_front_matter(text: str) -> tuple[str, str]:
    """Return the title in the front matter, empty if there is none, and the text after it."""
    import yaml

    match = _FRONT_MATTER.match(text)
    if match is None:
        return "", text
    try:
        fields = yaml.safe_load(match[1])
    except (yaml.YAMLError, ValueError, RecursionError):
        return "", text
    if not isinstance(fields, dict):
        return "", text
    rest = text[match.end() :]
    title = fields.get("title")
    if not isinstance(title, str):
        return "", rest
    return title.strip(), rest
