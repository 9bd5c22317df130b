"""A test environment on disk: ``install`` builds it, ``run`` runs tests in it."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from repository.testing.models import Recipe

InstallMode = Literal["editable", "copied", "path"]
_FILE = "environment.json"
#: Variables from which build tools read the version instead of asking git.
_VERSION_VARIABLES = (
    "SETUPTOOLS_SCM_PRETEND_VERSION",
    "PBR_VERSION",
    "PDM_BUILD_SCM_VERSION",
    "PDM_PEP517_SCM_VERSION",
    "POETRY_DYNAMIC_VERSIONING_BYPASS",
)


class EnvironmentFailed(Exception):
    """No environment for the tests could be built; the message names the step that failed."""


class BuiltEnvironment(BaseModel):
    """How to run programs in a workspace's environment.

    It is stored in a file outside the folders that the sandbox can write.
    """

    model_config = ConfigDict(frozen=True)

    recipe: Recipe
    """The recipe from which it was built."""
    interpreter: Path | None
    """None if the tests are not Python's."""
    install_mode: InstallMode
    """How the repository's packages are found: through a link to ``tree``, as a copy that ``tree``
    on PYTHONPATH shadows, or only through PYTHONPATH."""
    tool_folders: tuple[Path, ...]
    """Folders of the interpreter or the tools, for PATH."""
    readable: tuple[Path, ...]
    """Folders that they read, other than the system's."""
    variables: dict[str, str] = {}

    @classmethod
    def read(cls, workspace: Path) -> "BuiltEnvironment | None":
        file = workspace / _FILE
        if not file.exists():
            return None
        return cls.model_validate_json(file.read_text())

    @staticmethod
    def remove(workspace: Path) -> None:
        (workspace / _FILE).unlink(missing_ok=True)

    def write(self, workspace: Path) -> None:
        (workspace / _FILE).write_text(self.model_dump_json())

    def serves(self, recipe: Recipe) -> bool:
        """Whether it was built from ``recipe``, ignoring the runner."""
        return self.recipe == recipe.model_copy(update={"runner": self.recipe.runner})

    def python(self, workspace: Path) -> Path | None:
        if self.recipe.needs_environment:
            return workspace / "env/bin/python"
        return self.interpreter

    def readable_in(self, workspace: Path) -> tuple[Path, ...]:
        if self.recipe.needs_environment:
            return (*self.readable, workspace / "env")
        return self.readable

    def process_variables(self, workspace: Path) -> dict[str, str]:
        """Return the environment variables of the tests' processes."""
        folders = (
            workspace / "env/bin",
            *self.tool_folders,
            Path("/usr/local/bin"),
            Path("/usr/bin"),
            Path("/bin"),
        )
        variables = {
            "PATH": ":".join(str(folder) for folder in folders),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
            "TZ": "UTC",
        }
        if self.recipe.needs_environment:
            variables["VIRTUAL_ENV"] = str(workspace / "env")
        if self.install_mode != "editable" and self.interpreter is not None:
            variables["PYTHONPATH"] = self._python_path(workspace / "tree")
        variables.update(version_variables(self.recipe.version))
        variables.update(self.variables)
        variables.update(self.recipe.environment)
        return variables

    def _python_path(self, tree: Path) -> str:
        source_root = self.recipe.source_root
        if source_root:
            return f"{tree}/{source_root}:{tree}"
        return str(tree)


def version_variables(version: str | None) -> dict[str, str]:
    """Return variables that set the version of packages that ask git; ``tree`` has no ``.git``."""
    if not version:
        return {}
    return dict.fromkeys(_VERSION_VARIABLES, version)
