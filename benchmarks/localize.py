"""How often the files that an issue needs changed are ranked first, and shown, on instances as
SWE-bench has them.

    python -m benchmarks.localize --instances FILE.jsonl --repos DIR [--only REPO] [--json OUT]

DIR holds a git repository (bare or not, full history) as owner__name. An instance is a hit at k
when all its gold files stand within the first k. ``shown`` counts those whose gold files are all
among the files shown, ``functions_shown`` those whose gold functions' first lines are shown too.
Tests are not ranked."""

import argparse
import json
import platform
import re
import statistics
import subprocess
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from repository.context.query import Query
from repository.git import Mirror
from stages.build_context import Context, build

AT = (1, 3, 5, 10)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--instances", type=Path, required=True)
    parser.add_argument("--repos", type=Path, required=True)
    parser.add_argument("--only", help="one repository, owner/name")
    parser.add_argument("--max-tokens", type=int, default=24_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    instances = [
        json.loads(line) for line in arguments.instances.read_text(encoding="utf-8").splitlines()
    ]
    rows = [
        measure(instance, arguments.repos, arguments.max_tokens)
        for instance in instances
        if arguments.only in (None, instance["repo"])
    ]
    if not rows:
        parser.error("no instances")
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["repo"]].append(row)
    print(
        f"{'repository':24} {'n':>4} {'@1':>6} {'@3':>6} {'@5':>6} {'@10':>6} {'shown':>6}"
        f" {'funcs':>6} {'median s':>9}"
    )
    for name, group in [*sorted(groups.items()), ("all", rows)]:
        told = summary(group)
        shares = [told[key] for key in (*(f"acc_at_{k}" for k in AT), "shown", "functions_shown")]
        print(
            f"{name:24} {len(group):4} "
            + " ".join(f"{share:6.3f}" for share in shares)
            + f" {told['seconds']:9.2f}"
        )
    if arguments.json:
        head = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False
        ).stdout.strip()
        report = {
            "benchmark": "localize",
            "commit": head,
            "machine": platform.platform(),
            "summary": summary(rows),
            "rows": rows,
        }
        arguments.json.write_text(json.dumps(report, indent=1), encoding="utf-8")


def measure(instance: dict[str, Any], repos: Path, max_tokens: int) -> dict[str, Any]:
    """One instance: the place of each gold file (None: not ranked), and what was shown."""
    folder = (repos / instance["repo"].replace("/", "__")).resolve()
    mirror = Mirror(folder / ".git" if (folder / ".git").exists() else folder, lambda: None)
    text = instance["problem_statement"]
    started = time.monotonic()
    context = build(
        mirror, instance["base_commit"], Query.from_issue(text.split("\n", 1)[0], text), max_tokens
    )
    seconds = time.monotonic() - started
    places = [
        context.ranking.index(path) + 1 if path in context.ranking else None
        for path in instance["gold_files"]
    ]
    return {
        "instance_id": instance["instance_id"],
        "repo": instance["repo"],
        "places": places,
        "shown": set(instance["gold_files"]) <= {file.path for file in context.files},
        "functions_shown": all(
            function_shown(name, context) for name in instance["gold_functions"]
        ),
        "tokens": context.tokens,
        "seconds": seconds,
    }


def function_shown(name: str, context: Context) -> bool:
    path, _, qualified = name.partition("::")
    first_line = re.compile(rf"\b(?:def|class) {re.escape(qualified.rsplit('.', 1)[-1])}\b")
    return any(file.path == path and first_line.search(file.content) for file in context.files)


def summary(rows: list[dict[str, Any]]) -> dict[str, float]:
    told: dict[str, float] = {"instances": len(rows)}
    for k in AT:
        told[f"acc_at_{k}"] = statistics.mean(
            all(place is not None and place <= k for place in row["places"]) for row in rows
        )
    told["shown"] = statistics.mean(row["shown"] for row in rows)
    told["functions_shown"] = statistics.mean(row["functions_shown"] for row in rows)
    told["seconds"] = statistics.median(row["seconds"] for row in rows)
    return told


if __name__ == "__main__":
    main()
