"""Options with which the automation calls go test and cargo test."""

import pytest

from repository.runners import Runner
from repository.testing.detect.test_options import find_test_options
from tests.repository.testing.detect.trees import tree_of


@pytest.mark.parametrize(
    ("runner", "calls", "options"),
    [
        ("go", ["go test -race -tags=unit ./..."], ("-tags=unit",)),
        ("go", ["go test -v -tags 'a b' -short \\\n  ./..."], ("-tags=a,b", "-short")),
        ("go", ["go test ./...", "go test -tags=integration ./..."], ()),
        ("go", ["go test -tags=unit ./...", "go test -tags $TAGS ./..."], ("-tags=unit",)),
        ("go", ["go vet ./..."], ()),
        ("cargo", ["cargo test --all-features --verbose"], ("--all-features",)),
        (
            "cargo",
            ["cargo test --no-default-features --features std,serde # all"],
            ("--no-default-features", "--features=std,serde"),
        ),
        ("cargo", ["cargo test --features serde", "cargo test"], ()),
        (
            "cargo",
            ["cargo test --target wasm32-unknown-unknown", "cargo test --features serde"],
            ("--features=serde",),
        ),
        ("maven", ["go test -tags=unit"], ()),
    ],
)
def test_options_that_all_calls_have_are_kept(
    runner: Runner, calls: list[str], options: tuple[str, ...]
) -> None:
    steps = "".join(f"      - run: {call}\n" for call in calls)
    tree = tree_of({".github/workflows/ci.yml": f"jobs:\n{steps}", "docs/x.yml": "go test"})
    assert find_test_options(tree, runner) == options
