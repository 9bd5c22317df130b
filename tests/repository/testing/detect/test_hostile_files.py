"""Hostile files neither break detection nor hold it up."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repository.testing.detect.detection import detect
from repository.testing.install.build_failures import classify
from repository.testing.install.interpreters import allows
from repository.testing.run.reports.lines import read_lines
from repository.testing.selection import choose_tests
from tests.repository.testing.detect.trees import tree_of

HUGE = 40_000


@pytest.mark.parametrize(
    "text",
    [
        "import " + " " * HUGE + "!",
        "import " + "a , " * HUGE + "!",
        "\n" * HUGE + "!",
        "def test(" * HUGE,
        " " * HUGE + "!",
        "importorskip(" + " " * HUGE,
        "from " + "." * HUGE,
        "{" * HUGE,
        "{a,b}" * HUGE,
        "py3{" + "9," * HUGE + "}: x",
        "pip install " + "a " * HUGE,
        "pip " * HUGE,
        "`" * HUGE,
        "-" * HUGE + ":",
        "a: " * HUGE,
        "\n".join(" " * depth + "a:" for depth in range(400)),
        "[" * 2000,
        "x = [" + "'a', " * HUGE + "]",
        "install_requires='req" * HUGE,
        "uv run --with " * HUGE,
        ("\n" + " " * 998) * 300,
        "```" + ("\n" + " " * 998) * 300,
        "a; " + "(" * HUGE,
        "3" * HUGE,
        "[metadata]\nname\n  continued",
    ],
)
def test_any_text_of_a_repository_or_a_runner_is_read_quickly(text: str) -> None:
    """A quadratic pattern would take minutes and block all other runs."""
    files = {
        "test_a.py": text,
        "conftest.py": text,
        "setup.py": text,
        ".gitmodules": text,
        "setup.cfg": text,
        "pyproject.toml": _pyproject(text),
        f"{text[:2000]}.txt": "",
        "environment.yml": f"dependencies:\n - {text}",
        "tox.ini": f"[tox]\nenvlist = {text}\n[testenv]\ndeps = {text}",
        "noxfile.py": f"{text}\ndef test(session):\n    session.install({text!r})\n",
        **dict.fromkeys(
            ["README.md", "Dockerfile", "Makefile", "requirements.txt", "Pipfile"], text
        ),
        ".github/workflows/a.yml": text,
    }
    draft = detect(tree_of(files)).draft
    allows(draft.package.requires_python, 11)
    read_lines(text)
    classify(text + "a" * HUGE)
    choose_tests(["test_a.py"] * 20, {"test_a.py": text}, {}, ranking=["a/b.py"], issue="x")


@pytest.mark.parametrize(
    "text",
    [
        "\n" * HUGE + "!",
        "a/" * HUGE + "!",
        "- a" + " " * HUGE + 'b"c',
        "*p" * HUGE,
        "**/" * HUGE,
        "npm run test && " * 200,
        "mocha \0 \ud800",
    ],
)
def test_other_languages_and_projects_below_the_root_are_found_quickly(text: str) -> None:
    files = {
        "sub/setup.py": "",
        "sub/requirements.txt": text,
        "Cargo.toml": "",
        "a.rs": text,
        "package.json": json.dumps({"scripts": {"test": text}, "workspaces": [text]}),
        "p" * 60 + "/package.json": "{}",
        "a/" * 40 + "package.json": "{}",
        "web/package.json": "{}",
        "web/pnpm-workspace.yaml": f"packages:\n{text}",
        "web/app/package.json": "{}",
    }
    draft = detect(tree_of(files)).draft
    if draft.toolchain is not None:
        commands = [
            command for project in draft.toolchain.node_projects for command in project.commands
        ]
        words = [word for command in commands for word in (*command.options, *command.files)]
        "".join(words).encode()
        assert "\0" not in words


@pytest.mark.parametrize("text", ["a;", "a,", "f(x=1);"])
def test_a_megabyte_of_tiny_statements_is_no_configuration(text: str) -> None:
    """It took minutes to read, for each project of a repository."""
    huge = text * (990_000 // len(text))
    files = {
        "setup.py": f"{huge}\nsetup(install_requires=['mock'])",
        "noxfile.py": huge,
        "test_a.py": "",
    }
    assert detect(tree_of(files)).draft.needs.dependencies == ()


def test_a_constraint_file_is_read_once() -> None:
    constraints = "\n".join(f"a{number}==1" for number in range(1000))
    names = [f"requirements-test-{number}.txt" for number in range(10)]
    includes = "\n".join(f"-r {name}" for name in names)
    text = "-c constraints.txt\n" * 900 + includes + "\na1\n"
    files = {**dict.fromkeys(names, text), "constraints.txt": constraints, "test_a.py": ""}
    assert detect(tree_of(files)).draft.needs.requirements == ("a1==1",)


def test_a_session_with_very_many_arguments_is_read_quickly() -> None:
    session = "x = [" + "'a', " * HUGE + "]\ndef tests(s):\n" + "  s.run(*x)\n" * 300
    files = {
        "noxfile.py": session,
        "test_a.py": "",
    }
    assert detect(tree_of(files)).tests.paths == ("test_a.py",)


def _pyproject(text: str) -> str:
    quoted = json.dumps(text)
    groups = [f"g{number} = [{{include-group = 'g{number + 1}'}}]\n" for number in range(2000)]
    return (
        f"[project]\nname = 'shop'\nrequires-python = {quoted}\ndependencies = [{quoted}]\n"
        f"[tool.poetry.dependencies]\nattrs = {quoted}\n"
        f"[dependency-groups]\ntest = [{{include-group = 'g0'}}]\n{''.join(groups)}"
    )


@settings(deadline=None, max_examples=60)
@given(
    st.dictionaries(
        st.sampled_from(
            [
                "pyproject.toml",
                "setup.cfg",
                "setup.py",
                "tox.ini",
                "pytest.ini",
                "test_a.py",
                "noxfile.py",
                "Pipfile",
                "environment.yml",
                "pixi.toml",
                "README.md",
                "Dockerfile",
                "requirements.in",
                "tox.toml",
                "Makefile",
                ".github/workflows/a.yml",
                "requirements-test.txt",
                "package.json",
            ]
        ),
        st.text(max_size=200),
    )
)
def test_no_text_breaks_detection(files: dict[str, str]) -> None:
    paths = detect(tree_of(files)).tests.paths
    assert paths == (("test_a.py",) if "test_a.py" in files else ())
