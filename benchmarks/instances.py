"""SWE-bench instances, and a small repository for each that ends at its base commit."""

import json
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repository.git import GitError, Identity, Mirror, run_git

AUTHOR = Identity("Benchmark", "benchmark@example.com")


@dataclass(frozen=True)
class Instance:
    instance_id: str
    repo: str
    """owner/name"""
    base_commit: str
    problem_statement: str
    patch: str
    """The reference change: the one that closed the issue, without its tests."""
    test_patch: str
    fail_to_pass: tuple[str, ...]
    pass_to_pass: tuple[str, ...]
    no_tests: tuple[str, ...]
    """Entries of the lists that are not tests: SWE-bench extracted them from logs, where a test's
    output (``[100%]``) may look like one."""

    @classmethod
    def read(cls, fields: dict[str, Any]) -> "Instance":
        failing = _listed_tests(fields.get("FAIL_TO_PASS"))
        passing = _listed_tests(fields.get("PASS_TO_PASS"))
        lists_node_ids = any("::" in test for test in failing)

        def is_test(entry: str) -> bool:
            return "::" in entry or not lists_node_ids

        return cls(
            instance_id=fields["instance_id"],
            repo=fields["repo"],
            base_commit=fields["base_commit"],
            problem_statement=fields["problem_statement"],
            patch=fields["patch"],
            test_patch=fields.get("test_patch") or "",
            fail_to_pass=tuple(test for test in failing if is_test(test)),
            pass_to_pass=tuple(test for test in passing if is_test(test)),
            no_tests=tuple(entry for entry in failing + passing if not is_test(entry)),
        )

    @property
    def title(self) -> str:
        return self.problem_statement.strip().split("\n", 1)[0].strip()

    @property
    def body(self) -> str:
        return self.problem_statement.strip().partition("\n")[2].strip()


def _listed_tests(value: Any) -> tuple[str, ...]:
    """Return a list of tests, which the original data set stores as a JSON string."""
    if isinstance(value, str):
        return tuple(json.loads(value))
    return tuple(value or ())


def read_instances(file: Path) -> list[Instance]:
    """Read instances from a file with one JSON object per line.

    Raises:
        ValueError, KeyError: a line is not an instance.
    """
    lines = file.read_text(encoding="utf-8").splitlines()
    return [Instance.read(json.loads(line)) for line in lines if line.strip()]


def find_source(repos: Path, repo: str) -> Path | None:
    """Return the repository ``REPOS/owner__name``, bare or with a work tree, or None."""
    folder = repos / repo.replace("/", "__")
    return folder.resolve() if folder.is_dir() else None


def why_unfit(instance: Instance, repos: Path) -> str | None:
    """Return why an instance can't be evaluated here, or None if it can."""
    if not instance.fail_to_pass:
        return "no FAIL_TO_PASS"
    return why_no_base_commit(instance, repos)


def why_no_base_commit(instance: Instance, repos: Path) -> str | None:
    """Return why the instance's base commit is missing; None if it is there."""
    source = find_source(repos, instance.repo)
    if source is None:
        return f"no repository {instance.repo}"
    result = run_git(["cat-file", "-e", f"{instance.base_commit}^{{commit}}"], cwd=source)
    if result.returncode != 0:
        return f"{instance.repo} lacks the base commit"
    return None


def select_instances(instances: list[Instance], only: str | None, repos: Path) -> list[Instance]:
    """Return the requested instances that can be evaluated here.

    The others are counted on standard error. ``only`` has comma-separated ids; None means all.
    """
    requested = _requested(instances, only)
    fit: list[Instance] = []
    left_out: Counter[str] = Counter()
    for instance in requested:
        reason = why_unfit(instance, repos)
        if reason is None:
            fit.append(instance)
        else:
            left_out[reason] += 1
    for reason, count in left_out.most_common():
        print(f"left out: {count} ({reason})", file=sys.stderr, flush=True)
    return fit


def _requested(instances: list[Instance], only: str | None) -> list[Instance]:
    if not only:
        return instances
    ids = set(only.split(","))
    unknown = ids - {instance.instance_id for instance in instances}
    if unknown:
        raise SystemExit(f"no such instance: {', '.join(sorted(unknown))}")
    return [instance for instance in instances if instance.instance_id in ids]


def sample_instances(instances: list[Instance], number: int | None) -> list[Instance]:
    """Return about ``number`` instances, proportionally by repository and evenly spaced."""
    if number is None or number >= len(instances):
        return instances
    groups: dict[str, list[Instance]] = defaultdict(list)
    for instance in instances:
        groups[instance.repo].append(instance)
    sample: list[Instance] = []
    for group in groups.values():
        share = max(1, round(number * len(group) / len(instances)))
        for position in range(share):
            index = int((position + 0.5) * len(group) / share)
            sample.append(group[index])
    return sample


