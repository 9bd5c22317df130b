"""Commands and version matrices in automation."""

import pytest

from repository.testing.detect.automation import read_automation
from repository.testing.detect.requirements import Source
from tests.repository.testing.detect.trees import tree_of

WORKFLOW = """\
name: CI
jobs:
  lint:
    steps:
    - uses: actions/setup-python@v5
      with:
        python-version: '3.13'
    - run: pip install ruff
  test:
    strategy:
      matrix:
        include:
        - {python: '3.9', os: ubuntu}
        - os: macos
          python-version: "3.11"
    steps:
      - name: Install
        run: |
          python -m pip install -U pip && pip install \\
            "mock>=4" attrs
      - name: Install the minimum versions
        run: pip install attrs==1
      - run: pytest -q
  oldest:
    steps:
    - run: pip install attrs==2
"""


def test_jobs_with_another_purpose_are_told_apart() -> None:
    hints = read_automation(tree_of({".github/workflows/ci.yml": WORKFLOW}), "")
    installs = [(line.text, line.number, line.for_tests) for line in hints.installs]
    assert installs == [
        ("ruff", 8, False),
        ("pip", 19, True),
        ("mock>=4", 19, True),
        ("attrs", 19, True),
    ]
    assert [(call.text, call.number) for call in hints.calls] == [("pytest -q", 23)]
    assert hints.minors == (9, 11)
    assert hints.minors_source == Source(".github/workflows/ci.yml", line=15)


@pytest.mark.parametrize(
    ("path", "text", "minors"),
    [
        ("tox.ini", "[tox]\nenvlist =\n    py3{12,11,10}\n    docs\n", (10, 11, 12)),
        ("tox.ini", "[mypy]\npython_version = 3.8\n", ()),
        ("pyproject.toml", "[tool.poetry.dependencies]\npython = '3.8'\n", ()),
        ("pyproject.toml", "[tool.tox]\nenv_list = ['3.10', '3.9']\n", (9, 10)),
        (".travis.yml", "python:\n- 2.7\n- '3.6'\n- pypy3\n", (6,)),
        (".github/workflows/publish.yml", "jobs:\n  build:\n    python-version: '3.12'\n", ()),
        (
            ".gitlab-ci.yml",
            "test:\n  parallel:\n    matrix:\n      - PYTHON_VERSION: ['3.9']\n",
            (9,),
        ),
        ("noxfile.py", "", ()),
    ],
)
def test_version_matrices_are_read(path: str, text: str, minors: tuple[int, ...]) -> None:
    assert read_automation(tree_of({path: text}), "").minors == minors
