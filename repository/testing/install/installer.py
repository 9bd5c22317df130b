"""Run uv and the environment's Python in the sandbox, with packages as of a date."""

import re
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from packaging.utils import canonicalize_name

from repository.testing.environment import BUILD_TOOLS, COMPILER_VARIABLES, version_variables
from repository.testing.install.build_task import BuildTask
from repository.testing.install.cache_entries import repository_folder
from repository.testing.install.dates import package_dates
from repository.testing.install.interpreters import interpreter_folders
from repository.testing.install.own_dates import OwnDates
from repository.testing.install.scripts import read_script
from repository.testing.install.tools import is_switched_on, local_index_paths
from repository.testing.install.uv_config import (
    build_variables_table,
    metadata_tables,
    unparsed_packages,
)
from sandbox import Network, SandboxCommand, SandboxResult

_UNREACHABLE = re.compile(
    r"dns error|request failed after|failed to lookup address|error sending request|could not"
    r" connect",
    re.I,
)
_MAX_ATTEMPTS = 8
_STEP_SECONDS = 280.0
_LAST_STEP_SECONDS = 10.0
"""The time limit of a step that starts after the total time."""
_MEMORY_MB = 4096
_MAX_OUTPUT_BYTES = 100_000
_UV_VARIABLES = {
    "UV_LINK_MODE": "copy",
    "UV_NO_PROGRESS": "1",
    "UV_PYTHON_DOWNLOADS": "never",
    "UV_COLOR": "never",
}


