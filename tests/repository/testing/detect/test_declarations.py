"""What the code needs to run, from every file that declares it."""

import pytest

from repository.testing.detect.detection import detect
from repository.testing.detect.needs import TestNeeds
from tests.repository.testing.detect.trees import CASE, tree_of


def needs_of(files: dict[str, str]) -> TestNeeds:
    return detect(tree_of(files)).draft.needs


PYPROJECT = "[project]\nname = 'shop'\ndependencies = ['attrs>=20', 'shop2 @ https://x.test/a.zip']"
POETRY = (
    "[tool.poetry]\npackage-mode = false\n"
    "[tool.poetry.dependencies]\npython = '^3.9'\nattrs = '^20.1'"
)
SETUP_PY = (
    "from setuptools import setup\nNEEDS = ['attrs>=20'] + ['mock']\nsetup(install_requires=NEEDS)"
)
CONDA = """\
dependencies:
  - python=3.11
  - conda-forge::attrs>=20
  - openssl
  - pip
  - pip:
    - mock>=4  # from PyPI
"""


@pytest.mark.parametrize(
    ("path", "text", "dependencies"),
    [
        ("pyproject.toml", PYPROJECT, ("attrs>=20",)),
        ("pyproject.toml", POETRY, ("attrs>=20.1,<21",)),
        (
            "pyproject.toml",
            "[tool.flit.metadata]\nrequires = ['attrs']\n"
            "[tool.flit.metadata.requires-extra]\ntest = ['mock']\ndoc = ['sphinx']",
            ("attrs", "mock"),
        ),
        (
            "pyproject.toml",
            "[project]\nname='shop'\ndependencies = ['attrs']\n"
            "[project.optional-dependencies]\nfast=['lxml']\ntest=['mock', 'shop[fast]']",
            ("attrs", "mock", "lxml"),
        ),
        (
            "setup.cfg",
            "[options]\ninstall_requires =\n    attrs>=20\n    mock\n"
            "[options.extras_require]\ntest =\n    lxml",
            ("attrs>=20", "mock", "lxml"),
        ),
        ("setup.py", SETUP_PY, ("attrs>=20", "mock")),
        (
            "setup.py",
            "setup(**{'install_requires': ['attrs'], 'extras_require': {'tests': ['mock']}})",
            ("attrs", "mock"),
        ),
        ("Pipfile", "[packages]\nattrs = '*'\nmock = {version = '>=4'}", ("attrs", "mock>=4")),
        ("environment.yml", CONDA, ("mock>=4",)),
        ("environment.yml", "dependencies:\n- attrs=20\n- gdal\n", ("attrs==20.*",)),
        (
            "environment.yml",
            "dependencies:\n- attrs 20.1\n- lxml=4.6.3=py39_0\n"
            "- mock >=4,<5  # old\n- six[version='>1']\n",
            ("attrs==20.1.*", "lxml==4.6.3", "mock>=4,<5", "six"),
        ),
        (
            "environment.yml",
            "dependencies:\n- 'attrs=20.*'\n- mock>=4|<3\n",
            ("attrs==20.*", "mock"),
        ),
        (
            "environment.yml",
            "dependencies:\n- pytz=2019a\n- attrs=20.\n- mock=4.0.dev0\n- six~=1\n",
            ("pytz", "attrs", "mock", "six"),
        ),
        (
            "README.md",
            "# Shop\n\n    pip install attrs 'mock>=4'\n\n    pytest\n",
            ("attrs", "mock>=4"),
        ),
        ("README.md", "Run `pip install attrs`, then install the rest.\n", ("attrs",)),
        (
            "README.md",
            "On Windows:\n\n    pip install attrs pywin32 pyobjc-framework-Cocoa\n",
            ("attrs",),
        ),
        ("README.md", "pip install the packages that you need\n", ()),
        ("README.rst", "Install\n=======\n::\n\n    $ pip install attrs\n", ("attrs",)),
        (
            "Dockerfile",
            "FROM python:3.11\nRUN apt-get install -y gcc && pip install --no-cache-dir \\\n"
            "    attrs mock>=4 && rm -rf /x\n",
            ("attrs", "mock>=4"),
        ),
        (
            ".devcontainer/devcontainer.json",
            '{"postCreateCommand": "pip install attrs"}',
            ("attrs",),
        ),
        ("Dockerfile", "RUN pip install attrs==$VERSION 'mock==${{ x }}'\n", ("attrs", "mock")),
        (
            ".github/workflows/ci.yml",
            "jobs:\n  test:\n    steps:\n    - run: |\n        pip install attrs flake8\n"
            "  docs:\n    steps:\n    - run: pip install sphinx\n",
            ("attrs",),
        ),
    ],
)
def test_every_file_declares_dependencies(
    path: str, text: str, dependencies: tuple[str, ...]
) -> None:
    assert needs_of({path: text, "test_a.py": CASE}).dependencies == dependencies


def test_requirement_file_in_a_container_is_that_of_the_repository() -> None:
    files = {
        "Dockerfile": "COPY deps.txt /code/\nRUN pip install -r /code/deps.txt\n",
        "deps.txt": "attrs\n",
        "test_a.py": CASE,
    }
    assert needs_of(files).requirements == ("attrs",)


def test_files_of_requirement_folders_are_told_apart_by_their_names() -> None:
    files = {
        "requirements/testing/all.txt": "pytest\n",
        "requirements/testing/extra.txt": "pikepdf\n",
        "requirements/testing/minver.txt": "numpy==1.15\n",
        "requirements/tests-pallets-min.txt": "werkzeug==2.0\n",
        "requirements/docs.txt": "sphinx\n",
        "requirements/prod.in": "-r common.in\n-c constraints.txt\ngunicorn\n",
        "requirements/common.in": "attrs\n",
        "requirements/constraints.txt": "attrs==20.1\n",
        "ci/deps_latest.txt": "numpy\n",
        "ci/deps_pinned.txt": "pandas==0.25\n",
        "test_a.py": CASE,
    }
    needs = needs_of(files)
    assert needs.requirements == ("numpy", "pytest")
    assert needs.dependencies == ("attrs==20.1", "gunicorn")
