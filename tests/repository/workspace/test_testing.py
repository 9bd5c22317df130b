"""How tests may be named."""

import pytest

from repository.workspace.testing import as_node_id

FILES = ("pkg/test_a.py", "libs/x/pkg/test_a.py")


@pytest.mark.parametrize(
    ("test", "node_id"),
    [
        ("pkg.test_a.TestA::test_b", "pkg/test_a.py::TestA::test_b"),
        ("pkg.test_a::test_b[x.py::1]", "pkg/test_a.py::test_b[x.py::1]"),
        ("pkg/test_a.py::TestA", "pkg/test_a.py::TestA"),
        ("libs/x/pkg.test_a.TestA::test_b", "libs/x/pkg/test_a.py::TestA::test_b"),
        ("pkg/test_a", "pkg/test_a"),
        ("model_fields.tests", "model_fields.tests"),
        ("--collect-only", "./--collect-only"),
    ],
)
def test_a_test_may_be_named_as_a_report_names_it(test: str, node_id: str) -> None:
    assert as_node_id(test, lambda path: path in FILES) == node_id
