"""What building a package needs, from its files."""

import pytest

from repository.testing.detect.build_requirements import read_build
from repository.testing.detect.project import Project
from tests.repository.testing.detect.trees import tree_of

SETUP = """import os, versioneer
import numpy as np
from setuptools import setup

def configuration():
    from Cython.Build import cythonize
    import matplotlib

setup(name="shop", version="0.21.dev0")
"""


def build_of(files: dict[str, str]) -> tuple[tuple[str, ...], str]:
    build = read_build(Project(tree_of(files)))
    return build.requirements, build.announced_version


def test_what_setup_py_imports_is_needed_though_nothing_declares_it() -> None:
    requirements, _ = build_of({"setup.py": SETUP, "versioneer.py": ""})
    assert requirements == ("numpy", "setuptools", "cython")


def test_declared_requirements_of_the_build_count_first() -> None:
    toml = "[build-system]\nrequires = ['setuptools<60', 'numpy==1.14.5']"
    requirements, _ = build_of({"pyproject.toml": toml, "shop/fast.pyx": ""})
    assert requirements == ("setuptools<60", "numpy==1.14.5", "cython")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("setup.py", SETUP),
        ("pyproject.toml", "[project]\nname = 'shop'\nversion = '0.21.dev0'"),
        ("setup.cfg", "[metadata]\nname = shop\nversion = 0.21.dev0"),
        ("shop/__init__.py", "__version__ = '0.21.dev0'"),
        ("cart/__init__.py", "__version__ = '0.21.dev0'"),
    ],
)
def test_the_announced_version_is_read_from_each_file(path: str, text: str) -> None:
    files = {"setup.py": "from setuptools import setup\nsetup(name='shop')", path: text}
    assert build_of(files)[1] == "0.21.dev0"
