"""Instances as SWE-bench has them, and a small repository of each at its base commit, without what
came later.
"""

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repository.git import GitError, Mirror, run_git


@dataclass(frozen=True)
class Instance:
    instance_id: str
    repo: str
    """owner/name"""
    base_commit: str
    problem_statement: str
    patch: str
    """The reference: the change that closed the issue, without its tests."""
    test_patch: str
    fail_to_pass: tuple[str, ...]
    pass_to_pass: tuple[str, ...]
    no_tests: tuple[str, ...]
    """What its lists hold beside tests: SWE-bench read them out of logs, where a test's own output (``[100%]``) may
    look like one."""

    @classmethod
    def read(cls, fields: dict[str, Any]) -> "Instance":
        names = ("instance_id", "repo", "base_commit", "problem_statement", "patch")
        failing = _listed(fields.get("FAIL_TO_PASS"))
        passing = _listed(fields.get("PASS_TO_PASS"))
        of_pytest = any("::" in test for test in failing)
        return cls(
            **{name: fields[name] for name in names},
            test_patch=fields.get("test_patch") or "",
            fail_to_pass=tuple(test for test in failing if "::" in test or not of_pytest),
            pass_to_pass=tuple(test for test in passing if "::" in test or not of_pytest),
            no_tests=tuple(test for test in failing + passing if "::" not in test and of_pytest),
        )

    @property
    def title(self) -> str:
        return self.problem_statement.strip().split("\n", 1)[0].strip()

    @property
    def body(self) -> str:
        return self.problem_statement.strip().partition("\n")[2].strip()


def _listed(value: Any) -> tuple[str, ...]:
    """A list; in the original data set it is one in JSON, in a string."""
    return tuple(json.loads(value) if isinstance(value, str) else value or ())


def read_instances(file: Path) -> list[Instance]:
    """Raises ValueError, KeyError where a line is no instance."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return [Instance.read(json.loads(line)) for line in lines if line.strip()]


def source_of(repos: Path, repo: str) -> Path | None:
    """The repository ``DIR/owner__name``, bare or with a work tree."""
    folder = repos / repo.replace("/", "__")
    return folder.resolve() if folder.is_dir() else None


def unfit(instance: Instance, repos: Path) -> str | None:
    """Why an instance can't be evaluated here; None where it can."""
    if not instance.fail_to_pass:
        return "no FAIL_TO_PASS"
    source = source_of(repos, instance.repo)
    if source is None:
        return f"no repository {instance.repo}"
    done = run_git(["cat-file", "-e", f"{instance.base_commit}^{{commit}}"], cwd=source)
    return f"{instance.repo} without the base commit" if done.returncode else None


def chosen(instances: list[Instance], only: str | None, repos: Path) -> list[Instance]:
    """Those that were asked for and can be evaluated here; the others are counted on standard
    error.
    """
    wanted = set(only.split(",")) if only else None
    if wanted and (unknown := wanted - {instance.instance_id for instance in instances}):
        raise SystemExit(f"no such instance: {', '.join(sorted(unknown))}")
    asked = [instance for instance in instances if wanted is None or instance.instance_id in wanted]
    reasons = {instance.instance_id: unfit(instance, repos) for instance in asked}
    for reason, count in Counter(reason for reason in reasons.values() if reason).most_common():
        print(f"left out: {count} ({reason})", file=sys.stderr, flush=True)
    return [instance for instance in asked if reasons[instance.instance_id] is None]


def sampled(instances: list[Instance], number: int | None) -> list[Instance]:
    """Of each repository its share, at least one, evenly over its instances."""
    if number is None or number >= len(instances):
        return instances
    groups: dict[str, list[Instance]] = defaultdict(list)
    for instance in instances:
        groups[instance.repo].append(instance)
    kept: list[Instance] = []
    for group in groups.values():
        share = max(1, round(number * len(group) / len(instances)))
        kept += [group[int((at + 0.5) * len(group) / share)] for at in range(share)]
    return kept


def make_repository(source: Path, commit: str, folder: Path) -> Mirror:
    """A bare repository on branch ``main`` at ``commit``, with the tags that were there then. Its objects are the
    source's, to which nothing is written."""
    folder.mkdir(parents=True)
    _git(folder, "init", "--quiet", "--bare", "--initial-branch=main")
    objects = Path(
        _git(source, "rev-parse", "--path-format=absolute", "--git-path", "objects").strip()
    )
    (folder / "objects/info/alternates").write_text(f"{objects}\n")
    tags = _git(
        source,
        "for-each-ref",
        f"--merged={commit}",
        "--format=create %(refname) %(objectname)",
        "refs/tags",
    )
    _git(folder, "update-ref", "--stdin", stdin=f"{tags}create refs/heads/main {commit}\n")
    return Mirror(folder, lambda: None)


def changes(mirror: Mirror, old: str, new: str) -> dict[str, bytes | None]:
    """The files in which two trees differ, as the second has them; None: it does not have them."""
    before, after = (
        {entry.path: (entry.mode, entry.sha) for entry in mirror.files(tree)} for tree in (old, new)
    )
    paths = sorted(
        path for path in before.keys() | after.keys() if before.get(path) != after.get(path)
    )
    return {path: mirror.read(new, path) for path in paths}


def texts(mirror: Mirror, tree: str, paths: Collection[str]) -> dict[str, str | None]:
    """Those files' texts, what is not UTF-8 made so; None where there is no such file."""
    found = {path: mirror.read(tree, path) for path in paths}
    return {
        path: None if data is None else data.decode(errors="replace")
        for path, data in found.items()
    }


def _git(folder: Path, *arguments: str, stdin: str = "") -> str:
    done = run_git(list(arguments), cwd=folder, stdin=stdin.encode())
    if done.returncode != 0:
        raise GitError(
            f"git {arguments[0]} in {folder}: {done.stderr.decode(errors='replace').strip()}"
        )
    return done.stdout.decode()
