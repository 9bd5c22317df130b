"""Paths and the patterns of JavaScript's tools."""

import pytest

from repository.testing.path_patterns import path_matches


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("packages/*", "packages/a", True),
        ("packages/*", "packages/a/b", False),
        ("packages/**", "packages/a/b", True),
        ("test/**", "test/a.js", True),
        ("test/**/*.js", "test/a.js", True),
        ("**/test/*.{js,ts}", "a/b/test/c.ts", True),
        ("**/test/*.{js,ts}", "a/b/test/c.py", False),
        ("{test,src/a}/*.js", "src/a/b.js", True),
        ("a[b", "a[b", True),
        ("*a" * 100 + "x", "a" * 200, False),
        ("**/" * 90 + "x", "a/" * 90 + "b", False),
        ("{a,b}" * 60, "a" * 60, True),
    ],
)
def test_a_path_matches_a_pattern(pattern: str, path: str, matches: bool) -> None:
    assert path_matches(path, pattern) is matches
