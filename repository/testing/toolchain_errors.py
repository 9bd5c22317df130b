"""Explain in a sentence why the tools of Go, Rust, Java or Node could not build a repository."""

import re

_MAX_LINE = 300
_MAX_OUTPUT = 50_000
#: (pattern of a message, sentence); groups of the pattern fill the sentence.
_TOO_OLD = (
    (r"requires go >= (\S+) \(running go ([\d.]+)", "it needs Go {0}; this machine has Go {1}"),
    (r"module requires Go ([\d.]+)", "it needs Go {0}; this machine's Go is older"),
    (r"invalid go version '([\d.]+)'", "it needs Go {0}; this machine's Go is older"),
    (r"unknown (?:directive|block type): toolchain()", "it needs Go 1.21; this machine's is older"),
    (r"package ([\w/]+) is not in (?:GOROOT|std)", "it needs a newer Go, with the package {0}"),
    (
        r"rustc ([\d.]+) is not supported[^\0]*? requires rustc ([\d.]+)",
        "it needs Rust {1}; this machine has Rust {0}",
    ),
    (
        r"requires rustc ([\d.]+) or newer, while the currently active rustc version is ([\d.]+)",
        "it needs Rust {0}; this machine has Rust {1}",
    ),
    (
        r"Cargo is older than the `(\d+)` edition",
        "it needs a Rust with the edition {0}; this machine's Rust is older",
    ),
    (r"(#!\[feature\]|-Z\w+)` may not be used on", "it needs a nightly Rust (it uses {0})"),
    (
        r"(?:invalid target release: |release version |invalid source release: )(\d+)",
        "it needs Java {0}; this machine's Java is older",
    ),
    (
        r'Unknown file extension "(\.[cm]?ts)"',
        "this Node does not load {0} files; .nvmrc can name a newer one",
    ),
    (r"node: bad option: (\S+)", "this machine's Node does not know its option {0}"),
    (
        r"Could not locate the bindings file|No native build was found"
        r"|Cannot find module '[^'\n]{1,300}\.node'|compiled against a different Node\.js version",
        "it needs a native module; the installation scripts that would build it are not run here",
    ),
)
_UNREACHABLE = re.compile(
    r"could not resolve host|no such host|failed to connect|could not connect"
    r"|connection refused|network is unreachable|unknown host|name resolution"
    r"|module lookup disabled|cannot access \w+ \(|dial tcp|download of config\.json failed",
    re.I,
)
#: What the index proxy, git and package managers print of a package that is not in a registry.
_OUTSIDE = re.compile(
    r"not part of the package index - GET http://127\.0\.0\.1:\d+/(?P<path>[^\s\"]{1,200})"
    r"|ls-remote (?:ssh|https?|git)://(?:[\w.-]+@)?(?P<git>[^\s\"]{1,200})"
    r"|(?:GET|unexpected error occurred: \"|request to) ?https://(?!registry\.)(?P<address>[^\s\":]{1,200})"
)
_CURE = (
    "its packages can't be fetched from this machine; a registry or mirror that it reaches, or"
    " vendored packages, would make it possible"
)
_ONLY_REGISTRIES = "only registries can be reached here, so it must be vendored or published"
_ERROR_AT_START = re.compile(r"^(?:error|\[ERROR\] \w|fatal:|npm ERR!)", re.I)
_ERROR = re.compile(r"error|ERR!", re.I)
_STYLE = re.compile(r"\x1b\[[\d;]*m")


def explain_old_tool(output: str) -> str | None:
    """Return which version of a tool is needed, if a tool here is too old."""
    output = output[-_MAX_OUTPUT:]
    for pattern, sentence in _TOO_OLD:
        match = re.search(pattern, output)
        if match:
            return sentence.format(*match.groups())
    return None


def explain_failure(output: str) -> str:
    """Return why a step of a build failed, and what would make it possible if that is known."""
    old_tool = explain_old_tool(output)
    if old_tool is not None:
        return old_tool
    outside = _OUTSIDE.search(output[-_MAX_OUTPUT:])
    if outside is not None:
        place = outside["path"] or outside["git"] or outside["address"]
        return f"a dependency is at {place}, not in a package registry; {_ONLY_REGISTRIES}"
    error = first_error(output)
    return f"{error}; {_CURE}" if _UNREACHABLE.search(output) else error


def first_error(output: str) -> str:
    """Return the first line of a tool's output that reports an error; without one, the last."""
    lines = [_STYLE.sub("", line).strip() for line in output.splitlines()]
    lines = [line for line in lines if line]
    for pattern in (_ERROR_AT_START, _ERROR):
        for line in lines:
            if pattern.search(line):
                return line[:_MAX_LINE]
    return lines[-1][:_MAX_LINE] if lines else "it printed nothing"