class UvInstaller:
    """Installs packages into the workspace's ``env`` within a total time limit.

    Attributes:
        version: the version for a package that asks git for it, if the recipe has none.
        unreachable: whether the package index did not respond, so that further attempts are futile.
    """

    def __init__(self, task: BuildTask, interpreter: Path):
        self.sandbox = task.tools.sandbox
        self.workspace = task.workspace
        self.recipe = task.recipe
        self.log = task.log
        self.build_inputs = task.build_inputs
        self.interpreter = interpreter
        self.index = dict(task.tools.index)
        if task.recipe.offline:
            self.index["UV_OFFLINE"] = "1"
        self.version: str | None = None
        self.unreachable = False
        self._uv = task.tools.uv.resolve()
        self._uv_cache = repository_folder(task.tools.cache, task.recipe.repository) / "uv"
        self._now = datetime.now(UTC)
        self._deadline = time.monotonic() + task.seconds
        self._own_dates = OwnDates(self._now)
        self._stated_metadata: set[str] = set()
        """Packages whose requirements are given in uv's configuration."""

    @property
    def env(self) -> Path:
        return self.workspace / "env"

    @property
    def build_tools(self) -> Path:
        """The folder of what only a repeated build needs."""
        return self.workspace / BUILD_TOOLS

    @property
    def project(self) -> Path:
        """The folder of the repository's package."""
        return self.workspace / "tree" / self.recipe.project

    @property
    def siblings(self) -> tuple[str, ...]:
        """The arguments that install the repository's other packages, as links.

        Whatever requires them must be installed with them: the index may have a stranger's package
        of the same name.
        """
        arguments: list[str] = []
        for folder in self.recipe.siblings:
            arguments += ["--editable", str(self.workspace / "tree" / folder)]
        return tuple(arguments)

    @property
    def folder_inside(self) -> Path:
        """Where programs in the sandbox see ``workspace``."""
        return self.sandbox.path_inside(self.workspace)

    @property
    def time_left(self) -> bool:
        return time.monotonic() < self._deadline

    @property
    def dates(self) -> list[datetime]:
        """The dates to try for packages, in order."""
        return package_dates(self.recipe, self._now)

    def extend(self, seconds: float) -> None:
        """Allow at least ``seconds`` from now, whatever time earlier steps took."""
        self._deadline = max(self._deadline, time.monotonic() + seconds)

    async def install(
        self,
        date: datetime,
        *arguments: str,
        recent_build_tools: bool = True,
        seconds: float = _STEP_SECONDS,
    ) -> SandboxResult:
        """Run ``uv pip install`` with packages as of ``date``.

        After a failure whose cause uv names, the options are adjusted and the command is repeated.

        With ``recent_build_tools``, setuptools and its like can make editable installs.
        """
        own = self._own_dates
        for _ in range(_MAX_ATTEMPTS):
            dates = own.recent_tools(date) if recent_build_tools else own.any_tools()
            result = await self._pip_install(date, arguments, dates, seconds)
            if result.returncode == 0:
                break
            if _UNREACHABLE.search(result.output):
                self.unreachable = True
            is_repaired = self._repair(result.output, date)
            if not is_repaired and not await self._build_with_older_tools(result.output, date):
                break
        return result

    async def _build_with_older_tools(self, output: str, date: datetime) -> bool:
        """Build the dependencies that recent build tools could not; uv then has them in its cache.

        Returns:
            Whether any was built, so that another attempt may succeed.
        """
        built: list[str] = []
        for requirement in self._own_dates.unbuilt(output):
            for dates in self._own_dates.older_tools(date):
                if self.unreachable or not self.time_left:
                    break
                arguments = ("--no-deps", requirement)
                result = await self._pip_install(date, arguments, dates, _STEP_SECONDS)
                if result.returncode == 0:
                    built.append(requirement)
                    break
        return bool(built)

    def admit(self, package: str) -> str:
        """Return the option that also allows a package's releases after the date."""
        return f"--exclude-newer-package={package}={_timestamp(self._now)}"

    def constrain(self, constraints: Sequence[str]) -> None:
        """Limit the versions that all later installations in this workspace may choose."""
        self._constraints_file.unlink(missing_ok=True)
        if constraints:
            self._constraints_file.write_text("".join(f"{line}\n" for line in constraints))
            self._constraints_file.chmod(0o644)

    async def check(self) -> SandboxResult:
        """Ask uv whether the requirements of all installed packages hold."""
        return await self.run_uv("pip", "check", "--python", self._python)

    async def uninstall(self, packages: list[str]) -> None:
        await self.run_uv("pip", "uninstall", "--python", self._python, *packages)

    async def run_uv(self, *arguments: str, seconds: float = _STEP_SECONDS) -> SandboxResult:
        variables = {
            "UV_CACHE_DIR": str(self._uv_cache),
            **_UV_VARIABLES,
            **COMPILER_VARIABLES,
            **self._build_variables,
        }
        if self._configure():
            variables["UV_CONFIG_FILE"] = str(self._config_file)
        else:
            variables["UV_NO_CONFIG"] = "1"
        variables.update(self.index)
        offline = self._is_on("UV_NO_INDEX") or self._is_on("UV_OFFLINE")
        return await self._run(
            (str(self._uv), *arguments),
            variables,
            network="none" if offline else "install",
            seconds=seconds,
        )

    async def run_python(self, *arguments: str) -> SandboxResult:
        argv = (self._python, *arguments)
        return await self._run(argv, self._version_variables, network="none")

    async def run_script(
        self, name: str, *arguments: str, variables: Mapping[str, str] | None = None
    ) -> SandboxResult:
        """Run a program from ``scripts/`` with the environment's Python."""
        argv = (self._python, "-c", read_script(name), *arguments)
        all_variables = {**self._version_variables, **(variables or {})}
        return await self._run(argv, all_variables, network="none")

    @property
    def _python(self) -> str:
        return str(self.env / "bin/python")

    @property
    def _config_file(self) -> Path:
        """uv's configuration, which no sandbox can write."""
        return self.workspace / "uv.toml"

    @property
    def _constraints_file(self) -> Path:
        """Constraints of versions, which no sandbox can write."""
        return self.workspace / "constraints.txt"

    def _is_on(self, name: str) -> bool:
        return is_switched_on(self.index, name)

    async def _pip_install(
        self,
        date: datetime,
        arguments: tuple[str, ...],
        package_dates: Mapping[str, datetime],
        seconds: float,
    ) -> SandboxResult:
        """Run uv once; ``package_dates`` are those of packages with a date of their own."""
        options = ["--python", self._python]
        if self._is_on("UV_NO_INDEX"):  # our own variable, which uv does not read
            options.append("--no-index")
        for package, package_date in package_dates.items():
            options.append(f"--exclude-newer-package={package}={_timestamp(package_date)}")
        options.append(f"--exclude-newer={_timestamp(date)}")
        if self._constraints_file.exists():
            options += ["--constraint", str(self._constraints_file)]
        return await self.run_uv("pip", "install", *options, *arguments, seconds=seconds)

    def _repair(self, output: str, date: datetime) -> bool:
        """Adjust uv's options to avoid this failure.

        Returns:
            Whether anything changed, so that another attempt may succeed.
        """
        repairs = (
            self._own_dates.admit_later_uploads(output, date),
            self._state_unparsed_metadata(output),
        )
        return any(repairs)

    def _state_unparsed_metadata(self, output: str) -> bool:
        """Configure the requirements of packages whose metadata uv can't parse."""
        new = unparsed_packages(output) - self._stated_metadata
        if not new:
            return False
        self._stated_metadata |= new
        return True

    def _configure(self) -> bool:
        """Write uv's configuration; return whether there is any."""
        text = metadata_tables(self._stated_metadata)
        if self._own_packages and self._version_variables:
            text = f"{build_variables_table(self._own_packages, self._version_variables)}\n{text}"
        if text:
            self._config_file.write_text(text)
            self._config_file.chmod(0o644)
        return bool(text)

    @property
    def _build_variables(self) -> dict[str, str]:
        """The version for whatever is built; where the names of the packages are known, none.

        A dependency that is built with it would have our version, and uv would take an older one.
        """
        return {} if self._own_packages else self._version_variables

    @property
    def _version_variables(self) -> dict[str, str]:
        return version_variables(self.version or self.recipe.version)

    @property
    def _own_packages(self) -> tuple[str, ...]:
        """The names of the repository's packages; empty if its files don't state them."""
        name = self.recipe.name
        return (*self.recipe.own_packages, canonicalize_name(name)) if name else ()

    async def _run(
        self,
        argv: tuple[str, ...],
        variables: Mapping[str, str],
        *,
        network: Network,
        seconds: float = _STEP_SECONDS,
    ) -> SandboxResult:
        self._uv_cache.mkdir(parents=True, exist_ok=True)
        tree = self.workspace / "tree"
        left = self._deadline - time.monotonic()
        command = SandboxCommand(
            argv,
            cwd=tree,
            run_folder=self.workspace,
            writable=(tree, self.env, self._uv_cache),
            readable=self._readable(),
            environment=dict(variables),
            network=network,
            timeout=max(_LAST_STEP_SECONDS, min(seconds, left)),
            memory_mb=_MEMORY_MB,
            output_limit=_MAX_OUTPUT_BYTES,
        )
        return await self.log.run_logged(self.sandbox, command)

    def _readable(self) -> tuple[Path, ...]:
        paths = [*interpreter_folders(self.interpreter), self._uv]
        paths += local_index_paths(self.index)
        if self._config_file.exists():
            paths.append(self._config_file)
        if self._constraints_file.exists():
            paths.append(self._constraints_file)
        return tuple(paths)


def _timestamp(date: datetime) -> str:
    return f"{date:%Y-%m-%dT%H:%M:%SZ}"
