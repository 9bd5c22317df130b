"""What is said where a tool of Go, Rust or Java can't build a repository."""

import pytest

from repository.testing.toolchain_errors import explain_failure, explain_old_tool


@pytest.mark.parametrize(
    ("output", "explanation"),
    [
        (
            "go: go.mod requires go >= 1.30 (running go 1.27.3; GOTOOLCHAIN=local)",
            "it needs Go 1.30; this machine has Go 1.27.3",
        ),
        (
            "./a.go:3:2: undefined: min\nnote: module requires Go 1.21",
            "it needs Go 1.21; this machine's Go is older",
        ),
        (
            "go: errors parsing go.mod:\ngo.mod:3: invalid go version '1.22.0': must match format",
            "it needs Go 1.22.0; this machine's Go is older",
        ),
        (
            "tree.go:12:2: package slices is not in GOROOT (/usr/lib/go-1.19/src/slices)",
            "it needs a newer Go, with the package slices",
        ),
        (
            "error: rustc 1.95.0 is not supported by the following packages:\n"
            "  two@0.1.0 requires rustc 1.99",
            "it needs Rust 1.99; this machine has Rust 1.95.0",
        ),
        (
            "Caused by:\n  this version of Cargo is older than the `2027` edition, and only",
            "it needs a Rust with the edition 2027; this machine's Rust is older",
        ),
        (
            "[ERROR] Fatal error compiling: error: invalid target release: 21",
            "it needs Java 21; this machine's Java is older",
        ),
        (
            "Error: Could not locate the bindings file. Tried:",
            "it needs a native module; the installation scripts that would build it are not run"
            " here",
        ),
    ],
)
def test_a_tool_that_is_too_old_is_named(output: str, explanation: str) -> None:
    assert explain_old_tool(output) == explanation
    assert explain_failure(output) == explanation


@pytest.mark.parametrize(
    ("output", "place"),
    [
        (
            "npm error 403 403 not part of the package index - GET"
            " http://127.0.0.1:8377/markedjs/marked/tarball/v18.0.0\nnpm error 403 In most cases",
            "markedjs/marked/tarball/v18.0.0",
        ),
        (
            "npm error command git --no-replace-objects ls-remote ssh://git@github.com/a/b.git\n"
            "npm error ssh: Could not resolve hostname github.com",
            "github.com/a/b.git",
        ),
        (
            'error An unexpected error occurred: "https://codeload.github.com/a/b/tar.gz/1: get',
            "codeload.github.com/a/b/tar.gz/1",
        ),
    ],
)
def test_a_package_that_is_in_no_registry_is_named(output: str, place: str) -> None:
    assert explain_failure(f"npm error code 1\n{output}") == (
        f"a dependency is at {place}, not in a package registry; only registries can be reached"
        " here, so it must be vendored or published"
    )


def test_a_registry_out_of_reach_has_a_cure() -> None:
    output = (
        "    Updating index\nwarning: spurious network error (3 tries remaining)\n"
        "error: failed to get `serde` as a dependency of package `two v0.1.0`\n"
        "Caused by:\n  [6] Could not resolve hostname (Could not resolve host: index.test)\n"
    )
    assert explain_old_tool(output) is None
    explanation = explain_failure(output)
    assert explanation.startswith("error: failed to get `serde` as a dependency")
    assert "vendored packages" in explanation


def test_any_other_failure_is_its_first_error() -> None:
    assert explain_failure("Compiling\nthe error log\nerror: x\nerror: y\n") == "error: x"
    assert explain_failure("\x1b[0mno luck\n") == "no luck"
    assert explain_failure("") == "it printed nothing"
