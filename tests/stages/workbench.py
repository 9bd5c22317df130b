"""Small git repositories, and a run around them, for tests of stages that test code."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline.stage import RunContext
from repository.git import Mirrors
from repository.testing.install.tools import BuildTools
from sandbox import NoIsolation, Sandbox
from sandbox.bwrap.backend import BwrapSandbox
from sandbox.index.proxy import IndexProxy
from stages.build_context import Context
from stages.checkout import Checkout
from stages.fetch_issue import Issue
from tests.stand_ins.runs import StageRun

CALC = "def add(a, b):\n    return a - b\n\n\ndef double(a):\n    return a * 2\n"
FIXED_CALC = CALC.replace("a - b", "a + b")
TESTS = """import unittest

from calc import add, double


class TestCalc(unittest.TestCase):
    def test_add(self):
        self.assertEqual(add(2, 3), 5)

    def test_double(self):
        self.assertEqual(double(2), 4)
"""
SAMPLE = {"calc.py": CALC, "test_calc.py": TESTS}


def run_context(folder: Path) -> RunContext:
    """Return a run whose files are all in ``folder``."""
    return StageRun(folder).context()


class Origin:
    """A repository with one commit, mirrored as the checkout stage does."""

    def __init__(self, folder: Path, files: dict[str, str]):
        origin = folder / "origin"
        for path, content in files.items():
            (origin / path).parent.mkdir(parents=True, exist_ok=True)
            (origin / path).write_text(content)
        author = ("-c", "user.name=a", "-c", "user.email=a@b")
        _git(origin, "init", "-q", "-b", "main")
        _git(origin, "add", "-A")
        _git(origin, *author, "commit", "-q", "-m", "first")
        self.mirrors = Mirrors(folder / "mirrors", lambda _: None)
        self.mirror = self.mirrors.at("octo/calc")
        self.mirror.fetch(origin.as_uri(), ["main"])
        sha = self.mirror.branch("main")
        assert sha
        self.sha = sha

    @property
    def checkout(self) -> Checkout:
        return Checkout(
            repository="octo/calc",
            clone_url="",
            base_branch="main",
            base_sha=self.sha,
            committed_at=int(time.time()),
            described=None,
        )


def _git(folder: Path, *arguments: str) -> None:
    environment = {
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "PATH": os.environ["PATH"],
    }
    subprocess.run(["git", *arguments], cwd=folder, env=environment, check=True)


NO_INDEX = {"UV_NO_INDEX": "1"}


def make_sandbox() -> BwrapSandbox:
    """Return the sandbox; skip the test if nothing isolates here."""
    try:
        return BwrapSandbox(IndexProxy.configured({}))
    except NoIsolation as error:
        pytest.skip(str(error))


def build_tools(sandbox: Sandbox, cache: Path, index: Mapping[str, str] = NO_INDEX) -> BuildTools:
    """Return this interpreter and its uv; by default nothing is fetched."""
    return BuildTools(
        sandbox,
        pythons=(Path(sys.executable).resolve().parent,),
        uv=Path(sys.executable).parent / "uv",
        cache=cache,
        index=index,
    )


def issue(text: str = "add subtracts") -> Issue:
    return Issue(
        url="https://github.com/octo/calc/issues/1",
        repository="octo/calc",
        number=1,
        title=text,
        body="",
        author="a",
        association="NONE",
        comments=(),
        clone_url="",
        default_branch="main",
        private=False,
        snapshot_sha256="",
        hidden=(),
    )


def context(*ranking: str) -> Context:
    return Context(files=(), ranking=ranking, listing=(), tokens=0)
