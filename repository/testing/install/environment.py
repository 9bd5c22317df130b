"""An environment for a repository's tests, built in the sandbox from packages as of the base
commit's date.
"""

import re
from dataclasses import dataclass

from packaging.requirements import Requirement

from repository.testing.detect.needs import PACKAGES, distinct, fitting, of_extras
from repository.testing.environment import (
    BuiltEnvironment,
    EnvironmentFailed,
    InstallMode,
    version_variables,
)
from repository.testing.folders import copy_folder, empty_folders
from repository.testing.install.cache import Kept, key_of
from repository.testing.install.installer import DatedInstaller
from repository.testing.install.interpreters import interpreter_folders

#: Whether this pytest works on this interpreter: it rewrites an assertion, and reports.
_PROBE = """
import os, pytest, sys, tempfile
os.chdir(tempfile.mkdtemp())
with open("test_probe.py", "w") as file:
    file.write("def test_probe():\\n    assert len([1]) == 1\\n")
sys.exit(pytest.main(["test_probe.py", "--junitxml=report.xml"]))
"""
#: Metadata of the one distribution that was installed from a folder.
_METADATA = """
import glob, os, sysconfig
for info in glob.glob(os.path.join(sysconfig.get_paths()["purelib"], "*.dist-info")):
    if os.path.exists(os.path.join(info, "direct_url.json")):
        print(open(os.path.join(info, "METADATA"), encoding="utf-8").read().partition("\\n\\n")[0])
"""
#: Files of an installed copy that the tree lacks, such as extension modules and generated modules
#: and data. What makes its packages namespaces goes: it would put the copy's before the tree's.
_COMPLETE = r"""
import csv, glob, os, re, shutil, sys, sysconfig
root, name = sys.argv[1:]
site = sysconfig.get_paths()["platlib"]
plain = lambda text: re.sub("[-_.]+", "_", text).lower()
for info in glob.glob(os.path.join(site, "*.dist-info")):
    of_tree = os.path.exists(os.path.join(info, "direct_url.json"))
    if of_tree or plain(os.path.basename(info).split("-")[0]) == plain(name):
        for row in csv.reader(open(os.path.join(info, "RECORD"), encoding="utf-8")):
            there, wanted = os.path.join(site, row[0]), os.path.join(root, row[0])
            made = of_tree or not re.search(r"(^|/)(tests?/|conftest\.py$|test_[^/]*\.py$)", row[0])
            top = row[0].split("/")[0]
            known = top not in ("..", row[0]) and os.path.isdir(os.path.join(root, top))
            if row[0].endswith("-nspkg.pth") and os.path.isfile(there):
                os.remove(there)
            if made and known and os.path.isfile(there) and not os.path.exists(wanted):
                os.makedirs(os.path.dirname(wanted), exist_ok=True)
                shutil.copy(there, wanted)
"""
_MISSING = """
import importlib.util, sys
print(*(name for name in sys.argv[1:] if importlib.util.find_spec(name) is None))
"""
#: What is there, and can't be imported for another reason than that it is not there: no test
#: expects that.
_BROKEN = """
import importlib, sys
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ImportError:
        pass
    except BaseException:
        print("\\nbroken:", name)
"""
#: In what a failing build says: the module or package that is not there.
_BUILD_NEEDS = re.compile(
    r"No module named '?(\w+)|\b(\w+)\)? is not installed|\b(\w+) must be available and importable",
    re.I,
)
_BUILDS = 5
MESON = "mesonpy"
_NEEDS_SECONDS = 200.0
#: In uv's refusals: the package that can't be had or built, by itself or for what asked for it.
_BLAMED = r"(?:Failed to (?:build|download)|depends on|because|versions? of|only) `?%s(?![\w-])"
_MENDINGS = 8
#: Before Python 3.12 every environment had setuptools; old pytests find no plugins without its
#: pkg_resources.
_WITHOUT_SETUPTOOLS = 12


