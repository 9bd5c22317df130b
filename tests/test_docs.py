"""The docs match the code: commands, options, files and settings that they name exist, and none
is left out.
"""

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cli import exits
from cli.main import COMMANDS, main
from pipeline.settings import Settings, variable
from tests.doc_blocks import DOCS as DOCUMENTS
from tests.doc_blocks import REASONS, Block, blocks_of, every_block, run_commands

ROOT = Path(__file__).parents[1]
DOCS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
TEXT = {path.name: path.read_text() for path in DOCS if path.name != "README.md"}
TEXT["README.md"] = (ROOT / "README.md").read_text()


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


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
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


@pytest.mark.parametrize("block", every_block(), ids=lambda block: f"{block.document}:{block.line}")
def test_each_block_of_commands_is_run_or_says_why_not(block: Block) -> None:
    """The commands of ``coding-agent`` are run by ``tests/cli/test_help_examples.py``."""
    where = f"{block.document}:{block.line}"
    if block.mark is None:
        for line in block.commands:
            assert line.startswith(("coding-agent ", "python -m ")), f"{where}: {line} is not run"
    if block.mark == "not run":
        assert block.detail in REASONS, where
    if block.mark == "run by":
        assert (ROOT / str(block.detail)).exists(), where


def test_each_mark_is_before_a_block() -> None:
    for path in DOCUMENTS:
        text = path.read_text()
        marks = re.findall(r"^ *<!-- (?:not run|run by|no commands)", text, re.MULTILINE)
        marked = [block for block in blocks_of(path.name, text) if block.mark is not None]
        assert len(marks) == len(marked), path.name


@pytest.mark.slow
@pytest.mark.parametrize(
    "line", [line for line in run_commands() if not line.startswith("coding-agent ")]
)
def test_each_program_in_the_docs_ends_well(line: str) -> None:
    words = shlex.split(line)
    assert words[0] == "python"
    ended = subprocess.run([sys.executable, *words[1:]], cwd=ROOT, capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr.decode()


def test_every_document_is_in_the_index() -> None:
    index = (ROOT / "docs/README.md").read_text()
    linked = {(ROOT / "docs" / link).resolve() for link in re.findall(r"\]\(([^)#]+)", index)}
    documents = {path.resolve() for path in (ROOT / "docs").glob("*.*") if path.name != "README.md"}
    assert documents - linked == set()


def test_the_exit_codes_in_the_readme_are_those_of_the_code() -> None:
    table = TEXT["README.md"].partition("## Exit codes")[2].partition("##")[0]
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)}
    assert codes == {value for name, value in vars(exits).items() if name.isupper()}


def settings_rows() -> list[tuple[str, str]]:
    """Return each setting of the table in architecture.md, with the cell of its default."""
    table = TEXT["architecture.md"].partition("| variable | meaning | default |")[2]
    table = table.partition("\n\n")[0]
    rows: list[tuple[str, str]] = []
    for line in table.splitlines()[2:]:
        names, *_, default, _ = line.split("|")[1:]
        rows += [(name, default) for name in re.findall(r"`([A-Z_]+)`", names)]
    return rows


FIELDS = {variable(name): field for name, field in Settings.model_fields.items()}


@pytest.mark.parametrize(
    ("name", "cell"),
    [row for row in settings_rows() if row[0] in FIELDS],
    ids=lambda text: text[:40],
)
def test_the_default_of_a_setting_is_that_of_the_code(name: str, cell: str) -> None:
    default = FIELDS[name].default
    if isinstance(default, bool):
        assert f"`{default}`".lower() in cell
    elif isinstance(default, int | float):
        numbers = [float(number) for number in re.findall(r"\d+(?:\.\d+)?", cell)]
        assert default in numbers
    elif isinstance(default, str):
        assert default in cell


def test_the_changelog_has_the_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert version in headings
