"""The verbose output of a repository's own test script."""

from repository.testing.run.reports.lines import read_lines


def test_a_scripts_verbose_lines_are_read() -> None:
    output = (
        "sympy/core/tests/test_basic.py[3] \ntest_structure ok\nchatter\ntest_equality F\ntest_has"
        " f      [FAIL]\n"
    )
    output += "test_fix (shop.tests.CartTests) ... ok\ntest_b (shop.tests.CartTests) ... ERROR\n"
    assert read_lines(output) == {
        "sympy.core.tests.test_basic::test_structure": "passed",
        "sympy.core.tests.test_basic::test_equality": "failed",
        "sympy.core.tests.test_basic::test_has": "skipped",
        "shop.tests.CartTests::test_fix": "passed",
        "shop.tests.CartTests::test_b": "error",
    }
