"""Each project's tests run in its own folder, and their ids name it."""

import pytest

from repository.testing.models import is_load_error
from repository.testing.run.project_folders import add_folder, folders_below, group_by_folder
from repository.testing.run.reports.results import ReportResults


def test_a_test_belongs_to_the_deepest_project_that_contains_it() -> None:
    folders = ("", "libs/core", "libs")
    tests = ["tests/test_a.py", "libs/core/tests/test_b.py::test_x", "libs/test_c.py", "libs/core"]
    assert group_by_folder(folders, tests) == {
        "": ["tests/test_a.py"],
        "libs/core": ["tests/test_b.py::test_x", "."],
        "libs": ["test_c.py"],
    }


def test_tests_outside_of_all_projects_are_none_and_not_all() -> None:
    assert group_by_folder(("libs/a",), ["libs/b/test_b.py"]) == {}


def test_a_folder_with_a_similar_name_contains_nothing_of_a_project() -> None:
    assert group_by_folder(("lib", ""), ["libs/test_a.py"]) == {"": ["libs/test_a.py"]}


def test_without_chosen_tests_every_project_runs_all_of_its_own() -> None:
    assert group_by_folder(("", "libs/a"), []) == {"": [], "libs/a": []}
    assert folders_below(("", "libs", "libs/a"), "") == ["libs", "libs/a"]
    assert folders_below(("", "libs", "libs/a"), "libs") == ["a"]


def test_ids_name_the_project_except_in_the_root() -> None:
    results = ReportResults({"tests.test_a::test_x": "failed"}, {"tests.test_a::test_x": "boom"})
    assert add_folder(results, "") == results
    assert add_folder(results, "libs/a") == ReportResults(
        {"libs/a/tests.test_a::test_x": "failed"}, {"libs/a/tests.test_a::test_x": "boom"}
    )


@pytest.mark.parametrize("test", ["::tests/test_a.py", "unittest.loader._FailedTest::test_a"])
def test_a_file_that_did_not_load_is_known_as_such_in_each_project(test: str) -> None:
    results = add_folder(ReportResults({test: "error"}, {}), "libs/a")
    assert all(is_load_error(qualified) for qualified in results.statuses)
