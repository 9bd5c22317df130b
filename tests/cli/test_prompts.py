"""``coding-agent prompts``: what a prompt engineer works with."""

import json
import shutil
from pathlib import Path

import pytest

from prompts import TemplateSet
from prompts.template_set import SHIPPED
from tests.cli.console import Console, Sample
from tests.end_to_end.service import ISSUE


@pytest.fixture
def mine(console: Console) -> Path:
    """A copy of the shipped templates, to edit."""
    return Path(shutil.copytree(SHIPPED, console.folder / "mine"))


def edit(folder: Path, name: str, old: str, new: str) -> None:
    file = folder / f"{name}.md.j2"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def test_templates_are_listed_with_the_hashes_that_pull_requests_quote(console: Console, mine: Path) -> None:
    shipped = TemplateSet.load()
    rows = console.lines("prompts", "list", "--json")
    assert {row["name"]: row["hash"] for row in rows} == {name: shipped.hash(name) for name in shipped.names}
    assert all(row["description"] for row in rows)
    assert f"(the set)            {shipped.set_hash[:12]}" in console.run("prompts", "list").stdout
    edit(mine, "propose", "# ", "## ")
    changed = console.lines("prompts", "list", "--json", "--templates", mine)
    assert [new["name"] for old, new in zip(rows, changed, strict=True) if old != new] == ["propose"]


def test_the_settings_folder_is_used_where_none_is_given(
    console: Console, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(mine, "propose", "# ", "## ")
    monkeypatch.setenv("CODING_AGENT_TEMPLATES", str(mine))
    assert TemplateSet.load(mine).set_hash[:12] in console.run("prompts", "list").stdout


def test_the_shipped_templates_have_no_findings(console: Console) -> None:
    result = console.run("prompts", "lint")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "0 findings\n")


def test_a_finding_names_template_line_and_reason_and_exits_with_1(console: Console, mine: Path) -> None:
    edit(mine, "pull_request_title", "{{ title", "{{ titel")
    result = console.run("prompts", "lint", "--templates", mine)
    assert result.exit_code == 1
    assert "pull_request_title:12: 'titel' is used but not declared" in result.stdout
    rows = console.lines("prompts", "lint", "--templates", mine, "--json", code=1)
    assert {row["template"] for row in rows} == {"pull_request_title"} and all(row["message"] for row in rows)


@pytest.mark.parametrize("command", [["list"], ["lint"], ["render", "propose", "--variables", "v.json"]])
def test_a_folder_without_templates_is_told(console: Console, command: list[str]) -> None:
    (console.folder / "v.json").write_text("{}")
    (console.folder / "bare").mkdir()
    assert "the folder holds no *.md.j2 files" in console.refused("prompts", *command, "--templates", "bare")


def test_a_template_without_front_matter_is_told_with_its_line(console: Console, mine: Path) -> None:
    (mine / "propose.md.j2").write_text("words")
    assert console.refused("prompts", "list", "--templates", mine).startswith("template 'propose', line 1: no front")


def test_a_template_is_rendered_with_variables_from_a_file(console: Console) -> None:
    (console.folder / "v.json").write_text(json.dumps({"issue_number": 7, "title": "It @breaks"}))
    result = console.run("prompts", "render", "pull_request_title", "--variables", "v.json")
    assert (result.exit_code, result.stdout) == (0, "Fix #7: It @\u200bbreaks\n")


@pytest.mark.parametrize(
    ("name", "variables", "said"),
    [
        ("pull_request_title", None, "give --job JOB_ID, or --variables FILE with: issue_number, title"),
        ("pull_request_title", "[1]", "v.json: a JSON object is needed, variable -> value"),
        ("pull_request_title", "{", "v.json: not JSON"),
        ("pull_request_title", '{"title": "t"}', "template 'pull_request_title': needs issue_number"),
        ("sonnet", "{}", "template 'sonnet': there is none; there are commit_message, "),
    ],
)
def test_a_mistake_in_rendering_is_told(console: Console, name: str, variables: str | None, said: str) -> None:
    (console.folder / "v.json").write_text(variables or "")
    assert said in console.refused("prompts", "render", name, *(["--variables", "v.json"] if variables else []))


def test_the_prompt_of_a_stored_run_is_rendered_as_it_was_sent(console: Console, sample: Sample, mine: Path) -> None:
    sample.reply.write_text("no edits here")
    event = console.json(*sample.fix, "--max-rounds", "1", "--json", code=3)
    job_id = event["data"]["job_id"]
    (exchange,) = console.data_dir.glob("artifacts/**/*exchange.json")
    system, user = json.loads(exchange.read_text())["request"]["messages"]
    for name, sent in (("propose_system", system), ("propose", user)):
        result = console.run("prompts", "render", name, "--job", job_id)
        assert (result.exit_code, result.stdout) == (0, sent["content"])
    edit(mine, "propose", "# ", "EDITED # ")
    changed = console.run("prompts", "render", "propose", "--job", job_id, "--templates", mine).stdout
    assert "EDITED # " in changed and ISSUE[0] in changed
    said = console.refused("prompts", "render", "pull_request_title", "--job", job_id)
    assert said == "--job has no issue_number, title for pull_request_title: give --variables FILE"


def test_a_job_without_a_prompt_is_told(console: Console) -> None:
    said = console.refused("prompts", "render", "propose", "--job", "nothing")
    assert said == "there is no such run of job 'nothing' in this store; see: coding-agent jobs list"
