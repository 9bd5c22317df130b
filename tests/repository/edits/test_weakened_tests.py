"""The pull request names tests that a change weakens."""

import pytest

from tests.repository.edits.applying import apply_to_bytes, block

OLD = """import pytest


def test_a():
    assert f() == 1
    assert g() == 2


def test_b():
    with pytest.raises(ValueError):
        f(2)
"""


@pytest.mark.parametrize(
    ("search", "replace", "notice"),
    [
        ("    assert g() == 2\n", "", "fewer assertions in test_a"),
        ("def test_b():\n", "def check_b():\n", "1 test removed or renamed (test_b)"),
        ("def test_b():\n", '@pytest.mark.skip("flaky")\ndef test_b():\n', None),
        (
            "    assert f() == 1\n",
            "    pytest.skip()\n    assert f() == 1\n",
            "now skipped or expected to fail: test_a",
        ),
        ("import pytest\n", "import pytest\n\npytestmark = pytest.mark.xfail\n", "the module"),
    ],
)
def test_a_weakened_test_is_named(search, replace, notice):
    (notice,) = apply_to_bytes(
        block("tests/test_x.py", search, replace), {"tests/test_x.py": OLD.encode()}
    ).notices
    assert (notice or "now skipped or expected to fail: test_b") in notice


def test_added_and_corrected_tests_need_no_notice():
    reply = block(
        "tests/test_x.py", "    assert f() == 1\n", "    assert f() == 3\n    assert h()\n"
    )
    reply += block(
        "tests/test_x.py", "def test_b():\n", "def test_c():\n    assert 1\n\n\ndef test_b():\n"
    )
    assert apply_to_bytes(reply, {"tests/test_x.py": OLD.encode()}).notices == ()


def test_tests_of_other_languages_are_compared_by_their_lines():
    spec = b"it('a', () => {\n  expect(a).toBe(1);\n});\n"
    reply = block("web/a.test.js", "  expect(a).toBe(1);\n", "  a;\n")
    assert apply_to_bytes(reply, {"web/a.test.js": spec}).notices == (
        "`web/a.test.js`: 1 line with assertions removed",
    )
    deletion = "*** Begin Patch\n*** Delete File: web/a.test.js\n*** End Patch\n"
    assert apply_to_bytes(deletion, {"web/a.test.js": spec}).notices == (
        "`web/a.test.js` is removed",
    )
