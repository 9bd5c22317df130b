"""The variables with which a repository runs its tests."""

import pytest

from repository.testing.detect.detection import detect
from tests.repository.testing.detect.trees import CASE, tree_of

WORKFLOW = """
env:
  STAGE: ci
jobs:
  test:
    env:
      MODE: "fast"  # not slow
      TOKEN: ${{ secrets.TOKEN }}
      DATABASE_URL: postgres://localhost/db
      PYTHONPATH: ${{ github.workspace }}/src
    services:
      db:
        env:
          PASSWORD: x
    steps:
      - run: pytest
        env:
          STEP: x
  more:
    env:
      MORE: x
    steps:
      - run: make
"""


def variables_of(files: dict[str, str]) -> dict[str, str]:
    return dict(detect(tree_of({"tests/test_a.py": CASE, **files})).draft.environment)


@pytest.mark.parametrize(
    ("path", "text", "variables"),
    [
        (
            "tox.ini",
            "[testenv]\nsetenv =\n  MODE = fast\n  DATA={toxinidir}/data\n  LEVEL={env:LEVEL:3}\n"
            "  HOME=/x\n  OTHER={envtmpdir}\npassenv = SECRET\n",
            {"MODE": "fast", "DATA": "{root}/data", "LEVEL": "3"},
        ),
        ("tox.toml", "[env_run_base]\nset_env = {MODE = 'fast'}\n", {"MODE": "fast"}),
        (".env.test", "# ours\nexport MODE='fast' # x\nA=1\n", {"MODE": "fast", "A": "1"}),
        (".env.example", "MODE=fast\n", {}),
        (
            ".travis.yml",
            "env:\n  global:\n    - MODE=fast NAME='a b'\n    - secure: x\n  matrix:\n    - OLD=1\n"
            "script: pytest\n",
            {"MODE": "fast", "NAME": "a b"},
        ),
        (".travis.yml", "env:\n  - OLD=1\n  - OLD=0\nscript: pytest\n", {}),
        (
            ".github/workflows/ci.yml",
            WORKFLOW,
            {"STAGE": "ci", "MODE": "fast", "PYTHONPATH": "{root}/src"},
        ),
    ],
)
def test_literal_values_are_read(path: str, text: str, variables: dict[str, str]) -> None:
    assert variables_of({path: text}) == variables


def test_the_first_source_and_the_repositorys_configuration_win() -> None:
    files = {
        "tox.ini": "[testenv]\nsetenv = A=tox\n",
        ".env.test": "A=file\nB=file\n",
        ".coding-agent.toml": "[tests]\nenvironment = { B = 'ours' }\n",
    }
    assert variables_of(files) == {"A": "tox", "B": "ours"}


def test_submodules_are_named_as_an_obstacle() -> None:
    files = {"tests/test_a.py": CASE, ".gitmodules": '[submodule "x"]\n\tpath = vendor/x\n'}
    assert detect(tree_of(files)).draft.obstacles == ("git submodules are not fetched: vendor/x",)
