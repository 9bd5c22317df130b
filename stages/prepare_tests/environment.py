"""An environment for a repository's tests, built in the sandbox from packages as of the base commit's date."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from packaging.requirements import Requirement

from pipeline.sandbox import Sandbox, SandboxCommand, SandboxResult
from stages.prepare_tests.execute import Local, copy_folder, sweep, version_variables
from stages.prepare_tests.interpreters import interpreter_folders, released
from stages.prepare_tests.models import Recipe

_INDEX_SETTINGS = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_FIND_LINKS", "UV_NO_INDEX", "UV_OFFLINE", "SSL_CERT_FILE")
#: Editable installs need setuptools 64 (PEP 660); of late 2022, it still builds what older projects ask for.
_BUILD_TOOLS = ("setuptools", "wheel", "setuptools-scm")
_BUILD_TOOLS_FROM = datetime(2022, 11, 1, tzinfo=UTC)
#: Packages that were uploaded again later than the commit: uv says so, by name.
_UPLOADED_LATER = re.compile(r"`([A-Za-z0-9._-]+)` was filtered by `exclude-newer`")
_UNREACHABLE = re.compile(
    r"dns error|request failed after|failed to lookup address|error sending request|could not connect", re.I
)
#: Whether this pytest works on this interpreter: it rewrites an assertion, and reports.
_PROBE = """
import os, pytest, sys, tempfile
os.chdir(tempfile.mkdtemp())
with open("test_probe.py", "w") as file:
    file.write("def test_probe():\\n    assert len([1]) == 1\\n")
sys.exit(pytest.main(["test_probe.py", "--junitxml=report.xml"]))
"""
_MENDINGS = 8
#: Before Python 3.12 every environment had setuptools; old pytests find no plugins without its pkg_resources.
_WITHOUT_SETUPTOOLS = 12
_STEP_SECONDS = 300.0
_MEMORY_MB = 4096


class EnvironmentFailed(Exception):
    """No environment in which the tests could run; the text says at what it failed."""


def index_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """The operator's package index, as uv reads it. An address that carries a password is left out: installing runs
    the repository's code."""
    found = {name: environ[name] for name in _INDEX_SETTINGS if environ.get(name)}
    return {
        name: value for name, value in found.items() if not any("@" in urlsplit(word).netloc for word in value.split())
    }


