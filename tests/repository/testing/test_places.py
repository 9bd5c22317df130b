"""A result's id leads to the file of its test."""

import pytest

from repository.testing.places import TestPlaces

PATHS = (
    "test_calc.py",
    "tests/test_calc.py",
    "tests/auth_tests/test_forms.py",
    "libs/half/tests/test_half.py",
    "web/cart.test.js",
    "src/test/java/com/x/CartTest.java",
)


@pytest.mark.parametrize(
    ("test", "file"),
    [
        ("test_calc.TestCalc::test_add", "test_calc.py"),
        ("tests.test_calc::test_add[1.5::2]", "tests/test_calc.py"),
        ("::tests.test_calc", "tests/test_calc.py"),
        ("auth_tests.test_forms.TestLogin::test_login", "tests/auth_tests/test_forms.py"),
        ("libs/half/tests.test_half.TestHalf::test_x", "libs/half/tests/test_half.py"),
        ("web/cart.test.js::cart > adds", "web/cart.test.js"),
        ("com.x.CartTest::adds", "src/test/java/com/x/CartTest.java"),
    ],
)
def test_a_test_is_in_the_file_that_its_id_names(test: str, file: str) -> None:
    places = TestPlaces(PATHS)
    assert places.files_of(test) == [file]
    assert places.all_files_of([test]) == [file]


def test_without_the_file_of_one_test_none_is_known() -> None:
    places = TestPlaces(PATHS)
    assert places.all_files_of(["test_calc::a", "example.com/m::TestAdd"]) is None


def test_only_a_whole_path_puts_a_test_into_a_file_that_a_change_writes() -> None:
    own = TestPlaces(["tests/test_calc.py"])
    assert own.contain("tests.test_calc::test_add")
    assert not own.contain("test_calc.TestCalc::test_add")
