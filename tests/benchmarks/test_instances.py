"""Instances, and the repositories made for them."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from benchmarks.instances import (
    Instance,
    find_source,
    make_repository,
    read_changes,
    read_instances,
    sample_instances,
    why_unfit,
)


def git(folder: Path, *arguments: str) -> str:
    identity = {
        f"GIT_{role}_{part}": "a@b"
        for role in ("AUTHOR", "COMMITTER")
        for part in ("NAME", "EMAIL")
    }
    fixed = {
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "PATH": os.environ["PATH"],
    }
    result = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=identity | fixed,
        check=True,
        capture_output=True,
        text=True,
    )
    return result.stdout.strip()


@pytest.fixture
def repos(tmp_path: Path) -> Path:
    folder = tmp_path / "repos/octo__shop"
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=trunk")
    for number in (1, 2, 3):
        (folder / "x.py").write_text(f"{number}\n")
        git(folder, "add", "x.py")
        git(folder, "commit", "--quiet", "-m", f"number {number}")
        git(folder, "tag", f"v{number}")
    return tmp_path / "repos"


def fields(**more: object) -> dict[str, object]:
    return {
        "instance_id": "octo__shop-1",
        "repo": "octo/shop",
        "base_commit": "0" * 40,
        "problem_statement": "",
        "patch": "",
    } | more


def test_lists_are_read_as_lists_and_as_json_in_a_string(tmp_path: Path) -> None:
    file = tmp_path / "instances.jsonl"
    rows = [
        fields(FAIL_TO_PASS=["a::b"], PASS_TO_PASS=[]),
        fields(FAIL_TO_PASS='["a::b"]'),
        fields(),
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [instance.fail_to_pass for instance in read_instances(file)] == [
        ("a::b",),
        ("a::b",),
        (),
    ]


def test_entries_that_are_not_tests_are_separated() -> None:
    instance = Instance.read(fields(FAIL_TO_PASS=["t.py::a"], PASS_TO_PASS=["[100%]", "t.py::b[x"]))
    assert (instance.fail_to_pass, instance.pass_to_pass, instance.no_tests) == (
        ("t.py::a",),
        ("t.py::b[x",),
        ("[100%]",),
    )


def test_the_first_line_of_the_problem_is_the_title() -> None:
    instance = Instance.read(fields(problem_statement="It breaks\r\n\r\nWhen I call it.\n"))
    assert (instance.title, instance.body) == ("It breaks", "When I call it.")


def test_the_repository_ends_at_the_base_commit(repos: Path, tmp_path: Path) -> None:
    source = find_source(repos, "octo/shop")
    assert source is not None
    base = git(source, "rev-parse", "v2")
    before = sorted((source / ".git/objects").rglob("*"))
    mirror = make_repository(source, base, tmp_path / "small/shop")
    assert git(mirror.folder, "symbolic-ref", "HEAD") == "refs/heads/main"
    assert git(mirror.folder, "log", "--all", "--format=%s").splitlines() == [
        "number 2",
        "number 1",
    ]
    assert mirror.describe("main") == f"v2-0-g{base[:7]}"
    written = mirror.write_tree(base, {"x.py": b"4\n", "new/y.py": b"5\n"})
    assert read_changes(mirror, base, written) == {"new/y.py": b"5\n", "x.py": b"4\n"}
    assert read_changes(mirror, written, base) == {"new/y.py": None, "x.py": b"2\n"}
    assert sorted((source / ".git/objects").rglob("*")) == before


def test_what_the_source_lacks_is_left_out(repos: Path, tmp_path: Path) -> None:
    source = find_source(repos, "octo/shop")
    assert source is not None
    (source / "y.py").write_text("large\n")
    git(source, "add", "y.py")
    git(source, "commit", "--quiet", "-m", "a large file")
    large = git(source, "rev-parse", "HEAD:y.py")
    (source / ".git/objects" / large[:2] / large[2:]).unlink()
    base = git(source, "rev-parse", "HEAD")
    lacking = git(source, "rev-parse", "v1:x.py")
    (source / ".git/objects" / lacking[:2] / lacking[2:]).unlink()
    mirror = make_repository(source, base, tmp_path / "small/shop")
    assert lacking not in git(mirror.folder, "rev-list", "--objects", "--all")
    assert git(mirror.folder, "ls-tree", "--name-only", "main") == "x.py"
    assert mirror.commit_time("main") == mirror.commit_time(base)
    assert (mirror.describe("main") or "").startswith("v3-1-g")


def test_an_unfit_instance_has_a_reason(repos: Path) -> None:
    listed = {"FAIL_TO_PASS": ["a::b"]}
    base = git(repos / "octo__shop", "rev-parse", "v1")
    assert why_unfit(Instance.read(fields()), repos) == "no FAIL_TO_PASS"
    assert (
        why_unfit(Instance.read(fields(repo="octo/other", **listed)), repos)
        == "no repository octo/other"
    )
    assert why_unfit(Instance.read(fields(**listed)), repos) == "octo/shop lacks the base commit"
    assert why_unfit(Instance.read(fields(base_commit=base, **listed)), repos) is None


def test_a_sample_has_a_share_of_each_repository() -> None:
    fields = {"base_commit": "", "problem_statement": "", "patch": ""}
    instances = [
        Instance.read(fields | {"instance_id": f"{repo}-{number}", "repo": repo})
        for repo, count in (("octo/shop", 20), ("octo/rare", 1), ("octo/till", 9))
        for number in range(count)
    ]
    sample = [instance.instance_id for instance in sample_instances(instances, 6)]
    assert sample == [
        "octo/shop-2",
        "octo/shop-7",
        "octo/shop-12",
        "octo/shop-17",
        "octo/rare-0",
        "octo/till-2",
        "octo/till-6",
    ]
    assert sample_instances(instances, None) == sample_instances(instances, 30) == instances
