"""The blocks of the documents, and whether a test runs them.

An indented block holds commands, which ``tests/cli/test_help_examples.py`` runs, unless a comment
before it says otherwise:

    <!-- not run: needs AWS -->           one of ``REASONS``
    <!-- run by: tests/test_guides.py --> another test follows it
    <!-- no commands -->                  a file's content, a drawing
"""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCS = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/*.md"),
        ROOT / "terraform/README.md",
        ROOT / "sandbox/README.md",
    ]
)
#: Why a block of commands can't be run by a test.
REASONS = {
    "needs AWS",
    "needs a running service",
    "needs data from elsewhere",
    "takes minutes",
    "sets up the machine",
    "serves until it is stopped",
}
_INDENT = "    "
_MARK = re.compile(r"\s*<!-- (not run|run by|no commands)(?:: (.+?))? -->")
_COMMENT = re.compile(r"\s+#\s.*$")


@dataclass(frozen=True)
class Block:
    """An indented block of a document."""

    document: str
    """The path of the file, from the project's root."""
    line: int
    """The number of its first line."""
    mark: str | None
    """``not run``, ``run by`` or ``no commands``; None if its commands are run."""
    detail: str | None
    """The reason, or the test."""
    text: str

    @property
    def commands(self) -> list[str]:
        """The commands, without comments, each on one line."""
        joined = self.text.replace("\\\n", " ")
        lines = [_COMMENT.sub("", line).strip() for line in joined.splitlines()]
        return [line for line in lines if line and not line.startswith("#")]


def every_block() -> list[Block]:
    blocks: list[Block] = []
    for path in DOCS:
        blocks += blocks_of(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))
    return blocks


def run_commands() -> list[str]:
    """Return the commands of all blocks without a mark, each once."""
    commands: dict[str, None] = {}
    for block in every_block():
        if block.mark is None:
            commands.update(dict.fromkeys(block.commands))
    return list(commands)


def blocks_of(document: str, text: str) -> list[Block]:
    """Return the indented blocks outside of fences. A block ends where the indentation does."""
    blocks: list[Block] = []
    lines = text.splitlines()
    is_fenced = False
    number = 0
    while number < len(lines):
        line = lines[number]
        if line.lstrip().startswith("```"):
            is_fenced = not is_fenced
        if is_fenced or not _begins_block(lines, number):
            number += 1
            continue
        end = number
        while end < len(lines) and (lines[end].startswith(_INDENT) or not lines[end].strip()):
            end += 1
        mark = _MARK.fullmatch(lines[number - 1])
        content = "\n".join(lines[number:end]).rstrip()
        blocks.append(
            Block(
                document,
                number + 1,
                mark[1] if mark else None,
                mark[2] if mark else None,
                content,
            )
        )
        number = end
    return blocks


def _begins_block(lines: list[str], number: int) -> bool:
    if not lines[number].startswith(_INDENT):
        return False
    before = lines[number - 1]
    return not before.strip() or _MARK.fullmatch(before) is not None
