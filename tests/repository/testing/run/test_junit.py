"""JUnit XML, which a hostile repository may have written."""

from hypothesis import given, settings
from hypothesis import strategies as st

from repository.testing.run.reports.junit import read_junit
from repository.testing.run.reports.results import UnreadableReport


def test_of_two_entries_for_a_test_the_worse_counts() -> None:
    xml = (
        b'<testsuite><testcase classname="m" name="a"/><testcase classname="m" name="a"><error'
        b' message="boom">tail</error></testcase><testcase classname="m" name="s"><skipped'
        b' message="no"/></testcase><testcase classname="m" name="f"><failure message="1 !='
        b' 2">trace</failure></testcase></testsuite>'
    )
    results, failures, _ = read_junit(xml)
    assert results == {"m::a": "error", "m::s": "skipped", "m::f": "failed"}
    assert failures == {"m::a": "boom\ntail", "m::f": "1 != 2\ntrace"}


def test_suites_replace_the_class_name_that_node_does_not_report() -> None:
    xml = b"""<testsuites>
    <testsuite name="test/a.js">
      <testcase name="top" classname="test"/>
      <testsuite name="deep">
        <testcase name="x" classname="test"><failure message="1 == 2"/></testcase>
      </testsuite>
    </testsuite>
    </testsuites>"""
    assert read_junit(xml)[0] == {"test/a.js::top": "passed", "test/a.js > deep::x": "failed"}


def test_suites_in_suites_are_read_quickly() -> None:
    number = 100_000
    case = b'<testcase name="x" classname="test"/>'
    xml = b'<testsuite name="a">' * number + case + b"</testsuite>" * number
    (test,) = read_junit(xml).statuses
    assert test.endswith("a > a::x")


def test_a_long_name_of_a_suite_is_not_repeated_for_each_test() -> None:
    cases = '<testcase classname="test" name="x"/>' * 20_000
    report = f'<testsuite name="{"a" * 2_000_000}">{cases}</testsuite>'
    assert list(read_junit(report.encode()).statuses) == ["a" * 1_000]


@settings(deadline=None, max_examples=100)
@given(
    st.one_of(
        st.binary(max_size=100), st.text("<>/testcase &;![]\"'=na", max_size=100).map(str.encode)
    )
)
def test_no_report_breaks_the_reader(data: bytes) -> None:
    try:
        results, failures, _ = read_junit(data)
    except UnreadableReport:
        return
    assert failures.keys() <= results.keys()


def test_modules_of_a_build_may_have_tests_of_one_name() -> None:
    """As our scripts join the reports of Maven and Gradle."""
    case = '<testsuite name="x.ATest"><testcase classname="x.ATest" name="adds"/></testsuite>'
    modules = [f'<testsuites module="{name}">{case}</testsuites>' for name in ("", "core", "web")]
    broken = '<testcase name="cli"><error message="it could not be built or tested"/></testcase>'
    document = f"<testsuites>{''.join(modules)}{broken}</testsuites>"
    assert read_junit(document.encode()).statuses == {
        "x.ATest::adds": "passed",
        "core/x.ATest::adds": "passed",
        "web/x.ATest::adds": "passed",
        "::cli": "error",
    }
