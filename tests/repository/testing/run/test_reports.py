"""Reports of go, jest and cargo, which a hostile repository may have written."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from repository.testing.run.reports.cargo import read_cargo
from repository.testing.run.reports.go import read_go
from repository.testing.run.reports.jest import read_jest
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

running 2 tests
test tests::zero ... ok
test tests::slow ... ignored, takes long

     Running tests/it.rs (target/debug/deps/it-2)
test adds ... FAILED
test breaks - should panic ... ok

failures:

---- adds stdout ----
thread 'adds' panicked at tests/it.rs:2:11:
assertion failed

failures:
    adds
   Doc-tests calc
test src/lib.rs - add (line 3) ... ok
"""


def test_a_go_package_that_did_not_build_could_not_be_loaded() -> None:
    results, failures = read_go(GO.encode())
    assert results == {
        "x/a::TestA": "failed",
        "x/a::TestA/zero": "passed",
        "x/a::TestB": "skipped",
        "::x/b": "error",
    }
    assert failures == {"x/a::TestA": "    a_test.go:7: want 3\n", "::x/b": "undefined: Gone\n"}


def test_cargo_ids_name_the_target() -> None:
    results, failures = read_cargo(CARGO)
    assert results == {
        "src/lib.rs::tests::zero": "passed",
        "src/lib.rs::tests::slow": "skipped",
        "tests/it.rs::adds": "failed",
        "tests/it.rs::breaks": "passed",
        "doc calc::src/lib.rs - add (line 3)": "passed",
    }
    assert failures["tests/it.rs::adds"].startswith("thread 'adds' panicked")


def test_jest_ids_are_made_of_file_and_titles() -> None:
    case = {
        "ancestorTitles": ["calc"],
        "title": "adds",
        "status": "failed",
        "failureMessages": ["want 3"],
    }
    later = case | {"title": "later", "status": "todo"}
    files = [
        {"name": "/w/tree/a.test.js", "assertionResults": [case, later]},
        {
            "name": "/w/tree/b.test.js",
            "assertionResults": [],
            "status": "failed",
            "message": "SyntaxError",
        },
    ]
    results, failures = read_jest(json.dumps({"testResults": files}).encode(), "/w/tree/")
    assert results == {
        "a.test.js::calc > adds": "failed",
        "a.test.js::calc > later": "skipped",
        "::b.test.js": "error",
    }
    assert failures == {"a.test.js::calc > adds": "want 3", "::b.test.js": "SyntaxError"}


KEYS = (
    "testResults",
    "assertionResults",
    "ancestorTitles",
    "title",
    "status",
    "failureMessages",
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


@settings(deadline=None, max_examples=80)
@given(JSON, st.text(max_size=60))
def test_no_output_breaks_a_reader(document: object, text: str) -> None:
    data = f"{json.dumps(document)}\n{text}".encode()
    for read in (read_go, lambda data: read_jest(data, ""), lambda data: read_cargo(data.decode())):
        try:
            results, failures = read(data)
        except UnreadableReport:
            continue
        assert failures.keys() <= results.keys()
