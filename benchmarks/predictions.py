"""Changes in the form that SWE-bench's evaluation reads."""

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict

from benchmarks.instances import Instance, read_changes
from benchmarks.solve_rows import Row
from repository.files import looks_like_test
from repository.git import Mirror


class Prediction(BaseModel):
    """A line of a predictions file (SWE-bench, docs/guides/evaluation.md)."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    instance_id: str
    model_name_or_path: str
    model_patch: str
    """Empty if there is no change; SWE-bench counts it as not resolved."""


def predictions(rows: Iterable[Row], *, name: str, tests: bool) -> list[Prediction]:
    """Return the predictions of the finished instances.

    Args:
        rows: the instances' results.
        name: what the predictions are listed under.
        tests: whether they contain changes to tests.
    """
    result: list[Prediction] = []
    for row in rows:
        patch = row.model_patch if tests else row.model_patch_without_tests
        result.append(
            Prediction(
                instance_id=row.instance_id, model_name_or_path=name, model_patch=patch or ""
            )
        )
    return result


def without_tests(patch: str, instance: Instance, repository: Mirror) -> str:
    """Return the part of a change that touches neither files that look like tests nor files of the
    instance's own test patch.

    Raises:
        GitError: the change does not apply to the base commit.
    """
    base = instance.base_commit
    tree = repository.apply(base, patch.encode(errors="surrogateescape"))
    tests_tree = repository.apply(base, instance.test_patch.encode())
    of_test_patch = read_changes(repository, base, tests_tree)
    paths: list[str] = []
    for path in read_changes(repository, base, tree):
        if path not in of_test_patch and not looks_like_test(path):
            paths.append(path)
    if not paths:
        return ""
    return repository.diff(base, tree, paths).decode(errors="replace")
