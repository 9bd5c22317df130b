"""Reports of go, cargo and JavaScript, which a hostile repository may have written."""

import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repository.testing import ecosystems
from repository.testing.run.reports.cargo import read_cargo
from repository.testing.run.reports.go import read_go
from repository.testing.run.reports.junit import read_junit
from repository.testing.run.reports.node import read_node
from repository.testing.run.reports.results import UnreadableReport

GO = """{"Action":"start","Package":"x/a"}
{"Action":"output","Package":"x/a","Test":"TestA","Output":"    a_test.go:7: want 3\\n"}
{"Action":"fail","Package":"x/a","Test":"TestA","Elapsed":0}
{"Action":"pass","Package":"x/a","Test":"TestA/zero"}
{"Action":"skip","Package":"x/a","Test":"TestB"}
{"Action":"fail","Package":"x/a"}
not json
{"Action":"output","Package":"x/b","Output":"undefined: Gone\\n"}
{"Action":"fail","Package":"x/b"}
"""
CARGO = """   Compiling calc v0.1.0 (/tree)
     Running unittests src/lib.rs (target/debug/deps/calc-1)
@@ package one

running 2 tests
test tests::zero ... ok
test tests::slow ... ignored, takes long

test result: ok. 1 passed; 0 failed; 1 ignored
@@ exit 0
@@ end
     Running tests/it.rs (target/debug/deps/it-2)
@@ package two

running 2 tests
test adds ... FAILED
test breaks - should panic ... ok

failures:

---- adds stdout ----
thread 'adds' panicked at tests/it.rs:2:11:
test fake ... ok
failures:
test fake ... ok

failures:
    adds

test result: FAILED. 1 passed; 1 failed
@@ exit 101
@@ end
     Running unittests src/lib.rs (target/debug/deps/calc-3)
@@ package two

running 1 test
test tests::zero ... FAILED
test result: FAILED. 0 passed; 1 failed
@@ exit 101
@@ end
   Doc-tests one

running 2 tests
test one/src/lib.rs - add (line 9) ... FAILED
test one/src/lib.rs - add (line 3) ... ok
"""
CRASHES = """     Running unittests src/lib.rs (target/debug/deps/calc-1)
@@ package @@

running 2 tests
test quick ... ok
@@ crashed

running 1 test
test quick ... ok
test result: ok.

running 1 test
test aborts ... FAILED
---- aborts stdout ----
stack overflow
error: could not compile `what the test tried`
@@ exit 134
@@ end
     Running tests/hangs.rs (target/debug/deps/hangs-1)
@@ package one

running 2 tests
test quick ... ok
@@ exit 124
@@ end
     Running tests/own_harness.rs (target/debug/deps/own_harness-1)
@@ package one
all is well
@@ exit 0
@@ end
error[E0308]: mismatched types
error: could not compile `two` (lib test) due to 1 previous error
error: could not compile `two` (test "it") due to 2 previous errors
error: could not compile `not-a-member`
error: could not compile `a-c` (lib)
@@ member two crates/two
@@ member a-c @@
     Running tests/killed.rs (target/debug/deps/killed-1)
@@ package one
running 2 tests
test quick ... ok
""".replace(" @@", " ")


def test_a_go_package_that_did_not_build_could_not_be_loaded() -> None:
    results, failures, _ = read_go(GO.encode())
    assert results == {
        "x/a::TestA": "failed",
        "x/a::TestA/zero": "passed",
        "x/a::TestB": "skipped",
        "::x/b": "error",
    }
    assert failures == {"x/a::TestA": "    a_test.go:7: want 3\n", "::x/b": "undefined: Gone\n"}


def test_a_go_package_without_an_event_of_its_build_could_not_be_loaded() -> None:
    """As before Go 1.24."""
    text = "FAIL\tx/d [build failed]\n# x/d [x/d.test]\nd_test.go:3:29: undefined: foo\n"
    results, failures, _ = read_go(text.encode())
    assert results == {"::x/d": "error"}
    assert failures == {"::x/d": "d_test.go:3:29: undefined: foo\n"}


def test_a_go_test_that_prints_before_its_result_has_one() -> None:
    """As before Go 1.20."""
    event = {"Action": "output", "Package": "x", "Test": "TestA"}
    line = json.dumps({**event, "Output": "no newline--- PASS: TestA (0.00s)\n"})
    assert read_go(line.encode())[0] == {"x::TestA": "passed"}


