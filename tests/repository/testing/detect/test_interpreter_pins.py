"""The Python version that a repository pins."""

import pytest

from repository.testing.detect.interpreter_pins import find_environment_pin, find_pin
from tests.repository.testing.detect.trees import tree_of


@pytest.mark.parametrize(
    ("path", "text", "line"),
    [
        (".python-version", "3.9.13\n3.11\n", 1),
        (".python-version", "# ours\npypy3.9-7.3.11\n", 2),
        (".tool-versions", "nodejs 20.1\npython 3.9.1 3.8.2\n", 2),
        ("runtime.txt", "python-3.9.18\n", 1),
        ("Pipfile", '[requires]\npython_version = "3.9"\n', 2),
        ("mise.toml", "[tools]\npython = '3.9'\n", 2),
        (".mise.toml", '[tools]\npython = ["3.9", "3.11"]\n', 2),
        ("mise.toml", "[tools.python]\nversion = '3.9'\n", None),
    ],
)
def test_version_managers_pin_a_version(path: str, text: str, line: int | None) -> None:
    pin = find_pin(tree_of({path: text}))
    assert pin is not None
    assert pin.minor == 9
    assert pin.source == (f"{path}:{line}" if line else path)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("Dockerfile", "FROM python:3.9-slim AS build\n"),
        (
            ".devcontainer/devcontainer.json",
            '{\n  "image": "x/devcontainers/python:1-3.9-bookworm"\n}',
        ),
        (".devcontainer/Dockerfile", 'ARG VARIANT="0-3.9"\nFROM x/python:${VARIANT}\n'),
        ("docker-compose.yml", "services:\n  app:\n    image: python:3.9\n"),
        ("Dockerfile.test", "FROM --platform=linux/amd64 docker.io/library/python:3.9\n"),
        ("Dockerfile", "ARG PYTHON_VERSION=3.9\nFROM python:${PYTHON_VERSION}\n"),
        (".gitlab-ci.yml", "test:\n  image: python:3.9\n"),
        (".circleci/config.yml", "  - image: cimg/python:3.9.5\n"),
        ("environment.yml", "dependencies:\n  - numpy\n  - python=3.9.7\n"),
        ("environment.yaml", "dependencies:\n- python 3.9.*\n"),
    ],
)
def test_container_images_and_condas_environment_pin_a_version(path: str, text: str) -> None:
    pin = find_environment_pin(tree_of({path: text}))
    assert pin is not None
    assert pin.minor == 9


@pytest.mark.parametrize(
    "files",
    [
        {".python-version": "my-env\n", "runtime.txt": "python-2.7\n", "mise.toml": "[tools"},
        {"mise.toml": "[tools]\npython = 'latest'\n", ".tool-versions": "ruby 3.9.1\n"},
        {"docs/.python-version": "3.9\n"},
        {"environment.yml": "dependencies:\n- python>=3.9\n- python-dateutil=3.9\n"},
    ],
)
def test_other_values_pin_nothing(files: dict[str, str]) -> None:
    assert find_pin(tree_of(files)) is None
    assert find_environment_pin(tree_of(files)) is None
