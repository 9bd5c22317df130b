"""Frozen inputs, and what templates make of them: so that an edit shows what it changes,
everywhere.

``FOLDER/golden/CASE.json`` has variables for every template; ``FOLDER/golden/CASE/NAME.md`` is what
they made."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prompts.filters import BYTES_PER_TOKEN, tokens_of
from prompts.template_set import SHIPPED, TemplateSet

TOTAL = "total"
_FENCE = re.compile(r"\s{0,3}(`{3,}|~{3,})")
Case = Mapping[str, Any]


def cases() -> dict[str, dict[str, Any]]:
    """The frozen inputs. ``"repeat": {"issue.body": 900}`` makes a text of a case that much longer."""
    found = {
        file.stem: json.loads(file.read_text())
        for file in sorted((SHIPPED / "golden").glob("*.json"))
    }
    for case in found.values():
        for path, times in case.pop("repeat", {}).items():
            *parents, last = [int(part) if part.isdecimal() else part for part in path.split(".")]
            at = case
            for part in parents:
                at = at[part]
            at[last] *= times
    return found


LARGE = "large"
"""The case with everything as large as it gets: its texts are counted, and not frozen."""


def render(templates: TemplateSet, inputs: Mapping[str, Case]) -> dict[tuple[str, str], str]:
    """(case, template) -> text, where the case has all that the template needs."""
    jobs = {
        (name, template): case
        for name, case in inputs.items()
        for template in templates.names
        if all(
            variable in case or shape.optional
            for variable, shape in _variables(templates, template).items()
        )
    }
    texts = templates.render_all([(template, case) for (_, template), case in jobs.items()])
    return dict(zip(jobs, texts, strict=True))


def frozen(folder: Path) -> dict[tuple[str, str], str]:
    """What was stored, as ``render`` gives it."""
    return {
        (file.parent.name, file.stem): file.read_text()
        for file in sorted(folder.glob("golden/*/*.md"))
    }


def freeze(folder: Path, texts: Mapping[tuple[str, str], str]) -> None:
    """Store ``texts``, and nothing else."""
    for case, name in frozen(folder).keys() - texts.keys():
        (folder / "golden" / case / f"{name}.md").unlink()
    for (case, name), text in texts.items():
        file = folder / "golden" / case / f"{name}.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def sections(text: str) -> dict[str, int]:
    """Heading of level one -> tokens below it, headings in fences left out; ``total`` is the whole
    text.
    """
    found = dict[str, int]()
    heading = ""
    fence = ""
    for line in text.splitlines(keepends=True):
        if mark := _FENCE.match(line):
            if not fence:
                fence = mark[1]
            elif mark[1].startswith(fence) and not line.strip(" \n`~"):
                fence = ""
        elif not fence and line.startswith("# "):
            heading = line[2:].strip()
        found[heading] = found.get(heading, 0) + len(line.encode())
    return {name: -(-size // BYTES_PER_TOKEN) for name, size in found.items()} | {
        TOTAL: tokens_of(text)
    }


def _variables(templates: TemplateSet, name: str) -> Mapping[str, Any]:
    return templates.front_matter(name).variables
