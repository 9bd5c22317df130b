"""Frozen inputs and the texts that templates make of them, so that an edit shows all it changes.

``FOLDER/golden/CASE.json`` has variables for every template; ``FOLDER/golden/CASE/NAME.md`` is the
text that the template ``NAME`` rendered from them.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prompts.template_set import SHIPPED, TemplateSet
from prompts.tokens import tokens_of, tokens_of_bytes

TOTAL = "total"
LARGE = "large"
"""The case with every variable at its largest: its texts are counted, and not frozen."""

Case = Mapping[str, Any]
Texts = Mapping[tuple[str, str], str]
"""(case, template) -> text"""

_FENCE = re.compile(r"\s{0,3}(`{3,}|~{3,})")


def cases() -> dict[str, dict[str, Any]]:
    """Load the frozen inputs by name.

    ``"repeat": {"issue.body": 900}`` in a case makes that text 900 times as long.
    """
    result = {}
    for file in sorted((SHIPPED / "golden").glob("*.json")):
        case = json.loads(file.read_text())
        for path, times in case.pop("repeat", {}).items():
            _repeat(case, path, times)
        result[file.stem] = case
    return result


def _repeat(case: dict[str, Any], path: str, times: int) -> None:
    """Multiply the text at ``path``, such as ``issue.comments.0.body``, in place."""
    *parents, last = [int(part) if part.isdecimal() else part for part in path.split(".")]
    container: Any = case
    for part in parents:
        container = container[part]
    container[last] *= times


def render(templates: TemplateSet, inputs: Mapping[str, Case]) -> dict[tuple[str, str], str]:
    """Render every template with every case that has all the template needs."""
    keys = []
    jobs = []
    for case_name, case in inputs.items():
        for template in templates.names:
            if _has_all_variables(case, templates, template):
                keys.append((case_name, template))
                jobs.append((template, case))
    return dict(zip(keys, templates.render_all(jobs), strict=True))


def _has_all_variables(case: Case, templates: TemplateSet, template: str) -> bool:
    variables = templates.front_matter(template).variables
    return all(name in case or shape.optional for name, shape in variables.items())


def frozen(folder: Path) -> dict[tuple[str, str], str]:
    """Load the stored texts below ``folder``, as ``render`` returns them."""
    texts = {}
    for file in sorted(folder.glob("golden/*/*.md")):
        texts[file.parent.name, file.stem] = file.read_text()
    return texts


def freeze(folder: Path, texts: Texts) -> None:
    """Store ``texts`` below ``folder``, and remove every other stored text."""
    for case, name in frozen(folder).keys() - texts.keys():
        _stored_text(folder, case, name).unlink()
    for (case, name), text in texts.items():
        file = _stored_text(folder, case, name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def _stored_text(folder: Path, case: str, template: str) -> Path:
    return folder / "golden" / case / f"{template}.md"


def sections(text: str) -> dict[str, int]:
    """Count the tokens below each heading of level one; ``total`` is the whole text.

    A line in a code fence is no heading.
    """
    sizes: dict[str, int] = {}
    heading = ""
    fence = ""
    for line in text.splitlines(keepends=True):
        mark = _FENCE.match(line)
        if mark is not None and not fence:
            fence = mark[1]
        elif mark is not None:
            closes_fence = mark[1].startswith(fence) and not line.strip(" \n`~")
            fence = "" if closes_fence else fence
        elif not fence and line.startswith("# "):
            heading = line[2:].strip()
        sizes[heading] = sizes.get(heading, 0) + len(line.encode())
    tokens = {name: tokens_of_bytes(size) for name, size in sizes.items()}
    tokens[TOTAL] = tokens_of(text)
    return tokens
