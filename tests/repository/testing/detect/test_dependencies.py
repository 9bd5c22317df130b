"""The run-time requirements that packaging files state."""

import pytest

from repository.testing.detect.dependencies import poetry_requirements
from repository.testing.detect.project import Project
from tests.repository.testing.detect.trees import tree_of

PROJECT = "[project]\nname = 'shop'\ndependencies = ['attrs>=20', 'shop2 @ https://x.test/a.zip']"
POETRY = """[tool.poetry]
package-mode = false
[tool.poetry.dependencies]
python = '^3.9'
attrs = '^20.1'
"""
SETUP_CFG = "[options]\ninstall_requires =\n    attrs>=20\n    mock"
SETUP_PY = (
    "from setuptools import setup\nNEEDS = ['attrs>=20', 'mock']\nsetup(install_requires=NEEDS)"
)


@pytest.mark.parametrize(
    ("path", "text", "dependencies"),
    [
        ("pyproject.toml", PROJECT, ("attrs>=20",)),
        ("pyproject.toml", POETRY, ("attrs>=20.1,<21",)),
        ("setup.cfg", SETUP_CFG, ("attrs>=20", "mock")),
        ("setup.py", SETUP_PY, ("attrs>=20", "mock")),
    ],
)
def test_every_packaging_file_states_dependencies(
    path: str, text: str, dependencies: tuple[str, ...]
) -> None:
    assert Project(tree_of({path: text})).package.dependencies == dependencies


@pytest.mark.parametrize(
    ("stated", "requirement"),
    [
        ("*", "a"),
        ("^1.2.3", "a>=1.2.3,<2"),
        ("^0.2.3", "a>=0.2.3,<0.3"),
        ("^0.0", "a>=0.0,<0.1"),
        ("~1.2", "a>=1.2,<1.3"),
        ("~=1.2", "a~=1.2"),
        ("1.2.*", "a==1.2.*"),
        ("1.2.3", "a==1.2.3"),
        (">= 1.2, != 1.3", "a>=1.2,!=1.3"),
        ("^1.0 || ^2.0", "a>=2.0,<3"),
        ({"version": "^1", "extras": ["x", "y"]}, "a[x,y]>=1,<2"),
        ({"version": "*", "markers": "os_name == 'nt'"}, "a; (os_name == 'nt')"),
        ({"version": "*", "python": "<3.8"}, "a; python_full_version < '3.8'"),
    ],
)
def test_a_constraint_of_poetry_is_a_requirement(stated: object, requirement: str) -> None:
    assert poetry_requirements({"a": stated, "python": "^3.9"}) == [requirement]


@pytest.mark.parametrize(
    "stated", [{"git": "https://x.test/a"}, {"version": "*", "optional": True}]
)
def test_optional_packages_and_addresses_are_left_out(stated: object) -> None:
    assert poetry_requirements({"a": stated}) == []
