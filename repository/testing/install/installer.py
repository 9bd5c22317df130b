"""uv and the environment's own Python, in the sandbox, with packages as of a date."""

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from repository.testing.environment import version_variables
from repository.testing.install.cache import month_end
from repository.testing.install.interpreters import interpreter_folders, released
from repository.testing.install.toolchains import SETTINGS
from repository.testing.models import Recipe
from sandbox import Network, Sandbox, SandboxCommand, SandboxResult

_INDEX_SETTINGS = (
    "UV_DEFAULT_INDEX",
    "UV_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_NO_INDEX",
    "UV_OFFLINE",
    "SSL_CERT_FILE",
)
#: Editable installs need setuptools 64 (PEP 660); of late 2022, it still builds what older projects
#: ask for.
_BUILD_TOOLS = ("setuptools", "wheel", "setuptools-scm")
_BUILD_TOOLS_FROM = datetime(2022, 11, 1, tzinfo=UTC)
#: Packages that were uploaded again later than the commit: uv says so, by name.
_UPLOADED_LATER = re.compile(r"`([A-Za-z0-9._-]+)` was filtered by `exclude-newer`")
_UNREAD = re.compile(r"Metadata for `([A-Za-z0-9._-]+)` \(v[^)]*\) could not be parsed")
#: What packages need whose old releases say it in a way that uv refuses: `pytz (>=2011k)`, until
#: pandas 0.25.
_STATED = {"pandas": ("numpy", "python-dateutil>=2", "pytz")}
_UNREACHABLE = re.compile(
    r"dns error|request failed after|failed to lookup address|error sending request|could not"
    r" connect",
    re.I,
)
_MENDINGS = 8
_STEP_SECONDS = 280.0
_ALL_SECONDS = 360.0
_LAST_SECONDS = 10.0
"""What a step gets when the time for all is over."""
#: Extension modules need not be fast, and compile in a third of the time.
_COMPILER = {
    "CFLAGS": "-O1 -g0",
    "CXXFLAGS": "-O1 -g0",
    "NPY_NUM_BUILD_JOBS": "2",
    "MAX_JOBS": "2",
    "CMAKE_BUILD_PARALLEL_LEVEL": "2",
    "SKLEARN_BUILD_PARALLEL": "2",
}
_MEMORY_MB = 4096


def index_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """The operator's package index, as uv reads it, and the other tools' registries. An address that carries a password
    is left out: installing runs the repository's code."""
    found = {name: environ[name] for name in (*_INDEX_SETTINGS, *SETTINGS) if environ.get(name)}
    return {
        name: value
        for name, value in found.items()
        if not any("@" in urlsplit(word).netloc for word in value.split())
    }