@dataclass
class Builder:
    """Builds one environment. ``log`` tells all that was tried, for a person."""

    sandbox: Sandbox
    workspace: Path
    recipe: Recipe
    interpreter: Path
    uv: Path
    cache: Path
    index: Mapping[str, str]
    now: float
    log: list[str] = field(default_factory=list)
    _later: dict[str, datetime] = field(default_factory=dict)

    async def build(self) -> None:
        """From ``source`` (the base commit's files) make ``env`` and ``prepared``; raises EnvironmentFailed."""
        await sweep(self.sandbox, self.workspace, "env", "report")
        await copy_folder(self.sandbox, self.workspace, "source", "tree")
        installed: Literal["editable", "copied", "path"] = "path"
        if self.recipe.needs_environment:
            made = await self._uv(
                "venv", "--python", str(self.interpreter), "--allow-existing", str(self.workspace / "env")
            )
            if made.returncode != 0:
                raise EnvironmentFailed(f"uv venv: {_last_line(made.output)}")
            if self._minor < _WITHOUT_SETUPTOOLS:
                await self._install(self._dates[0], "setuptools")
            if self.recipe.packaged:
                installed = await self._install_repository()
            await self._install_requirements()
            if self.recipe.runner == "pytest":
                await self._install_pytest()
            await self._python("-m", "compileall", "-qq", str(self.workspace / "env/lib"))
        await copy_folder(self.sandbox, self.workspace, "tree", "prepared")
        Local(recipe=self.recipe, interpreter=self.interpreter, installed=installed).write(self.workspace)

    @property
    def _minor(self) -> int:
        return int(self.recipe.python.split(".")[1])

    @property
    def _dates(self) -> list[datetime]:
        """The commit's own and, where the interpreter is newer, one at which packages knew that interpreter."""
        now = datetime.fromtimestamp(self.now, UTC)
        commit = min(datetime.fromtimestamp(self.recipe.committed_at, UTC), now)
        known = min(released(self._minor) + timedelta(days=540), now)
        return [commit, known] if known > commit else [commit]

    async def _install_repository(self) -> Literal["editable", "copied", "path"]:
        """Editable, else a copy (the tree before it on the path), else the path alone; extras given up before that."""
        tree = self.workspace / "tree"
        extras = f"[{','.join(self.recipe.extras)}]" if self.recipe.extras else ""
        for wanted in dict.fromkeys([f"{tree}{extras}", str(tree)]):
            for date in self._dates:
                done = await self._install(date, "--editable", wanted)
                if done.returncode == 0:
                    return "editable"
                if _UNREACHABLE.search(done.output):
                    return "path"
                await copy_folder(self.sandbox, self.workspace, "source", "tree")  # what the attempt left behind
                if (await self._install(date, wanted)).returncode == 0:
                    return "copied"
        self.log.append("the repository can't be installed; its files are put on the path\n")
        return "path"

    async def _install_requirements(self) -> None:
        """Together, else one by one: some tests need less than all of it."""
        needs = self.recipe.requirements
        date = self._dates[0]
        if not needs or (await self._install(date, *needs)).returncode == 0:
            return
        for need in needs:
            if _UNREACHABLE.search((await self._install(date, need)).output):
                return

    async def _install_pytest(self) -> None:
        """As of the commit's date; where that pytest fails on this interpreter, a later one with its plugins."""
        plugins = [name for need in self.recipe.requirements if (name := Requirement(need).name).startswith("pytest-")]
        said = ""
        for number, date in enumerate(self._dates):
            done = await self._install(date, *(["--upgrade", *plugins] if number else []), "pytest")
            said = done.output
            if done.returncode == 0:
                tried = await self._python("-c", _PROBE)
                if tried.returncode == 0:
                    return
                said = tried.output
        raise EnvironmentFailed(f"pytest can't be installed: {_last_line(said)}")

    async def _install(self, date: datetime, *what: str) -> SandboxResult:
        for _ in range(_MENDINGS):
            later = dict.fromkeys(_BUILD_TOOLS, max(date, _BUILD_TOOLS_FROM)) | self._later
            dated = [f"--exclude-newer-package={name}={when:%Y-%m-%dT%H:%M:%SZ}" for name, when in later.items()]
            dated.append(f"--exclude-newer={date:%Y-%m-%dT%H:%M:%SZ}")
            closed = ["--no-index"] if self._told("UV_NO_INDEX") else []  # our word for it: uv reads no such variable
            python = str(self.workspace / "env/bin/python")
            done = await self._uv("pip", "install", "--python", python, *closed, *dated, *what)
            names = set(_UPLOADED_LATER.findall(done.output)) - set(self._later)
            if done.returncode == 0 or not names:
                break
            self._later |= dict.fromkeys(sorted(names), datetime.fromtimestamp(self.now, UTC))
        return done

    async def _uv(self, *arguments: str) -> SandboxResult:
        fixed = {
            "UV_CACHE_DIR": str(self.cache), "UV_LINK_MODE": "copy", "UV_NO_PROGRESS": "1", "UV_NO_CONFIG": "1",
            "UV_PYTHON_DOWNLOADS": "never", "UV_COLOR": "never",
        }  # fmt: skip
        offline = self._told("UV_NO_INDEX") or self._told("UV_OFFLINE")
        network: Literal["none", "install"] = "none" if offline else "install"
        return await self._run((str(self.uv), *arguments), fixed | dict(self.index), network=network)

    def _told(self, name: str) -> bool:
        return self.index.get(name, "").lower() in ("1", "true", "yes")

    async def _python(self, *arguments: str) -> SandboxResult:
        return await self._run((str(self.workspace / "env/bin/python"), *arguments), {}, network="none")

    async def _run(
        self, argv: Sequence[str], environment: dict[str, str], *, network: Literal["none", "install"]
    ) -> SandboxResult:  # fmt: skip
        self.cache.mkdir(parents=True, exist_ok=True)
        done = await self.sandbox.run(
            SandboxCommand(
                tuple(argv), cwd=self.workspace / "tree",
                writable=(self.workspace / "tree", self.workspace / "env", self.cache),
                readable=(*interpreter_folders(self.interpreter), self.uv, *_local_paths(self.index)),
                environment=environment | version_variables(self.recipe.version), network=network,
                timeout=_STEP_SECONDS, memory_mb=_MEMORY_MB, output_limit=100_000,
            )
        )  # fmt: skip
        self.log.append(f"$ {' '.join(argv)}\n{done.output}[ended with {done.returncode} after {done.seconds:.1f} s]\n")
        return done


def _local_paths(index: Mapping[str, str]) -> list[Path]:
    """Wheel folders and certificates of the operator's that lie outside the system's folders."""
    words = [word.removeprefix("file://") for value in index.values() for word in value.split()]
    paths = [Path(word) for word in words if word.startswith("/") and Path(word).exists()]
    return [path for path in paths if not path.is_relative_to("/etc/ssl") and not path.is_relative_to("/usr")]


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    told = next((line for line in lines if re.match(r"(error|×)", line)), lines[-1] if lines else "no output")
    return told[:300]
