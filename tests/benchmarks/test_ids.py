"""SWE-bench's names of tests, in all their forms, among the ids of a report."""

from benchmarks.ids import Found, described, files_of


def test_ids_are_found_by_module_class_and_parameters() -> None:
    found = Found({"testing.test_x.TestA::test_b[c::d.e-1]": "passed", "test_x::test_y": "failed"})
    assert found.status("testing/test_x.py::TestA::test_b[c::d.e-1]") == "passed"
    assert found.status("test_x.py::test_y") == "failed"
    assert found.status("test_x.py::test_z") is None


def test_ids_as_old_pytests_report_them_are_found() -> None:
    found = Found({"tests.test_x.TestA.test_b[http://fe80::1-Bad]": "passed"})
    assert found.status("tests/test_x.py::TestA::test_b[http://fe80::1-Bad]") == "passed"


def test_an_id_that_was_cut_at_a_space_stands_for_all_that_begin_so() -> None:
    found = Found(
        {"t::test_a[x y]": "passed", "t::test_a[x z]": "failed", "t::test_a[xx y]": "error"}
    )
    assert found.status("t.py::test_a[x") == "failed"
    assert found.status("t.py::test_a[xx") == "error"
    assert found.status("t.py::test_a") is None


def test_unittests_names_are_found_whatever_folders_stand_before_the_module() -> None:
    found = Found(
        {"auth.test_x.ATests::test_a": "passed", "tests.auth.test_y.BTests::test_a": "failed"}
    )
    assert found.status("test_a (auth.test_x.ATests)") == "passed"
    assert found.status("test_a (auth.test_y.BTests)") == "failed"
    assert found.status("test_a (auth.test_y.BTests.test_a)") == "failed"
    assert found.status("test_a (h.test_x.ATests)") is None


def test_a_bare_name_stands_for_the_functions_of_that_name() -> None:
    found = Found({"core.tests.test_x::test_a": "passed", "core.tests.test_y::test_a[1]": "failed"})
    assert found.status("test_a") == "failed"
    assert found.status("test_b") is None


def test_a_docstrings_first_line_stands_for_its_test() -> None:
    source = (
        'class T:\n    def test_a(self):\n        """\n        It adds\n        up.\n        """\n'
    )
    found = Found(
        {"m.T::test_a": "passed", "m.Other::test_a": "failed"}, described([source, "not python ("])
    )
    assert found.status("It adds") == "passed"
    assert found.status("It") is None
    inherited = Found({"m.B::test_a": "passed", "m.C::test_a": "failed"}, described([source]))
    assert inherited.status("It adds") == "failed"


def test_the_files_of_names_are_found_by_path_and_by_module() -> None:
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
