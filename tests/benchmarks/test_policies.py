"""Measuring how the policies of repositories are read."""

from pathlib import Path

import yaml

from benchmarks.policies import CASES, Cases, measure, summarize
from tests.stand_ins.github.world import git


def make_repository(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet")
    for name, text in files.items():
        (folder / name).write_text(text)
    git(folder, "add", ".")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "Begin")


def test_found_and_refused_are_shares_of_the_repositories_that_are_there(tmp_path: Path) -> None:
    ban = {"CONTRIBUTING.md": "AI-generated pull requests are not accepted.\n"}
    make_repository(tmp_path / "octo__found", ban)
    make_repository(tmp_path / "octo__missed", {"CONTRIBUTING.md": "Welcome!\n"})
    make_repository(tmp_path / "octo__refused", ban)
    cases = Cases(forbids=("octo/found", "octo/missed", "octo/absent"), permits=("octo/refused",))
    rows = measure(cases, tmp_path)
    assert [(row.repo, row.is_right) for row in rows] == [
        ("octo/found", True),
        ("octo/missed", False),
        ("octo/refused", False),
    ]
    assert summarize(rows) == {"forbidding": 2, "permitting": 1, "found": 0.5, "refused": 1}


def test_each_repository_of_the_cases_is_on_one_side() -> None:
    cases = Cases.model_validate(yaml.safe_load(CASES.read_text()))
    assert not set(cases.forbids) & set(cases.permits)
