"""Run tests in a workspace's tree, as its commands would."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from repository.testing.command_log import CommandLog
from repository.testing.folders import empty_folders
from repository.testing.models import TestReport
from repository.testing.run.in_tree import TreeRunner
from repository.untrusted_files import open_without_links
from repository.workspace.executor import SandboxExecutor


class TestsCantRun(ValueError):
    """There is no environment in which tests can run."""

    __test__ = False


async def run_tests(
    executor: SandboxExecutor, tests: Sequence[str], log: CommandLog, seconds: float
) -> TestReport:
    """Run tests in the tree, which must be in place; the report does not yet have its log's key."""
    environment = executor.environment
    if environment is None:
        raise TestsCantRun("the repository's tests can't be run here: it has no environment")
    run = executor.folders.run
    await empty_folders(executor.sandbox, run, "report")
    runner = TreeRunner(
        executor.sandbox,
        run,
        environment.recipe,
        environment,
        executor.model_command((), seconds=seconds, report=run / "report"),
    )
    tree = executor.folders.tree
    selected = [as_node_id(test, lambda path: is_file_below(tree, path)) for test in tests]
    return await runner.run(selected, log)


def as_node_id(test: str, is_file: Callable[[str], bool]) -> str:
    """Return the node id of a test that is named as in a report: ``tests.test_a.TestA::test_b``.

    In a project below the root, the name begins with the project's folder: ``libs/x/tests.test_a``.
    Any other text is returned as it is, and never read as an option.

    Args:
        test: a file, folder, node id or name.
        is_file: whether a path relative to the tree is a file's.
    """
    name, *inner = test.split("::")
    folder, slash, dotted = name.rpartition("/")
    is_dotted = "." in dotted or not slash
    parts = dotted.split(".") if is_dotted and not name.endswith(".py") else []
    for length in range(len(parts), 0, -1):
        path = f"{folder}{slash}{'/'.join(parts[:length])}.py"
        if is_file(path):
            return "::".join([path, *parts[length:], *inner])
    return f"./{test}" if test.startswith("-") else test


def is_file_below(tree: Path, path: str) -> bool:
    """Return whether the tree has a file at this path that is not behind a link."""
    try:
        os.close(open_without_links(tree, path))
    except OSError:
        return False
    return True
