"""Find the package sources of this machine's tools: their variables, pip's files, uv's default."""

import configparser
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

_COMMAND_SECONDS = 30
_TRUE_VALUES = ("1", "true", "yes")


@dataclass(frozen=True)
class ToolVariables:
    """The environment variables that configure a tool's package sources."""

    default_index: str
    extra_indexes: str
    find_links: str
    no_index: str
    find_links_separator: str


UV = ToolVariables(
    default_index="UV_DEFAULT_INDEX",
    extra_indexes="UV_INDEX",
    find_links="UV_FIND_LINKS",
    no_index="UV_NO_INDEX",
    find_links_separator=",",
)
PIP = ToolVariables(
    default_index="PIP_INDEX_URL",
    extra_indexes="PIP_EXTRA_INDEX_URL",
    find_links="PIP_FIND_LINKS",
    no_index="PIP_NO_INDEX",
    find_links_separator=" ",
)


@dataclass(frozen=True)
class ToolSources:
    """The package sources of one tool: http(s) or file addresses, or paths, in the tool's order."""

    variables: ToolVariables
    default: str | None
    extra: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    """Folders or pages of packages."""
    no_index: bool = False
    """Whether the tool is configured to use no index, or no network."""

    @property
    def all(self) -> tuple[str, ...]:
        default = (self.default,) if self.default else ()
        return (*default, *self.extra, *self.find_links)


@dataclass(frozen=True)
class Registry:
    """The single address from which a tool of another language gets packages."""

    variable: str
    address: str
    companions: Mapping[str, str] = field(default_factory=dict)
    """Variables that are set along with it."""
    has_documents: bool = False
    """Whether it has documents on packages that link to their files, as npm's do."""


@dataclass(frozen=True)
class PackageSources:
    tools: tuple[ToolSources, ...] = ()
    registries: tuple[Registry, ...] = ()


def read_package_sources(environ: Mapping[str, str]) -> PackageSources:
    """Read the sources of all tools in the way that each tool does."""
    tools = (uv_sources(environ), pip_sources(environ, Path.home()))
    registries: list[Registry] = []
    npm = _first_address(environ, "npm_config_registry", "npm config get registry")
    if npm is not None:
        # Makes links to npm's own address lead to the proxy, too.
        companions = {"npm_config_replace_registry_host": "always"}
        registries.append(Registry("npm_config_registry", npm, companions, has_documents=True))
    go = _first_address(environ, "GOPROXY", "go env GOPROXY")
    if go is not None:
        # Go's checksum database would be a second address.
        registries.append(Registry("GOPROXY", go, {"GOSUMDB": "off"}))
    return PackageSources(tools, tuple(registries))


def uv_sources(environ: Mapping[str, str]) -> ToolSources:
    """Read uv's sources (https://docs.astral.sh/uv/reference/environment/), without names."""
    default = environ.get("UV_DEFAULT_INDEX") or environ.get("UV_INDEX_URL") or _default_index()
    extra = environ.get("UV_INDEX", "").split() + environ.get("UV_EXTRA_INDEX_URL", "").split()
    find_links = environ.get("UV_FIND_LINKS", "").strip()
    return ToolSources(
        variables=UV,
        default=_without_name(default) if default else None,
        extra=tuple(_without_name(address) for address in extra),
        find_links=tuple(re.split(r"[\s,]+", find_links)) if find_links else (),
        no_index=_is_true(environ.get("UV_NO_INDEX")) or _is_true(environ.get("UV_OFFLINE")),
    )


def pip_sources(environ: Mapping[str, str], home: Path) -> ToolSources:
    """Read pip's sources (https://pip.pypa.io/en/stable/topics/configuration/)."""
    options = _pip_options(environ, home)
    return ToolSources(
        variables=PIP,
        default=options.get("index-url") or _default_index(),
        extra=tuple(options.get("extra-index-url", "").split()),
        find_links=tuple(options.get("find-links", "").split()),
        no_index=_is_true(options.get("no-index")),
    )


def _pip_options(environ: Mapping[str, str], home: Path) -> dict[str, str]:
    """Return pip's options for sources: later files override earlier ones, variables all files."""
    paths = [
        Path("/etc/pip.conf"),
        home / ".pip/pip.conf",
        home / ".config/pip/pip.conf",
    ]
    if environ.get("PIP_CONFIG_FILE"):
        paths.append(Path(environ["PIP_CONFIG_FILE"]))
    options: dict[str, str] = {}
    for path in paths:
        parser = configparser.RawConfigParser()
        try:
            parser.read(path)
        except configparser.Error:
            continue
        for section in ("global", "install"):
            if parser.has_section(section):
                options.update(parser[section])
    for name in ("index-url", "extra-index-url", "find-links", "no-index"):
        variable = "PIP_" + name.upper().replace("-", "_")
        if environ.get(variable):
            options[name] = environ[variable]
    return options


def _first_address(environ: Mapping[str, str], variable: str, command: str) -> str | None:
    """Return the first HTTP address in a variable or, if it is not set, in a command's output."""
    text = environ.get(variable) or _command_output(command)
    for word in re.split(r"[,|\s]+", text):
        if word.startswith("http"):
            return word
    return None


@cache
def _command_output(command: str) -> str:
    """Run a tool outside of any project; return its output, empty if it is not installed."""
    program, *arguments = command.split()
    if shutil.which(program) is None:
        return ""
    return subprocess.run(
        [program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=_COMMAND_SECONDS,
        cwd="/",
    ).stdout


def _without_name(address: str) -> str:
    """Return the address of ``name=address``."""
    name, separator, rest = address.partition("=")
    if separator and re.fullmatch(r"[\w.-]+", name):
        return rest
    return address


def _is_true(value: str | None) -> bool:
    return (value or "").lower() in _TRUE_VALUES


@cache
def _default_index() -> str | None:
    """Return the index to use if none is configured: the one that uv's help names.

    It is read from there because this project keeps host names of package registries out of its
    files: in closed networks, nothing may refer to a registry that the operator has not configured.
    """
    beside_python = Path(sys.executable).with_name("uv")
    uv = str(beside_python) if beside_python.exists() else shutil.which("uv")
    if uv is None:
        return None
    help_text = subprocess.run(
        [uv, "help", "pip", "install"],
        capture_output=True,
        text=True,
        check=False,
        timeout=_COMMAND_SECONDS,
    ).stdout
    match = re.search(r"default package index \(by default: <([^>]+)>", help_text)
    return match[1] if match else None
