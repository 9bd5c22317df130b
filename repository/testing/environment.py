"""A test environment on disk: ``install`` builds it, ``run`` runs tests in it."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from repository.testing.ecosystems import KEPT, NODE_FOLDER
from repository.testing.models import ROOT_MARK, Recipe

InstallMode = Literal["editable", "copied", "path"]
BUILD_TOOLS = "env/build-tools"
"""The folder, in a workspace, of what a repeated build needs and tests don't see."""
_FILE = "environment.json"
#: Extension modules need not be fast; without optimization they compile in a third of the time.
#: What was a warning when old sources were written is an error in GCC 14 and Clang 16.
_C_OPTIONS = (
    "-O1 -g0 -Wno-implicit-function-declaration -Wno-implicit-int -Wno-int-conversion"
    " -Wno-incompatible-pointer-types -Wno-return-mismatch"
)
COMPILER_VARIABLES = {
    "CFLAGS": _C_OPTIONS,
    "CXXFLAGS": "-O1 -g0",
    "NPY_NUM_BUILD_JOBS": "2",
    "MAX_JOBS": "2",
    "CMAKE_BUILD_PARALLEL_LEVEL": "2",
    "SKLEARN_BUILD_PARALLEL": "2",
}
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
    failed_projects: dict[str, str] = {}
    """Folder of a project that could not be built, and is not tested -> why."""
    rebuilds: bool = False
    """Whether the package's extension modules can be compiled again, without the network."""
    failure: str = ""
    """Why the repository's own package could not be built; empty if it was."""

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
            # It is there if the repository asks for a newer Node.js than this machine's.
            workspace / "tree" / KEPT / NODE_FOLDER / "bin",
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
        if self.interpreter is not None:
            variables.update(self._python_path(workspace / "tree"))
        variables.update(version_variables(self.recipe.version))
        variables.update(self.variables)
        variables.update(self._own_variables(workspace, variables.get("PYTHONPATH", "")))
        return variables

    def _own_variables(self, workspace: Path, python_path: str) -> dict[str, str]:
        """Return the repository's variables; its PYTHONPATH precedes ``python_path``."""
        root = str(workspace / "tree" / self.recipe.project)
        own = {
            name: value.replace(ROOT_MARK, root) for name, value in self.recipe.environment.items()
        }
        if own.get("PYTHONPATH") and python_path:
            own["PYTHONPATH"] += f":{python_path}"
        return own

    def build_variables(self, workspace: Path) -> dict[str, str]:
        """Return the variables of a repeated build, in addition to those of the tests."""
        variables = self.process_variables(workspace)
        tools = workspace / BUILD_TOOLS
        python_path = filter(None, [variables.get("PYTHONPATH"), str(tools)])
        return {
            **COMPILER_VARIABLES,
            "PYTHONPATH": ":".join(python_path),
            "PATH": f"{tools}/bin:{variables['PATH']}",
        }

    def _python_path(self, tree: Path) -> dict[str, str]:
        """Return PYTHONPATH, if modules of the repository are not installed as links."""
        recipe = self.recipe
        folders = list(recipe.import_folders)
        if self.install_mode != "editable":
            folders = [recipe.source_root, recipe.project, *folders, *recipe.siblings, ""]
        if not folders:
            return {}
        paths = [str(tree / folder) for folder in dict.fromkeys(folders)]
        return {"PYTHONPATH": ":".join(paths)}


def version_variables(version: str | None) -> dict[str, str]:
    """Return variables that set the version of packages that ask git; ``tree`` has no ``.git``."""
    if not version:
        return {}
    return dict.fromkeys(_VERSION_VARIABLES, version)
