"""Where this machine's package tools look for packages: their own variables, pip's files, uv's
built-in default.
"""

import configparser
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Sources:
    """What one tool uses. Indexes are http(s) or file addresses, in the tool's order."""

    default: str | None
    extra: tuple[str, ...] = ()
    links: tuple[str, ...] = field(default=())
    """Folders or pages of packages (find-links)."""
    closed: bool = False
    """Told to use no index, or no network."""


def uv_sources(environ: Mapping[str, str]) -> Sources:
    """As uv reads them (https://docs.astral.sh/uv/reference/environment/); an index's name is
    dropped.
    """
    extra = f"{environ.get('UV_INDEX', '')} {environ.get('UV_EXTRA_INDEX_URL', '')}".split()
    default = environ.get("UV_DEFAULT_INDEX") or environ.get("UV_INDEX_URL") or _built_in()
    return Sources(
        _unnamed(default) if default else None,
        tuple(_unnamed(address) for address in extra),
        tuple(
            re.split(r"[\s,]+", environ.get("UV_FIND_LINKS", "").strip())
            if environ.get("UV_FIND_LINKS")
            else ()
        ),
        any(
            environ.get(name, "").lower() in ("1", "true", "yes")
            for name in ("UV_NO_INDEX", "UV_OFFLINE")
        ),
    )


def pip_sources(environ: Mapping[str, str], home: Path) -> Sources:
    """As pip reads them (https://pip.pypa.io/en/stable/topics/configuration/)."""
    told: dict[str, str] = {}
    for path in (
        "/etc/pip.conf",
        home / ".pip/pip.conf",
        home / ".config/pip/pip.conf",
        environ.get("PIP_CONFIG_FILE"),
    ):
        parser = configparser.RawConfigParser()
        try:
            parser.read(path or ())
        except configparser.Error:
            continue
        for section in ("global", "install"):
            told |= dict(parser[section]) if parser.has_section(section) else {}
    names = {
        name: f"PIP_{name.upper().replace('-', '_')}"
        for name in ("index-url", "extra-index-url", "find-links", "no-index")
    }
    told |= {name: environ[variable] for name, variable in names.items() if environ.get(variable)}
    return Sources(
        told.get("index-url") or _built_in(),
        tuple(told.get("extra-index-url", "").split()),
        tuple(told.get("find-links", "").split()),
        told.get("no-index", "").lower() in ("1", "true", "yes"),
    )


def registries(environ: Mapping[str, str]) -> dict[str, str]:
    """Variable -> the one address that npm and its kin, or Go, ask for packages; where it is not
    set, the tool says.
    """
    found: dict[str, str] = {}
    for variable, argv in (
        ("npm_config_registry", "npm config get registry"),
        ("GOPROXY", "go env GOPROXY"),
    ):
        told = environ.get(variable) or _told(argv)
        if address := next(
            (word for word in re.split(r"[,|\s]+", told) if word.startswith("http")), None
        ):
            found[variable] = address
    return found


@cache
def _told(command: str) -> str:
    """What a tool of this machine says of itself; nothing where there is none. Asked outside of any
    project.
    """
    program, *words = command.split()
    if shutil.which(program) is None:
        return ""
    return subprocess.run(
        [program, *words], capture_output=True, text=True, check=False, timeout=30, cwd="/"
    ).stdout


def _unnamed(address: str) -> str:
    name, found, rest = address.partition("=")
    return rest if found and re.fullmatch(r"[\w.-]+", name) else address


@cache
def _built_in() -> str | None:
    """The index that uv asks where nobody names one; uv tells it in its help."""
    beside = Path(sys.executable).with_name("uv")
    program = str(beside) if beside.exists() else shutil.which("uv")
    if program is None:
        return None
    told = subprocess.run(
        [program, "help", "pip", "install"], capture_output=True, text=True, check=False, timeout=30
    )
    found = re.search(r"default package index \(by default: <([^>]+)>", told.stdout)
    return found[1] if found else None
