"""SWE-bench's names of tests, in all their forms, among the ids of a report."""

import pytest

from benchmarks.ids import TestFinder, files_of, index_docstrings, junit_id


def test_ids_are_found_by_module_class_and_parameters() -> None:
    finder = TestFinder(
        {"testing.test_x.TestA::test_b[c::d.e-1]": "passed", "test_x::test_y": "failed"}
    )
    assert finder.status("testing/test_x.py::TestA::test_b[c::d.e-1]") == "passed"
    assert finder.status("test_x.py::test_y") == "failed"
    assert finder.status("test_x.py::test_z") is None


def test_ids_of_old_pytests_are_found() -> None:
    finder = TestFinder({"tests.test_x.TestA.test_b[http://fe80::1-Bad]": "passed"})
    assert finder.status("tests/test_x.py::TestA::test_b[http://fe80::1-Bad]") == "passed"


def test_an_id_cut_at_a_space_means_every_id_with_that_prefix() -> None:
    finder = TestFinder(
        {"t::test_a[x y]": "passed", "t::test_a[x z]": "failed", "t::test_a[xx y]": "error"}
    )
    assert finder.status("t.py::test_a[x") == "failed"
    assert finder.status("t.py::test_a[xx") == "error"
    assert finder.status("t.py::test_a") is None


def test_unittests_names_are_found_below_any_folder() -> None:
    finder = TestFinder(
        {"auth.test_x.ATests::test_a": "passed", "tests.auth.test_y.BTests::test_a": "failed"}
    )
    assert finder.status("test_a (auth.test_x.ATests)") == "passed"
    assert finder.status("test_a (auth.test_y.BTests)") == "failed"
    assert finder.status("test_a (auth.test_y.BTests.test_a)") == "failed"
    assert finder.status("test_a (h.test_x.ATests)") is None


def test_a_bare_name_matches_functions_with_that_name() -> None:
    finder = TestFinder(
        {"core.tests.test_x::test_a": "passed", "core.tests.test_y::test_a[1]": "failed"}
    )
    assert finder.status("test_a") == "failed"
    assert finder.status("test_b") is None


def test_a_docstrings_first_line_matches_its_test() -> None:
    source = (
        'class T:\n    def test_a(self):\n        """\n        It adds\n        up.\n        """\n'
    )
    finder = TestFinder(
        {"m.T::test_a": "passed", "m.Other::test_a": "failed"},
        index_docstrings([source, "not python ("]),
    )
    assert finder.status("It adds") == "passed"
    assert finder.status("It") is None
    inherited = TestFinder(
        {"m.B::test_a": "passed", "m.C::test_a": "failed"}, index_docstrings([source])
    )
    assert inherited.status("It adds") == "failed"


def test_files_are_found_by_path_and_by_module() -> None:
    paths = ["tests/auth/test_x.py", "tests/shop/tests.py", "tests/pkg/__init__.py", "a/test_z.py"]
    listed = [
        "test_a (auth.test_x.ATests)",
        "test_b (shop.tests.B)",
        "test_c (pkg.C)",
        "a/test_z.py::t",
        "Some words",
        "b.py::x",
    ]
    assert files_of(listed, paths) == [
        "tests/auth/test_x.py",
        "tests/shop/tests.py",
        "tests/pkg/__init__.py",
        "a/test_z.py",
    ]


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ("testing/test_x.py::TestA::test_b[c::d/e.py]", "testing.test_x.TestA::test_b[c::d/e.py]"),
        ("test_x.py::test_b", "test_x::test_b"),
        ("a/test_x.py::A::B::test_c", "a.test_x.A.B::test_c"),
    ],
)
def test_a_node_id_is_mapped_to_the_id_of_reports(node: str, expected: str) -> None:
    assert junit_id(node) == expected
