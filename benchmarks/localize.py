"""Measure how often the files to change for an issue are ranked first and shown to the model.

    python -m benchmarks.localize --instances FILE.jsonl --repos DIR \\
        [--only REPO] [--max-tokens N] [--json OUT]

The instances are SWE-bench's, with ``gold_files`` and ``gold_functions``. DIR contains git
repositories (bare or not, full history) named owner__name. An instance is a hit at k if all its
gold files are among the first k. ``shown`` counts those whose gold files are all among the files
shown, ``functions_shown`` those of which the first lines of all gold functions are shown. Tests are
not ranked.
"""

import json
import re
import statistics
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.arguments import add_instances, make_parser
from benchmarks.instances import find_source
from repository.context.query import Query
from repository.git import Mirror
from stages.build_context import MAX_TOKENS, Context, build

RANKS = (1, 3, 5, 10)


@dataclass(frozen=True)
class Row:
    instance_id: str
    repo: str
    places: list[int | None]
    """The rank of each gold file, starting at 1; None if it is not ranked."""
    shown: bool
    functions_shown: bool
    tokens: int
    seconds: float

    def is_hit_at(self, rank: int) -> bool:
        return all(place is not None and place <= rank for place in self.places)


def main() -> None:
    parser = make_parser(__doc__)
    add_instances(parser)
    parser.add_argument("--only", help="one repository, owner/name")
    parser.add_argument("--max-tokens", type=int, default=MAX_TOKENS)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()

    rows: list[Row] = []
    for line in arguments.instances.read_text(encoding="utf-8").splitlines():
        instance = json.loads(line)
        if arguments.only in (None, instance["repo"]):
            rows.append(measure(instance, arguments.repos, arguments.max_tokens))
    if not rows:
        parser.error("no instances")

    summary = summarize(rows)
    show(rows, summary)
    document = report.report("localize", summary, [asdict(row) for row in rows])
    report.write(document, arguments.json)


def measure(instance: dict[str, Any], repos: Path, max_tokens: int) -> Row:
    """Build the context of one instance.

    Raises:
        SystemExit: its repository is missing.
    """
    source = find_source(repos, instance["repo"])
    if source is None:
        raise SystemExit(f"no repository {instance['repo']}")
    work_tree_folder = source / ".git"
    mirror = Mirror(work_tree_folder if work_tree_folder.exists() else source, lambda: None)
    text = instance["problem_statement"]
    title, _, _ = text.partition("\n")

    started = time.monotonic()
    query = Query.from_issue(title, text)
    context = build(mirror, instance["base_commit"], query, max_tokens)
    seconds = time.monotonic() - started

    gold_files = instance["gold_files"]
    paths_shown = {file.path for file in context.files}
    functions = [is_function_shown(name, context) for name in instance["gold_functions"]]
    return Row(
        instance_id=instance["instance_id"],
        repo=instance["repo"],
        places=[_place(path, context.ranking) for path in gold_files],
        shown=paths_shown.issuperset(gold_files),
        functions_shown=all(functions),
        tokens=context.tokens,
        seconds=seconds,
    )


def _place(path: str, ranking: Sequence[str]) -> int | None:
    if path not in ranking:
        return None
    return ranking.index(path) + 1


def is_function_shown(name: str, context: Context) -> bool:
    """Whether the first line of ``path::Class.function`` is shown."""
    path, _, qualified_name = name.partition("::")
    *_, function = qualified_name.split(".")
    first_line = re.compile(rf"\b(?:def|class) {re.escape(function)}\b")
    contents = [file.content for file in context.files if file.path == path]
    return any(map(first_line.search, contents))


def summarize(rows: Sequence[Row]) -> dict[str, float]:
    summary: dict[str, float] = {"instances": len(rows)}
    for rank in RANKS:
        summary[f"acc_at_{rank}"] = statistics.mean(row.is_hit_at(rank) for row in rows)
    summary["shown"] = statistics.mean(row.shown for row in rows)
    summary["functions_shown"] = statistics.mean(row.functions_shown for row in rows)
    summary["seconds"] = statistics.median(row.seconds for row in rows)
    return summary


def show(rows: Sequence[Row], summary: dict[str, float]) -> None:
    """Print one line per repository and the summary of all."""
    by_repository: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_repository[row.repo].append(row)
    lines = []
    for repository, group in sorted(by_repository.items()):
        lines.append([repository, *summarize(group).values()])
    report.show("localize", ["repository", *summary], lines, summary)


if __name__ == "__main__":
    main()