@pytest.mark.parametrize(
    ("running", "results"),
    [
        (["TestB", "TestB/slow"], {"TestA": "passed", "TestB": "failed", "TestB/slow": "failed"}),
        (["TestB", "TestC"], {}),
    ],
)
def test_a_go_test_that_was_stopped_failed_and_several_say_nothing(
    running: list[str], results: dict[str, str]
) -> None:
    events = [{"Action": "pass", "Test": "TestA"}]
    events += [{"Action": "run", "Test": test} for test in running]
    events.append({"Action": "fail"})
    lines = [json.dumps({**event, "Package": "x"}) for event in events]
    expected = {f"x::{test}": status for test, status in results.items()}
    assert read_go("\n".join(lines).encode())[0] == (expected or {"::x": "error"})


def test_cargo_ids_name_the_package_and_the_target_and_no_line() -> None:
    results, failures, _ = read_cargo(CARGO)
    assert results == {
        "one/src/lib.rs::tests::zero": "passed",
        "one/src/lib.rs::tests::slow": "skipped",
        "two/tests/it.rs::adds": "failed",
        "two/tests/it.rs::breaks": "passed",
        "two/src/lib.rs::tests::zero": "failed",
        "doc-tests one::one/src/lib.rs - add": "failed",
    }
    assert failures["two/tests/it.rs::adds"].startswith("thread 'adds' panicked")


def test_a_cargo_target_that_crashed_hung_or_did_not_compile_is_an_error() -> None:
    results, failures, _ = read_cargo(CRASHES)
    assert results == {
        "src/lib.rs::quick": "passed",
        "src/lib.rs::aborts": "failed",
        "::one/tests/hangs.rs": "error",
        "one/tests/own_harness.rs::main": "passed",
        "::crates/two/src/lib": "error",
        "::crates/two/tests/it": "error",
        "::not-a-member": "error",
        "::src": "error",
        "::tests": "error",
        "::doc-tests a_c": "error",
    }
    assert failures["src/lib.rs::aborts"].startswith("stack overflow\n")
    assert "mismatched types" in failures["::crates/two/src/lib"]


NODE = """{"file":"/w/tree/a.test.js","titles":["calc","adds"],"status":"failed","message":"want 3"}
{"file":"/w/tree/a.test.js","titles":["calc","adds"],"status":"passed"}
{"file":"/w/tree/a.test.js","titles":["calc","later"],"status":"todo"}
{"file":"/w/tree/b.test.js","titles":[],"status":"error","message":"SyntaxError"}
{"end":true}
{"unfinished":"mocha"}
"""


def test_ids_of_javascript_are_made_of_file_and_titles() -> None:
    results, failures, _ = read_node(NODE.encode(), "/w/tree/")
    assert results == {
        "a.test.js::calc > adds": "failed",
        "a.test.js::calc > later": "skipped",
        "::b.test.js": "error",
        "::mocha ended early": "error",
    }
    assert failures["a.test.js::calc > adds"] == "want 3\n"
    assert failures["::b.test.js"] == "SyntaxError\n"


KEYS = (
    "file",
    "titles",
    "status",
    "message",
    "unfinished",
    "Action",
    "Test",
    "Package",
    "Output",
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=12,
)


def test_half_of_a_surrogate_pair_in_a_report_can_be_stored() -> None:
    line = b'{"file": "a.js", "titles": ["\\ud800"], "status": "failed", "message": "\\ud801"}'
    results, failures, _ = read_node(line, "")
    assert results == {"a.js::\\ud800": "failed"}
    assert failures == {"a.js::\\ud800": "\\ud801\n"}


@settings(deadline=None, max_examples=80)
@given(JSON, st.text(max_size=60))
def test_no_output_breaks_a_reader(document: object, text: str) -> None:
    data = f"{json.dumps(document)}\n{text}".encode()
    for read in (read_go, lambda data: read_node(data, ""), lambda data: read_cargo(data.decode())):
        try:
            results, failures, _ = read(data)
        except UnreadableReport:
            continue
        assert failures.keys() <= results.keys()


def test_java_reports_name_their_modules_whatever_these_are_called(tmp_path: Path) -> None:
    reports = tmp_path / 'R&D "x" <y' / "target/surefire-reports"
    reports.mkdir(parents=True)
    (reports / "TEST-a.xml").write_text(
        '<?xml version="1.0"?><testsuite><testcase classname="A" name="a"/></testsuite>'
    )
    functions = (Path(ecosystems.__file__).parent / "java_reports.sh").read_text()
    line = f"REPORT_FOLDERS='*/target/surefire-reports'\n{functions}\njoin_reports 'b & c\nd'"
    output = subprocess.run(["/bin/sh", "-c", line], cwd=tmp_path, check=True, capture_output=True)
    assert read_junit(output.stdout).statuses == {
        'R&D "x" <y/A::a': "passed",
        "::b & c": "error",
        "::d": "error",
    }
