"""The repository's own package, according to its packaging files."""

from pathlib import Path

import pytest

from repository.testing.detect.project import Package, Project
from tests.repository.testing.detect.trees import CASE, tree_of


def package_of(files: dict[str, str]) -> Package:
    return Project(tree_of(files)).package


def test_setup_py_is_parsed_and_never_run(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    files = {"setup.py": f"open({str(marker)!r}, 'w')", "test_a.py": CASE}
    assert package_of(files).is_installable
    assert not marker.exists()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("setup.py", "setup(package_dir={'': 'python3'})"),
        ("setup.cfg", "[options]\npackage_dir =\n    = python3\n"),
        ("setup.cfg", "[options.packages.find]\nwhere = python3\n"),
        ("pyproject.toml", "[tool.setuptools]\npackage-dir = {'' = 'python3'}\n"),
        ("pyproject.toml", "[tool.setuptools.packages.find]\nwhere = ['python3']\n"),
    ],
)
def test_source_root_is_the_configured_folder(path: str, text: str) -> None:
    files = {"python3/lib/__init__.py": "", "tests/test_a.py": CASE, path: text}
    assert package_of(files).source_root == "python3"


def test_configured_folder_without_a_package_is_not_the_source_root() -> None:
    files = {"python3/lib/__init__.py": "", "setup.py": "setup(package_dir={'': 'gone'})"}
    assert package_of(files).source_root == ""


def test_options_without_values_are_ignored() -> None:
    files = {
        "setup.cfg": "[metadata]\nname\n[options]\npackage_dir\ntests_require\n",
        "pyproject.toml": "[tool.pytest]\nini_options = 3\n",
    }
    project = Project(tree_of(files))
    assert project.package.source_root == ""
    assert project.pytest_config == {"ini_options": 3}


def test_name_in_a_variable_of_setup_py_is_read() -> None:
    files = {
        "setup.py": "NAME = 'scikit-x'\nsetup(name=NAME)\n",
        "skx/__init__.py": "",
        "test_a.py": CASE,
    }
    assert package_of(files).name == "scikit-x"


def test_name_is_that_of_the_only_package_if_no_file_states_it() -> None:
    files = {"src/shop/__init__.py": "", "tests/__init__.py": "", "docs/__init__.py": ""}
    assert package_of(files).name == "shop"
    assert package_of({**files, "cart/__init__.py": ""}).name == ""
