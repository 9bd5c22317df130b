"""Outputs without what differs between two runs of the same work."""

from pathlib import Path

import pytest

from repository.testing.run.output import normalize_output, replace_path

INSIDE = Path("/workspace")


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ('File "/workspace/tree/calc.py", line 3', 'File "calc.py", line 3'),
        ("rootdir: /workspace/tree", "rootdir: ."),
        ("file:///workspace/tree/calc.py", "file://calc.py"),
        ("/workspace/env/lib/python3.13/site.py", "env/lib/python3.13/site.py"),
        ("1 passed in 0.12s", "1 passed in N s"),
    ],
)
def test_the_folders_of_a_run_and_durations_are_left_out(printed: str, shown: str) -> None:
    assert normalize_output(printed, INSIDE) == shown


@pytest.mark.parametrize(
    "printed",
    [
        "src/workspace/tree/node.py",
        "../workspace/tree/x",
        "packages/my-workspace/a.ts",
        "a/workspace",
    ],
)
def test_a_repositorys_own_folder_of_that_name_is_kept(printed: str) -> None:
    assert normalize_output(printed, INSIDE) == printed
    assert replace_path(printed, "/workspace", ".") == printed


def test_a_longer_name_is_another_path() -> None:
    assert replace_path("/workspaces /workspace-2 /workspace", "/workspace", ".") == (
        "/workspaces /workspace-2 ."
    )
