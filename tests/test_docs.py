"""The docs match the code: commands, options, files and settings that they name exist, and none
is left out.
"""

import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cli.main import COMMANDS, main
from pipeline.settings import Settings, variable

ROOT = Path(__file__).parents[1]
DOCS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
TEXT = {path.name: path.read_text() for path in DOCS}


def commands() -> list[str]:
    """Every ``coding-agent ...`` line of a code block, its comment left out."""
    lines = (
        line.split("  #")[0].strip()
        for text in TEXT.values()
        for line in text.splitlines()
        if line[:4] == "    "
    )
    return sorted({line for line in lines if line.startswith("coding-agent ")})


@pytest.mark.parametrize("line", commands())
def test_a_command_in_the_docs_exists_with_its_options(line: str) -> None:
    words = shlex.split(line)[1:]
    words = (
        words[: words.index("--")] if "--" in words else words
    )  # the rest belongs to another program
    context = click.Context(main)
    command: click.Command = main
    while isinstance(command, click.Group):
        subcommand = command.get_command(context, words[0])
        assert subcommand is not None, f"{line}: there is no {words[0]}"
        command = subcommand
        words = words[1:]
    options = {
        name
        for parameter in command.params
        for name in (*parameter.opts, *parameter.secondary_opts)
    }
    assert {word.split("=")[0] for word in words if word.startswith("--")} <= options


def test_every_command_is_in_the_docs() -> None:
    payload = "\n".join(TEXT.values())
    assert [name for name in COMMANDS if f"coding-agent {name}" not in payload] == []


def test_every_setting_is_in_the_docs() -> None:
    payload = "\n".join(TEXT.values())
    assert [
        variable(name) for name in Settings.model_fields if f"`{variable(name)}`" not in payload
    ] == []


def test_every_setting_in_the_docs_exists() -> None:
    senders = {"CODING_AGENT_URL", "CODING_AGENT_API_KEY"}  # a backend's own
    known = {variable(name) for name in Settings.model_fields} | senders
    next_ones = TEXT["architecture.md"].partition("## Next")[2]
    named = set(
        re.findall(r"`(CODING_AGENT_[A-Z_]+)", "\n".join(TEXT.values()).replace(next_ones, ""))
    )
    assert named <= known


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_links_and_files_that_the_docs_name_exist(path: Path) -> None:
    text = path.read_text()
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    assert [link for link in links if link and not (path.parent / link).exists()] == []
    files = re.findall(
        r"`((?:pipeline|stages|repository|sandbox|prompts|cli|tools|tests|examples|docs|benchmarks)/[\w./-]*)`",
        text,
    )
    assert [file for file in files if not (ROOT / file).exists()] == []


def test_the_asyncapi_document_is_what_the_command_prints() -> None:
    printed = CliRunner().invoke(main, ["schema", "asyncapi"]).stdout
    assert (ROOT / "docs/asyncapi.yaml").read_text() == printed, (
        "coding-agent schema asyncapi > docs/asyncapi.yaml"
    )


def test_every_program_in_the_docs_exists() -> None:
    text = "\n".join(TEXT.values())
    modules = set(re.findall(r"python -m ((?:benchmarks|tools)\.\w+)", text))
    assert modules
    for module in modules:
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists(), module


def test_every_module_in_the_docs_exists() -> None:
    text = "\n".join(TEXT.values())
    modules = set(re.findall(r"`((?:pipeline|cli|stages|repository|sandbox)(?:\.[a-z_]+)+)`", text))
    for module in modules:
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or path.is_dir(), module