def repository_of(instance: Instance, repos: Path, folder: Path) -> Mirror:
    """Make an instance's repository, under its own name in a folder. Its source must exist."""
    source = find_source(repos, instance.repo)
    assert source is not None
    name = instance.repo.rsplit("/", 1)[-1]
    return make_repository(source, instance.base_commit, folder / name)


def make_repository(source: Path, commit: str, folder: Path) -> Mirror:
    """Make a bare repository with the branch ``main`` at ``commit`` and the tags before it.

    It shares the objects of the source, to which nothing is written. If the source lacks some
    objects, as copies without large files do, the history is two commits, the newest tag's and one
    with the date of ``commit`` and those of its files that are there. An existing repository is
    used as it is.
    """
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"{folder.name}-", dir=folder.parent) as temporary:
            new = Path(temporary) / folder.name
            _write_repository(source, commit, new)
            new.rename(folder)
    return Mirror(folder, lambda: None)


def _write_repository(source: Path, commit: str, folder: Path) -> None:
    folder.mkdir()
    _git(folder, "init", "--quiet", "--bare", "--initial-branch=main")
    objects = _git(source, "rev-parse", "--path-format=absolute", "--git-path", "objects").strip()
    (folder / "objects/info/alternates").write_text(f"{objects}\n")
    missing = _missing_objects(source, commit)
    if missing:
        _write_short_history(Mirror(folder, lambda: None), source, commit, missing)
        return
    tags = _git(
        source,
        "for-each-ref",
        f"--merged={commit}",
        "--format=create %(refname) %(objectname)",
        "refs/tags",
    )
    _git(folder, "update-ref", "--stdin", stdin=f"{tags}create refs/heads/main {commit}\n")


def _missing_objects(source: Path, commit: str) -> frozenset[str]:
    listing = _git(source, "rev-list", "--objects", "--missing=print", commit)
    return frozenset(line[1:] for line in listing.splitlines() if line.startswith("?"))


def _write_short_history(
    mirror: Mirror, source: Path, commit: str, missing: Collection[str]
) -> None:
    """Write ``main`` and the newest tag before it, with the files of ``commit`` that are there."""
    without: dict[str, bytes | None] = {}
    for line in _git(mirror.folder, "ls-tree", "-r", "-z", commit).split("\0"):
        description, _, path = line.partition("\t")
        if description and description.split()[2] in missing:
            without[path] = None
    tree = mirror.write_tree(mirror.tree_of(commit), without)
    seconds = mirror.commit_time(commit)
    before: str | None = None
    newest = run_git(["describe", "--tags", "--abbrev=0", commit], cwd=source)
    if newest.returncode == 0:
        tag = newest.stdout.decode().strip()
        before = mirror.commit(tree, None, tag, AUTHOR, seconds)
        _git(mirror.folder, "update-ref", f"refs/tags/{tag}", before)
    main = mirror.commit(tree, before, "The history before is left out", AUTHOR, seconds)
    _git(mirror.folder, "update-ref", "refs/heads/main", main)


def read_changes(mirror: Mirror, old: str, new: str) -> dict[str, bytes | None]:
    """Return path -> new content of the files that differ between two trees; None if removed."""
    before = _entries(mirror, old)
    after = _entries(mirror, new)
    changed: dict[str, bytes | None] = {}
    for path in sorted(before.keys() | after.keys()):
        if before.get(path) != after.get(path):
            changed[path] = mirror.read(new, path)
    return changed


def _entries(mirror: Mirror, tree: str) -> dict[str, tuple[str, str]]:
    return {entry.path: (entry.mode, entry.sha) for entry in mirror.files(tree)}


def read_texts(mirror: Mirror, tree: str, paths: Iterable[str]) -> dict[str, str | None]:
    """Return path -> text, decoded as UTF-8 with replacements; None for a missing file."""
    decoded: dict[str, str | None] = {}
    for path in paths:
        data = mirror.read(tree, path)
        decoded[path] = None if data is None else data.decode(errors="replace")
    return decoded


def _git(folder: Path, *arguments: str, stdin: str = "") -> str:
    result = run_git(list(arguments), cwd=folder, stdin=stdin.encode())
    if result.returncode != 0:
        error = result.stderr.decode(errors="replace").strip()
        raise GitError(f"git {arguments[0]} in {folder}: {error}")
    return result.stdout.decode()
