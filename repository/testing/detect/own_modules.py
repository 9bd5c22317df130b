"""Which modules a repository has itself, by the paths of its files."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

_SUFFIXES = (".py", ".pyx", ".pyi", ".so", ".c", ".cc", ".cpp", ".rs", ".f", ".f90")
_MAX_DEPTH = 20
_ROOT = PurePosixPath(".")


@dataclass(frozen=True)
class OwnModules:
    """Names of top-level modules."""

    modules: frozenset[str] = frozenset()
    """Modules and packages that lie outside of any package."""
    folders: frozenset[str] = frozenset()
    """Folders with Python files that are no packages; they may be namespaces."""
    inner: frozenset[str] = frozenset()
    """Modules and folders at any depth, also within packages."""

    def include(self, module: str) -> bool:
        """Whether an imported module may be one of them."""
        top_level = module.partition(".")[0]
        return top_level in self.modules or top_level in self.folders

    def resemble(self, module: str) -> bool:
        """Whether any file or folder has the name of a module, which may then be found."""
        return self.include(module) or module.partition(".")[0] in self.inner

    @classmethod
    def of(cls, paths: Iterable[str]) -> "OwnModules":
        sources = [PurePosixPath(path) for path in paths if _is_source(path)]
        packages = {path.parent for path in sources if path.name == "__init__.py"}
        packages.discard(_ROOT)  # its modules are imported by their own names
        modules: set[str] = set()
        folders: set[str] = set()
        inner: set[str] = set()
        for path in sources:
            top = _top_level(path, packages)
            modules.add(top.stem)
            folders.update(top.parent.parts)
            inner.update([*path.parent.parts, path.stem])
        return cls(frozenset(modules), frozenset(folders), frozenset(inner))


def _is_source(path: str) -> bool:
    return path.endswith(_SUFFIXES) and path.count("/") < _MAX_DEPTH


def _top_level(path: PurePosixPath, packages: Collection[PurePosixPath]) -> PurePosixPath:
    """Return the outermost package that contains a file, or the file if none does."""
    top = path
    while top.parent in packages:
        top = top.parent
    return top
