"""The tools of this machine and the operator's package index, for building environments."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sandbox import Sandbox

#: Variables of the package index that uv reads.
_INDEX_VARIABLES = (
    "UV_DEFAULT_INDEX",
    "UV_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_NO_INDEX",
    "UV_OFFLINE",
    "SSL_CERT_FILE",
)
#: Variables of other languages' registries.
_REGISTRY_VARIABLES = (
    "npm_config_registry",
    "NODE_EXTRA_CA_CERTS",
    "GOPROXY",
    "GOSUMDB",
    "SSL_CERT_FILE",
    "CARGO_HTTP_CAINFO",
)


@dataclass(frozen=True)
class BuildTools:
    """A machine's sandbox, interpreters, uv, caches and package index."""

    sandbox: Sandbox
    pythons: tuple[Path, ...]
    """Folders with interpreters; for each version, the first folder that has it wins."""
    uv: Path
    cache: Path
    """Folder of uv's caches and of cached environments, with one subfolder per repository."""
    index: Mapping[str, str]
    """Environment variables of the package index and registries, from ``index_settings``."""


def index_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables of the operator's package index and registries.

    Addresses with a password are left out, because installing runs the repository's code.
    """
    variables: dict[str, str] = {}
    for name in (*_INDEX_VARIABLES, *_REGISTRY_VARIABLES):
        value = environ.get(name)
        if value and not _holds_password(value):
            variables[name] = value
    return variables


def is_switched_on(index: Mapping[str, str], name: str) -> bool:
    return index.get(name, "").lower() in ("1", "true", "yes")


def local_index_paths(index: Mapping[str, str]) -> list[Path]:
    """Return wheel folders and certificates that lie outside the system's folders."""
    paths: list[Path] = []
    for value in index.values():
        for word in value.split():
            path = Path(word.removeprefix("file://"))
            if path.is_absolute() and path.exists() and not _is_system_path(path):
                paths.append(path)
    return paths


def _holds_password(value: str) -> bool:
    return any("@" in urlsplit(word).netloc for word in value.split())


def _is_system_path(path: Path) -> bool:
    return path.is_relative_to("/etc/ssl") or path.is_relative_to("/usr")
