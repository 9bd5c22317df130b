"""What is read of the records of Node.js, Go and Rust."""

import json
from pathlib import Path
from typing import Any

import pytest

from repository.testing.coverage.contract import FOLDER, Collector, Run, Target
from repository.testing.coverage.go_blocks import GoBlocks
from repository.testing.coverage.node_ranges import NodeRanges
from repository.testing.coverage.places import Place
from repository.testing.coverage.rust_files import RustFiles
from repository.testing.models import Recipe

JS = """// \u00e9
exports.total = function (x) {
  if (x > 10) {
    return 2;
  }
  return 1;
};
""".encode()
GO = """mode: set
example.com/shop/cart/cart.go:3.23,4.12 1 1
example.com/shop/cart/cart.go:4.12,6.3 1 0
example.com/shop/cart/cart.go:7.2,7.19 1 0
example.com/shop/cart/cart.go:7.2,7.19 1 1
example.com/shop/old/cart/cart.go:3.1,9.2 1 0
"""


def place(path: str, line: int) -> Place:
    return Place(path, line, frozenset({line}))


def recipe(*folders: str) -> Recipe:
    return Recipe(
        repository="octo/shop",
        base_sha="0" * 40,
        committed_at=0,
        runner="go",
        folders=folders or ("",),
    )


def read(
    kind: type[Collector], tree: Path, path: str, content: bytes = b"", *folders: str
) -> Run | None:
    return kind([Target(path, content, ())], recipe(*folders)).read(tree, Path("/workspace/tree"))


def write(tree: Path, path: str, text: str) -> None:
    (tree / path).parent.mkdir(parents=True, exist_ok=True)
    (tree / path).write_text(text)


def script(url: str, *ranges: tuple[int, int, int]) -> dict[str, Any]:
    """A script of V8's coverage."""
    items = [{"startOffset": a, "endOffset": b, "count": count} for a, b, count in ranges]
    return {"url": url, "functions": [{"ranges": items}]}


def test_the_innermost_range_around_a_line_of_javascript_counts(tmp_path: Path) -> None:
    size = len(JS.decode())
    large = JS.decode().index("{\n    return 2"), JS.decode().index("  }\n") + 3
    document = {
        "result": [
            script(
                "file:///workspace/tree/src/cart.js", (0, size, 1), (20, size - 2, 1), (*large, 0)
            ),
            script("node:internal/x", (0, 5, 1)),
        ]
    }
    write(tmp_path, f"{FOLDER}/v8/coverage-1.json", json.dumps(document))
    write(tmp_path, f"{FOLDER}/v8/coverage-2.json", '{"result": [{"functions": 3}, 4]}')
    run = read(NodeRanges, tmp_path, "src/cart.js", JS)
    assert run
    covered = [line for line in range(2, 8) if run.covers(place("src/cart.js", line))]
    assert covered == [2, 3, 6, 7]


def test_a_transformed_file_of_javascript_is_covered_if_it_was_loaded(tmp_path: Path) -> None:
    document = {"result": [script("file:///workspace/tree/src/a.ts", (0, 999, 1), (5, 9, 0))]}
    write(tmp_path, f"{FOLDER}/v8/coverage-1.json", json.dumps(document))
    run = read(NodeRanges, tmp_path, "src/a.ts", b"let a: number;\n")
    assert run
    assert run.covers(place("src/a.ts", 1))
    other = read(NodeRanges, tmp_path, "src/b.ts", b"let b: number;\n")
    assert other
    assert not other.covers(place("src/b.ts", 1))


def test_a_block_of_go_is_covered_if_the_tests_of_any_package_run_it(tmp_path: Path) -> None:
    write(tmp_path, f"{FOLDER}/go.cover", GO)
    run = read(GoBlocks, tmp_path, "cart/cart.go")
    assert run
    covered = [line for line in range(1, 9) if run.covers(place("cart/cart.go", line))]
    assert covered == [1, 2, 3, 4, 7, 8]


def test_a_file_of_go_is_found_in_the_profile_by_its_module(tmp_path: Path) -> None:
    write(tmp_path, f"{FOLDER}/go.cover", GO)
    below = read(GoBlocks, tmp_path, "services/shop/cart/cart.go", b"", "", "services/shop")
    assert below
    assert below.covers(place("services/shop/cart/cart.go", 3))
    unused = read(GoBlocks, tmp_path, "later/later.go")
    assert unused
    assert not unused.covers(place("later/later.go", 1))


def test_a_file_of_rust_is_covered_if_it_is_compiled_into_the_tests(tmp_path: Path) -> None:
    dependencies = (
        "/workspace/tree/target/debug/deps/shop-1: src/lib.rs src/cart.rs"
        " /workspace/tree/target/debug/build/shop/out/made.rs\n\nsrc/cart.rs:\n"
    )
    write(tmp_path, "core/target/debug/deps/shop-1.d", dependencies)
    run = read(RustFiles, tmp_path, "core/src/cart.rs", b"", "core")
    assert run
    assert run.covers(place("core/src/cart.rs", 1))
    assert run.reads("target/debug/build/shop/out/made.rs")
    assert not run.covers(place("core/src/later.rs", 1))


def test_a_forged_record_with_many_ranges_is_bounded(tmp_path: Path) -> None:
    ranges = [(number, number + 9, 1) for number in range(110_000)]
    document = {"result": [script("file:///workspace/tree/a.js", *ranges)]}
    write(tmp_path, f"{FOLDER}/v8/coverage-1.json", json.dumps(document))
    run = read(NodeRanges, tmp_path, "a.js", JS)
    assert run
    assert not run.covers(place("a.js", 2))
    lines = [f"m/a.go:{number}.1,{number}.9 1 0" for number in range(60_000)]
    write(tmp_path, f"{FOLDER}/go.cover", "\n".join(lines))
    profile = read(GoBlocks, tmp_path, "a.go")
    assert profile
    assert not profile.covers(place("a.go", 49_999))


@pytest.mark.parametrize("kind", [NodeRanges, GoBlocks, RustFiles])
def test_without_a_record_nothing_is_known(kind: type[Collector], tmp_path: Path) -> None:
    assert read(kind, tmp_path, "a") is None
    (tmp_path / "target/debug").mkdir(parents=True)
    (tmp_path / "target/debug/deps").symlink_to("/etc")
    (tmp_path / FOLDER).symlink_to("/etc")
    assert read(kind, tmp_path, "a") is None
