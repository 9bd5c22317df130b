"""Classification of files by path."""

import pytest

from repository.files import (
    Kind,
    belongs_to_tests,
    is_test_file,
    kind_of,
    looks_like_test,
    matches,
    may_hold_tests,
)

PATTERNS = ("test_*.py", "*_test.py")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("src/shop/cart.py", Kind.SOURCE),
        ("django/test/client.py", Kind.SOURCE),
        ("src/contest.py", Kind.SOURCE),
        ("testing/acceptance.py", Kind.TEST),
        ("src/test/java/CartTest.java", Kind.TEST),
        ("pkg/cart_test.go", Kind.TEST),
        ("web/cart.spec.ts", Kind.TEST),
        ("shop/tests/helpers.py", Kind.TEST),
        ("docs/usage.rst", Kind.DOCS),
        ("Makefile", Kind.OTHER),
        ("web/node_modules/x/index.js", None),
        ("static/jquery.min.js", None),
        ("logo.png", None),
    ],
)
def test_kind_follows_from_the_path(path: str, kind: Kind | None) -> None:
    assert kind_of(path) is kind


@pytest.mark.parametrize(
    ("path", "of_tests", "test_file"),
    [
        ("tests/data/x.json", True, False),
        ("Tests/helper.py", True, False),
        ("web/specs/cart.rb", True, False),
        ("src/testing_tools.py", False, False),
        ("conftest.py", True, False),
        ("shop/no_conftest.py", False, False),
        ("django/test/client.py", False, False),
        ("numpy/testing/utils.py", False, False),
        ("testing/helper.py", True, False),
        ("src/test/java/Help.java", True, False),
        ("pkg/test_x.py", True, True),
        ("tests/__init__.py", True, False),
        ("contest.py", False, False),
    ],
)
def test_helpers_and_data_belong_to_tests_but_are_not_test_files(
    path: str, of_tests: bool, test_file: bool
) -> None:
    assert belongs_to_tests(path, PATTERNS) is of_tests
    assert is_test_file(path, PATTERNS) is test_file


@pytest.mark.parametrize(
    ("path", "by_convention", "possible"),
    [
        ("shop/test_cart.py", True, True),
        ("packages/cart/test/index.js", False, True),
        ("commands/test.py", False, True),
        ("CartSpec.scala", False, True),
        ("shop/cart.py", False, False),
        ("shop/contest.py", False, False),
    ],
)
def test_files_with_ambiguous_names_may_hold_tests(
    path: str, by_convention: bool, possible: bool
) -> None:
    assert looks_like_test(path) is by_convention
    assert may_hold_tests(path) is possible


def test_fixtures_of_javascript_are_no_tests_but_belong_to_them() -> None:
    patterns = ("test/*.js", "test/*.ts")
    for path in ("p/test/fixtures/a.js", "p/test/types.d.ts", "p/test/helpers/run.js"):
        assert not is_test_file(path, patterns)
        assert belongs_to_tests(path, patterns)
    assert is_test_file("p/test/fixtures/a.test.js", patterns)
    assert not belongs_to_tests("p/src/helpers/run.js", patterns)


def test_pattern_with_a_slash_matches_the_end_of_the_path() -> None:
    patterns = ("check_*.py", "testing/*/*.py")
    assert matches("a/check_x.py", patterns)
    assert matches("a/testing/python/raises.py", patterns)
    assert not matches("testing/raises.py", patterns)
    assert not matches("check_x.py", ())
