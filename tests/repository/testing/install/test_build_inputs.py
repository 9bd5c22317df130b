"""Which files of a repository decide what its installation produces."""

from pathlib import PurePosixPath

import pytest

from repository.git import Entry
from repository.testing.install.build_inputs import build_inputs, is_build_input
from repository.testing.models import Recipe
from tests.repository.testing.install.test_installer import RECIPE

FILES = {
    "pyproject.toml": "1",
    "src/shop/__init__.py": "1",
    "src/shop/cart.py": "1",
    "src/shop/fast.pyx": "1",
    "tests/test_cart.py": "1",
    "README.md": "1",
}


SRC = RECIPE.model_copy(update={"source_root": "src"})


def key(changes: dict[str, str], recipe: Recipe = SRC) -> str:
    files = FILES | changes
    entries = [Entry("100644", sha, 1, path) for path, sha in files.items()]
    return build_inputs(entries, recipe)


@pytest.mark.parametrize("path", ["src/shop/cart.py", "tests/test_cart.py", "README.md"])
def test_modules_tests_and_documents_need_no_new_installation(path: str) -> None:
    assert key({path: "2"}) == key({})


@pytest.mark.parametrize("path", ["pyproject.toml", "src/shop/fast.pyx", "src/shop/__init__.py"])
def test_build_files_compiled_sources_and_the_version_do(path: str) -> None:
    assert key({path: "2"}) != key({})


def test_a_new_package_needs_a_new_installation() -> None:
    assert key({"src/shopkit/cart.py": "1"}) != key({})
    assert key({"src/shop/more.py": "1"}) == key({})


def test_of_a_version_only_the_release_counts() -> None:
    def of_version(version: str) -> str:
        return key({}, SRC.model_copy(update={"version": version}))

    assert of_version("1.2.dev3+g0a1") == of_version("1.2.dev4+g0b2")
    assert of_version("1.2.dev3+g0a1") != of_version("1.3.dev1+g0c3")


@pytest.mark.parametrize(
    ("path", "counts"),
    [
        ("setup.py", True),
        ("astropy/wcs/setup_package.py", True),
        ("tools/generate.py", True),
        ("requirements/base.txt", True),
        ("src/shop/CMakeLists.txt", True),
        ("VERSION.txt", True),
        ("CHANGES.txt", False),
        ("src/shop/data.json", True),
        ("docs/conf.toml", False),
        ("src/shop/sub/deep/__init__.py", False),
    ],
)
def test_files_that_builds_read_count(path: str, counts: bool) -> None:
    assert is_build_input(PurePosixPath(path)) is counts