@dataclass
class Builder:
    """Builds one environment."""

    installer: DatedInstaller

    def __post_init__(self) -> None:
        self.sandbox = self.installer.sandbox
        self.workspace = self.installer.workspace
        self.recipe = self.installer.recipe

    async def build(self) -> None:
        """From ``source`` (the base commit's files) make ``env`` and ``prepared``; raises
        EnvironmentFailed.
        """
        await empty_folders(self.sandbox, self.workspace, "env", "report")
        await copy_folder(self.sandbox, self.workspace, "source", "tree")
        installed: InstallMode = "path"
        if self.recipe.needs_environment:
            installed = await self._environment()
        await copy_folder(self.sandbox, self.workspace, "tree", "prepared")
        self._local(installed).write(self.workspace)

    def _local(self, installed: InstallMode) -> BuiltEnvironment:
        return BuiltEnvironment(
            recipe=self.recipe,
            interpreter=self.installer.interpreter,
            install_mode=installed,
            tool_folders=(self.installer.interpreter.parent,),
            readable=interpreter_folders(self.installer.interpreter),
            variables=version_variables(self.installer.version),
        )

    async def _environment(self) -> InstallMode:
        """A kept one, into which only this commit is installed; else a new one, which is kept."""
        kept = Kept.of(self.sandbox, self.installer.cache, self.recipe.repository)
        key = key_of(self.recipe, self.installer.interpreter, self.installer.index)
        env = self.workspace / "env"
        tried = await kept.take(key, env)
        if tried is None:
            await self._new()
        else:
            self.installer.log.append(f"an environment of this repository is kept here: {key}\n")
        if self.recipe.version_from_git and self.recipe.name and self.recipe.version is None:
            self.installer.version = await self._released_version()
        installed = await self._install_repository() if self.recipe.packaged else "path"
        needs = distinct([*await self._of_extras(), *self.recipe.requirements])
        await self._install_all([need for need in needs if need not in (tried or ())])
        missing = [need for need in await self._missing(installed) if need not in (tried or ())]
        await self._install_all(missing)
        await self._without_broken(missing)
        if tried is None:
            if "pytest" in (self.recipe.runner, *self.recipe.fallback_runners):
                await self._install_pytest()
            if self.installer.time_left:
                await self.installer.python(
                    "-m", "compileall", "-qq", "-j", "2", "-x", r"/tests?/", str(env / "lib")
                )
            if not self.installer.unreachable:
                await kept.keep(key, env, [*needs, *missing])
        return installed

    async def _released_version(self) -> str | None:
        """The last release before the commit's date: there is no tag to ask git for."""
        name = self.recipe.name
        done = await self.installer.install(
            self.installer.dates[0], "--dry-run", "--no-deps", "--no-build", name
        )
        found = re.search(rf"^ \+ {re.escape(name)}==(\S+)$", done.output, re.M | re.I)
        return found[1] if found else None

    async def _new(self) -> None:
        made = await self.installer.run_uv(
            "venv",
            "--relocatable",
            "--allow-existing",
            "--python",
            str(self.installer.interpreter),
            str(self.workspace / "env"),
        )
        if made.returncode != 0:
            raise EnvironmentFailed(f"uv venv: {_last_line(made.output)}")
        if int(self.recipe.python.split(".")[1]) < _WITHOUT_SETUPTOOLS:
            await self.installer.install(self.installer.dates[0], "setuptools")

    async def _install_repository(self) -> InstallMode:
        """Editable; else a copy; else, with its dependencies, what the last release before it brings compiled; else the
        path alone. The tree goes before a copy on the path, and is given the files that only the copy has.
        """
        tree = str(self.workspace / "tree")
        said = ""
        # What meson-python makes editable is built again at each import, with tools that are gone
        # by then.
        ways = ((tree,),) if self.recipe.backend == MESON else (("--editable", tree), (tree,))
        for number, date in enumerate(self.installer.dates):
            for way in ways:
                done = await self.installer.install(date, *way)
                said += done.output
                if done.returncode == 0:
                    return "editable" if way[0] == "--editable" else await self._completed("copied")
                if self.installer.unreachable:
                    return "path"
                await copy_folder(
                    self.sandbox, self.workspace, "source", "tree"
                )  # what the attempt left behind
                if done.timed_out or not self.installer.time_left:
                    return await self._released()
            if not number and await self._build_beside(tree, said):
                return await self._completed("copied")
        return await self._released()

    async def _build_beside(self, tree: str, said: str) -> bool:
        """Without isolation, with the tools of its time: an old setup.py imports what it does not ask for. What builds
        say is missing, is installed."""
        date = self.installer.dates[0]
        tools = ["setuptools", "wheel"]
        for _ in range(_BUILDS):
            found = {a or b or c for a, b, c in _BUILD_NEEDS.findall(said)}
            missing = distinct(
                PACKAGES.get(name, name) for name in sorted(found) if name.lower() not in tools
            )
            if not missing or not self.installer.time_left:
                return False
            tools += [name.lower() for name in found]
            await self.installer.install(
                date, "--reinstall-package=setuptools", "setuptools", "wheel", *missing, floor=False
            )
            done = await self.installer.install(date, "--no-build-isolation", tree, floor=False)
            if done.returncode == 0:
                return True
            said = done.output
            await copy_folder(self.sandbox, self.workspace, "source", "tree")
        return False

    async def _released(self) -> InstallMode:
        for date in self.installer.dates if self.recipe.name else ():
            if (
                await self.installer.install(
                    date, "--only-binary", self.recipe.name, self.recipe.name
                )
            ).returncode == 0:
                self.installer.log.append(
                    "the repository can't be built; its last release gives what is compiled\n"
                )
                return await self._completed("copied")
        self.installer.log.append(
            "the repository can't be installed; its files are put on the path\n"
        )
        return "path"

    async def _completed(self, installed: InstallMode) -> InstallMode:
        root = self.workspace / "tree" / self.recipe.source_root
        await self.installer.python("-c", _COMPLETE, str(root), self.recipe.name)
        return installed

    async def _of_extras(self) -> list[str]:
        """What the installed repository's own metadata ask for with the extras for tests."""
        done = await self.installer.python("-c", _METADATA)
        name = ""
        offered = []
        requires = []
        for line in done.output.splitlines():
            key, _, value = line.partition(": ")
            name = value if key == "Name" else name
            offered += [value] if key == "Provides-Extra" else []
            requires += [value] if key == "Requires-Dist" else []
        extras = [
            extra
            for extra in dict.fromkeys([*self.recipe.extras, *fitting(offered)])
            if extra in offered
        ]
        return of_extras(name, extras, requires, self.recipe.python)

    async def _install_all(self, needs: list[str]) -> None:
        """Together; without those that uv names in its refusal, which are tried by themselves; else
        one by one.
        """
        apart: list[str] = []
        for _ in range(_MENDINGS):
            if not self.installer.time_left:
                return
            first = self.installer.dates[0]
            done = (
                await self.installer.install(first, *needs, seconds=_NEEDS_SECONDS)
                if needs
                else None
            )
            if done is None or done.returncode == 0 or self.installer.unreachable:
                break
            names = {need: re.escape(Requirement(need).name) for need in needs}
            blamed = [need for need in needs if re.search(_BLAMED % names[need], done.output, re.I)]
            if not blamed or done.timed_out:
                needs, apart = [], [*needs, *apart]
            needs = [need for need in needs if need not in blamed]
            apart = [*blamed, *apart]
        for need in apart:
            for date in self.installer.dates[:1] if len(apart) > 4 else self.installer.dates:
                if (
                    self.installer.unreachable
                    or not self.installer.time_left
                    or (await self.installer.install(date, need)).returncode == 0
                ):
                    break

    async def _missing(self, installed: InstallMode) -> list[str]:
        """What tests import, nothing declares and nothing brought."""
        if not self.recipe.modules or self.installer.unreachable:
            return []
        given = self._local(installed).process_variables(self.workspace)
        looked = await self.installer.python(
            "-c", _MISSING, *self.recipe.modules, environment=given
        )
        return distinct(
            self.recipe.modules[name]
            for name in looked.output.split()
            if name in self.recipe.modules
        )

    async def _without_broken(self, needs: list[str]) -> None:
        """Of what was installed because tests import it, what lacks a library of the machine's goes again: where tests
        can do without, they ask for an ImportError."""
        names = [name for name, need in self.recipe.modules.items() if need in needs]
        if not names or not self.installer.time_left:
            return
        told = await self.installer.python("-c", _BROKEN, *names)
        broken = [
            name for name in re.findall(r"^broken: (\S+)$", told.output, re.M) if name in names
        ]
        if broken:
            packages = [Requirement(self.recipe.modules[name]).name for name in broken]
            python = str(self.workspace / "env/bin/python")
            await self.installer.run_uv("pip", "uninstall", "--python", python, *packages)

    async def _install_pytest(self) -> None:
        """As of the commit's date; where that pytest fails on this interpreter, a later one with
        its plugins.
        """
        plugins = [
            name
            for need in self.recipe.requirements
            if (name := Requirement(need).name).startswith("pytest-")
        ]
        said = ""
        for number, date in enumerate(self.installer.dates):
            done = await self.installer.install(
                date, *(["--upgrade", *plugins] if number else []), "pytest"
            )
            said = done.output
            if done.returncode == 0:
                tried = await self.installer.python("-c", _PROBE)
                if tried.returncode == 0:
                    return
                said = tried.output
        if self.recipe.runner == "pytest" and not self.recipe.fallback_runners:
            raise EnvironmentFailed(f"pytest can't be installed: {_last_line(said)}")


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    told = next(
        (line for line in lines if re.match(r"(error|×)", line)),
        lines[-1] if lines else "no output",
    )
    return told[:300]
