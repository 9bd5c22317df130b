"""The repository's own template for pull requests, filled with our text.

Of the template, only its headings and the items of its checklists remain: its instructions are for
the author. No item is ticked, since a program can't promise what they ask for.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from markdown_it import MarkdownIt

from prompts.filters import clip
from prompts.inert_text import BREAK, inert

MAX_TEMPLATE = 20_000
"""Characters."""
MAX_SECTIONS = 30

#: Folders of templates, and of several of them
#: (https://docs.github.com/en/communities/using-templates-to-encourage-useful-issues-and-pull-requests/creating-a-pull-request-template-for-your-repository).
_FOLDERS = (".github", ".", "docs")
_NAME = "pull_request_template"
_SUFFIXES = (".md", ".txt", "")

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_TASK = re.compile(r"^\s*[-*+] \[[ xX]\]\s+(?P<text>\S.*)$", re.MULTILINE)

#: What a heading of the template asks for -> the heading of our section that answers it.
_ANSWERS = (
    (re.compile(r"type of|breaking|checklist", re.IGNORECASE), ""),
    (re.compile(r"test|verif|validat|\bqa\b", re.IGNORECASE), "Proof"),
    (re.compile(r"issue|ticket|fixes|closes|reference|related|linked", re.IGNORECASE), "Issue"),
    (
        re.compile(r"summary|descri|what|why|change|overview|motivation|purpose", re.IGNORECASE),
        "Summary",
    ),
)
_NOT_FILLED_IN = "Not filled in."


@dataclass(frozen=True)
class _Section:
    heading: str
    """Without its marks; empty for what precedes the first one."""
    level: int
    text: str


def find_template(paths: Iterable[str]) -> str | None:
    """Return the path of the repository's template; of several, the first by name."""
    by_name = {path.lower(): path for path in sorted(paths, reverse=True)}
    for folder in _FOLDERS:
        for suffix in _SUFFIXES:
            name = str(PurePosixPath(folder, f"{_NAME}{suffix}"))
            if name in by_name:
                return by_name[name]
    for folder in _FOLDERS:
        parent = PurePosixPath(folder, _NAME)
        for name in sorted(by_name):
            file = PurePosixPath(name)
            if file.parent == parent and file.suffix in (".md", ".txt"):
                return by_name[name]
    return None


def fill(template: str, body: str, reference: str) -> str:
    """Return our body in the order of a template; what it has no heading for follows.

    Args:
        template: the repository's text.
        body: ours, with headings of the second level.
        reference: our line that names the issue, which the template may have a heading for.
    """
    asked = _sections(_COMMENT.sub("", clip(template, MAX_TEMPLATE)))[:MAX_SECTIONS]
    ours = {section.heading: section.text for section in _sections(body)}
    if "Summary" not in ours or not any(section.heading for section in asked):
        return body
    if any(_answer_to(section.heading) == "Issue" for section in asked):
        ours["Summary"] = _without_line(ours["Summary"], reference)
        ours["Issue"] = reference
    parts = [ours.pop("", "")]
    levels = [section.level for section in asked[1:]] + [0]
    for section, next_level in zip(asked, levels, strict=True):
        if section.heading:
            filler = "" if next_level > section.level else _NOT_FILLED_IN
            parts.append(_filled(section, ours, filler))
    parts += [f"## {heading}\n\n{text}" for heading, text in ours.items()]
    return "\n\n".join(part for part in parts if part) + "\n"


def _without_line(text: str, line: str) -> str:
    lines = [each for each in text.split("\n") if each != line]
    return "\n".join(lines).strip()


def _filled(section: _Section, ours: dict[str, str], filler: str) -> str:
    """Return a section of the template with our answer, which is then used up.

    ``filler`` stands for a missing one.
    """
    answer = ours.pop(_answer_to(section.heading), "")
    tasks = [_task(match["text"]) for match in _TASK.finditer(section.text)]
    content = [part for part in (answer, "\n".join(tasks)) if part]
    text = "\n\n".join(content) or filler
    return f"{'#' * section.level} {inert(section.heading)}\n\n{text}".strip()


def _answer_to(heading: str) -> str:
    for pattern, name in _ANSWERS:
        if pattern.search(heading):
            return name
    return ""


def _task(text: str) -> str:
    """Return an item of a checklist, not ticked. The box is the repository's own."""
    return f"- [ ] {inert(text.replace(BREAK, ''))}"


def _sections(text: str) -> list[_Section]:
    """Split a text at its headings, other than those in quotes, lists and code."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    heading = ""
    level = 0
    start = 0
    sections: list[_Section] = []
    tokens = MarkdownIt("commonmark").parse(text)
    for index, token in enumerate(tokens):
        if token.type != "heading_open" or token.level != 0 or token.map is None:
            continue
        sections.append(_Section(heading, level, _joined(lines[start : token.map[0]])))
        heading = " ".join(tokens[index + 1].content.split())
        level = int(token.tag[1])
        start = token.map[1]
    sections.append(_Section(heading, level, _joined(lines[start:])))
    return sections


def _joined(lines: list[str]) -> str:
    return "\n".join(lines).strip()
