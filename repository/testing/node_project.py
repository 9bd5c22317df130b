"""The test commands of one package of JavaScript or TypeScript, as a recipe stores them."""

from pydantic import BaseModel, ConfigDict

from repository.runners import Runner


class NodeCommand(BaseModel):
    """A call of a test runner by a package's script; all words are shell words, with quotes."""

    model_config = ConfigDict(frozen=True)

    runner: Runner
    program: tuple[str, ...]
    """Variables and wrappers up to the runner: ``cross-env A=1 c8 mocha``."""
    options: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    """The files, folders and patterns that it is given."""


class NodeProject(BaseModel):
    """A package and how its own scripts test it."""

    model_config = ConfigDict(frozen=True)

    folder: str
    """Relative to the repository's root, which is ""."""
    preparation: tuple[str, ...] = ()
    """Shell lines that build what the tests run, such as ``tsc``."""
    commands: tuple[NodeCommand, ...]
    uses: tuple[str, ...] = ()
    """Folders of the repository's packages on which it depends: its build may contain theirs."""
