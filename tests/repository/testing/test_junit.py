"""JUnit reports and a script's lines become results."""

from hypothesis import given, settings
from hypothesis import strategies as st

from repository.testing.run.reports.junit import read_junit
from repository.testing.run.reports.lines import read_lines
from repository.testing.run.reports.results import UnreadableReport


def test_a_test_told_of_twice_counts_at_its_worst():
    xml = (
        b'<testsuite><testcase classname="m" name="a"/><testcase classname="m" name="a"><error'
        b' message="boom">tail</error></testcase><testcase classname="m" name="s"><skipped'
        b' message="no"/></testcase><testcase classname="m" name="f"><failure message="1 !='
        b' 2">trace</failure></testcase></testsuite>'
    )
    results, failures = read_junit(xml)
    assert results == {"m::a": "error", "m::s": "skipped", "m::f": "failed"}
    assert failures == {"m::a": "boom\ntail", "m::f": "1 != 2\ntrace"}


def test_suites_stand_for_the_class_that_nodes_own_runner_does_not_name():
    xml = b"""<testsuites><testsuite name="test/a.js"><testcase name="top" classname="test"/><testsuite name="deep">
    <testcase name="x" classname="test"><failure message="1 == 2"/></testcase></testsuite></testsuite></testsuites>"""
    assert read_junit(xml)[0] == {"test/a.js::top": "passed", "test/a.js > deep::x": "failed"}


def test_a_scripts_verbose_lines_are_read_whatever_else_is_printed():
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


@settings(deadline=None, max_examples=100)
@given(
    st.one_of(
        st.binary(max_size=100), st.text("<>/testcase &;![]\"'=na", max_size=100).map(str.encode)
    )
)
def test_no_report_breaks_the_reader(data: bytes):
    try:
        results, failures = read_junit(data)
    except UnreadableReport:
        return
    assert failures.keys() <= results.keys()