@dataclass
class DatedInstaller:
    """Installs into the workspace's ``env``. ``log`` tells all that was tried, for a person."""

    sandbox: Sandbox
    workspace: Path
    recipe: Recipe
    interpreter: Path
    uv: Path
    cache: Path
    index: Mapping[str, str]
    now: float
    log: list[str]
    version: str | None = None
    """What packages that ask git are told, where the recipe has none."""
    unreachable: bool = False
    """The package index did not answer: nothing more need be tried."""
    _later: dict[str, datetime] = field(default_factory=dict)
    _stated: set[str] = field(default_factory=set)
    """Packages whose needs uv is told."""
    _until: float = field(default_factory=lambda: time.monotonic() + _ALL_SECONDS)

    @property
    def time_left(self) -> bool:
        return time.monotonic() < self._until

    @property
    def _uv_cache(self) -> Path:
        """uv's, a folder a repository: what code of one has written there is never used for
        another.
        """
        return self.cache / re.sub(r"[^\w.-]+", "__", self.recipe.repository) / "uv"

    @property
    def _config(self) -> Path:
        """Ours: no sandbox may write it."""
        return self.workspace / "uv.toml"

    @property
    def dates(self) -> list[datetime]:
        """The end of the commit's month; where the interpreter is newer, when packages knew it; a year later, when what
        a commit asked for before its release was out."""
        now = datetime.fromtimestamp(self.now, UTC)
        commit = min(month_end(self.recipe.committed_at), now)
        known = min(released(int(self.recipe.python.split(".")[1])) + timedelta(days=540), now)
        later = [date for date in (known, min(commit + timedelta(days=365), now)) if date > commit]
        return [commit, *sorted(later)]

    async def install(
        self, date: datetime, *what: str, floor: bool = True, seconds: float = _STEP_SECONDS
    ) -> SandboxResult:
        """``floor`` False: the build tools, too, as of the date alone."""
        for _ in range(_MENDINGS):
            tools = dict.fromkeys(_BUILD_TOOLS, max(date, _BUILD_TOOLS_FROM)) if floor else {}
            later = tools | self._later
            dated = [
                f"--exclude-newer-package={name}={when:%Y-%m-%dT%H:%M:%SZ}"
                for name, when in later.items()
            ]
            dated.append(f"--exclude-newer={date:%Y-%m-%dT%H:%M:%SZ}")
            closed = (
                ["--no-index"] if self._told("UV_NO_INDEX") else []
            )  # our word for it: uv reads no such variable
            python = str(self.workspace / "env/bin/python")
            done = await self.run_uv(
                "pip", "install", "--python", python, *closed, *dated, *what, seconds=seconds
            )
            self.unreachable = self.unreachable or bool(
                done.returncode and _UNREACHABLE.search(done.output)
            )
            now = datetime.fromtimestamp(self.now, UTC)
            names = [
                name
                for name in set(_UPLOADED_LATER.findall(done.output))
                if self._later.get(name) != now
            ]
            unread = {
                name for name in _UNREAD.findall(done.output) if name in _STATED
            } - self._stated
            if done.returncode == 0 or not (names or unread):
                break
            if unread:
                self._state(unread)
            for name in names:  # a build tool of today fails with what was written for an older one
                early = name in _BUILD_TOOLS and name not in self._later
                self._later[name] = max(date, _BUILD_TOOLS_FROM) if early else now
        return done

    async def run_uv(self, *arguments: str, seconds: float = _STEP_SECONDS) -> SandboxResult:
        fixed = {
            "UV_CACHE_DIR": str(self._uv_cache),
            "UV_LINK_MODE": "copy",
            "UV_NO_PROGRESS": "1",
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_COLOR": "never",
        } | _COMPILER
        fixed |= {"UV_CONFIG_FILE": str(self._config)} if self._stated else {"UV_NO_CONFIG": "1"}
        closed = self._told("UV_NO_INDEX") or self._told("UV_OFFLINE")
        network: Network = "none" if closed else "install"
        return await self._run(
            (str(self.uv), *arguments), fixed | dict(self.index), network=network, seconds=seconds
        )

    def _state(self, names: set[str]) -> None:
        """From now on uv is told what these packages need."""
        self._stated |= names
        rows = (
            f"[[dependency-metadata]]\nname = {json.dumps(name)}\nrequires-dist ="
            f" {json.dumps(_STATED[name])}\n"
            for name in sorted(self._stated)
        )
        self._config.write_text("".join(rows))
        self._config.chmod(0o644)

    def _told(self, name: str) -> bool:
        return self.index.get(name, "").lower() in ("1", "true", "yes")

    async def python(
        self, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> SandboxResult:
        argv = (str(self.workspace / "env/bin/python"), *arguments)
        return await self._run(argv, dict(environment or {}), network="none", seconds=_STEP_SECONDS)

    async def _run(
        self, argv: Sequence[str], environment: dict[str, str], *, network: Network, seconds: float
    ) -> SandboxResult:
        self._uv_cache.mkdir(parents=True, exist_ok=True)
        done = await self.sandbox.run(
            SandboxCommand(
                tuple(argv),
                cwd=self.workspace / "tree",
                writable=(self.workspace / "tree", self.workspace / "env", self._uv_cache),
                readable=(
                    *interpreter_folders(self.interpreter),
                    self.uv,
                    *_local_paths(self.index),
                    *([self._config] if self._stated else []),
                ),
                environment=version_variables(self.version or self.recipe.version) | environment,
                network=network,
                timeout=max(_LAST_SECONDS, min(seconds, self._until - time.monotonic())),
                memory_mb=_MEMORY_MB,
                output_limit=100_000,
            )
        )
        told = " ".join(word if len(word) < 300 else "..." for word in argv)
        self.log.append(
            f"$ {told}\n{done.output}[ended with {done.returncode} after {done.seconds:.1f} s]\n"
        )
        return done


def _local_paths(index: Mapping[str, str]) -> list[Path]:
    """Wheel folders and certificates of the operator's that lie outside the system's folders."""
    words = [word.removeprefix("file://") for value in index.values() for word in value.split()]
    paths = [Path(word) for word in words if word.startswith("/") and Path(word).exists()]
    return [
        path
        for path in paths
        if not path.is_relative_to("/etc/ssl") and not path.is_relative_to("/usr")
    ]
