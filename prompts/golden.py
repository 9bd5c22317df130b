"""Golden cases: frozen inputs and rendered texts, so that all effects of an edit can be seen.

``FOLDER/golden/CASE.json`` has variables for every template; ``FOLDER/golden/CASE/NAME.md`` is the
text that the template ``NAME`` rendered from them.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prompts.template_set import SHIPPED, TemplateSet
from prompts.tokens import tokens_of, tokens_of_bytes

TOTAL = "total"
LARGE = "large"
"""The case with every variable at its largest: its tokens are counted, but its texts not frozen."""

Case = dict[str, Any]
"""Variable -> value."""
Key = tuple[str, str]
"""The names of a case and a template."""
Texts = dict[Key, str]

_FENCE = re.compile(r"\s{0,3}(`{3,}|~{3,})")


def cases() -> dict[str, Case]:
    """Load the frozen inputs by name.

    ``"repeat": {"issue.body": 900}`` in a case repeats that text 900 times.
    """
    result = {}
    folder = SHIPPED / "golden"
    for file in sorted(folder.glob("*.json")):
        case: Case = json.loads(file.read_text())
        repetitions: dict[str, int] = case.pop("repeat", {})
        for path, times in repetitions.items():
            _repeat(case, path, times)
        result[file.stem] = case
    return result


def _repeat(case: Case, path: str, times: int) -> None:
    """Multiply the text at ``path``, such as ``issue.comments.0.body``, in place."""
    *parents, last = path.split(".")
    container: Any = case
    for part in parents:
        container = container[_key_or_index(part)]
    container[_key_or_index(last)] *= times


def _key_or_index(part: str) -> str | int:
    return int(part) if part.isdecimal() else part


def render(templates: TemplateSet, inputs: Mapping[str, Case]) -> Texts:
    """Render every template with every case that has all the variables it needs."""
    keys = []
    jobs = []
    for case_name, case in inputs.items():
        for template in templates.names:
            if not templates.missing_variables(template, case):
                keys.append((case_name, template))
                jobs.append((template, case))
    texts = templates.render_all(jobs)
    return dict(zip(keys, texts, strict=True))


def frozen(folder: Path) -> Texts:
    """Load the stored texts below ``folder``, as ``render`` returns them."""
    texts = {}
    for file in sorted(folder.glob("golden/*/*.md")):
        key = (file.parent.name, file.stem)
        texts[key] = file.read_text()
    return texts


def freeze(folder: Path, texts: Texts) -> None:
    """Store ``texts`` below ``folder``, and remove every other stored text."""
    outdated = frozen(folder).keys() - texts.keys()
    for key in outdated:
        _file_of(folder, key).unlink()
    for key, text in texts.items():
        file = _file_of(folder, key)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def _file_of(folder: Path, key: Key) -> Path:
    case, template = key
    return folder / "golden" / case / f"{template}.md"


def sections(text: str) -> dict[str, int]:
    """Count the tokens below each heading of level one; ``total`` is the whole text.

    A line in a code fence is not a heading.
    """
    sizes: Counter[str] = Counter()
    heading = ""
    fence = ""
    for line in text.splitlines(keepends=True):
        mark = _FENCE.match(line)
        if mark is not None:
            fence = _fence_after(line, mark[1], fence)
        elif not fence and line.startswith("# "):
            heading = line[2:].strip()
        sizes[heading] += len(line.encode())
    tokens = {}
    for name, size in sizes.items():
        tokens[name] = tokens_of_bytes(size)
    tokens[TOTAL] = tokens_of(text)
    return tokens


def _fence_after(line: str, mark: str, fence: str) -> str:
    """Return the fence that is open after a line that begins with the fence ``mark``."""
    if not fence:
        return mark
    is_bare = not line.strip(" \n`~")
    if is_bare and mark.startswith(fence):
        return ""
    return fence
