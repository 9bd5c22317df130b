"""``coding-agent prompts``: list, check, render, freeze and publish templates."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.prompts.golden import watch_folder
from pipeline.store.sqlite import SqliteStore
from prompts.template_set import SHIPPED, TemplateSet
from tests.cli.console import Console, Sample
from tests.cli.prompts.stored import edit
from tests.end_to_end.service import ISSUE


def test_templates_are_listed_with_the_hashes_that_pull_requests_quote(
    console: Console, mine: Path
) -> None:
    shipped = TemplateSet.load()
    rows = console.lines("prompts", "list", "--json")
    assert {row["name"]: row["hash"] for row in rows} == {
        name: shipped.hash(name) for name in shipped.names
    }
    assert all(row["description"] for row in rows)
    assert f"(the set)            {shipped.set_hash[:12]}" in console.run("prompts", "list").stdout
    edit(mine, "propose", "# ", "## ")
    changed = console.lines("prompts", "list", "--json", "--templates", mine)
    assert [new["name"] for old, new in zip(rows, changed, strict=True) if old != new] == [
        "propose"
    ]


def test_the_settings_folder_is_used_if_none_is_given(
    console: Console, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(mine, "propose", "# ", "## ")
    monkeypatch.setenv("CODING_AGENT_TEMPLATES", str(mine))
    assert TemplateSet.load(mine).set_hash[:12] in console.run("prompts", "list").stdout


def test_the_shipped_templates_have_no_findings(console: Console) -> None:
    result = console.run("prompts", "lint")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "0 findings\n")


def test_a_finding_names_template_line_and_reason_and_exits_with_1(
    console: Console, mine: Path
) -> None:
    edit(mine, "pull_request_title", "{{ title |", "{{ titel |")
    result = console.run("prompts", "lint", "--templates", mine)
    assert result.exit_code == 1
    assert "pull_request_title:12: 'titel' is used but not declared" in result.stdout
    rows = console.lines("prompts", "lint", "--templates", mine, "--json", code=1)
    assert {row["template"] for row in rows} == {"pull_request_title"} and all(
        row["message"] for row in rows
    )


@pytest.mark.parametrize(
    "command", [["list"], ["lint"], ["render", "propose", "--variables", "v.json"]]
)
def test_a_folder_without_templates_is_refused(console: Console, command: list[str]) -> None:
    (console.folder / "v.json").write_text("{}")
    (console.folder / "bare").mkdir()
    assert "the folder contains no *.md.j2 files" in console.refused(
        "prompts", *command, "--templates", "bare"
    )


def test_a_template_without_front_matter_is_refused_with_its_line(
    console: Console, mine: Path
) -> None:
    (mine / "propose.md.j2").write_text("words")
    assert console.refused("prompts", "list", "--templates", mine).startswith(
        "template 'propose', line 1: no front"
    )


def test_a_template_is_rendered_with_variables_from_a_file(console: Console) -> None:
    variables = {"title_prefix": "Fix: ", "title": "It @breaks"}
    (console.folder / "v.json").write_text(json.dumps(variables))
    result = console.run("prompts", "render", "pull_request_title", "--variables", "v.json")
    assert (result.exit_code, result.stdout) == (0, "Fix: It @\u200bbreaks\n")


@pytest.mark.parametrize(
    ("name", "variables", "message"),
    [
        (
            "pull_request_title",
            None,
            "give --job JOB_ID, or --variables FILE with: title_prefix, title",
        ),
        ("pull_request_title", "[1]", "v.json: not a JSON object, variable -> value"),
        ("pull_request_title", "{", "v.json: not JSON"),
        (
            "pull_request_title",
            '{"title": "t"}',
            "template 'pull_request_title': needs title_prefix",
        ),
        ("sonnet", "{}", "template 'sonnet': no such template; there are agent, "),
    ],
)
def test_a_mistake_in_rendering_is_reported(
    console: Console, name: str, variables: str | None, message: str
) -> None:
    (console.folder / "v.json").write_text(variables or "")
    assert message in console.refused(
        "prompts", "render", name, *(["--variables", "v.json"] if variables else [])
    )


def test_the_prompt_of_a_stored_run_is_rendered_as_it_was_sent(
    console: Console, sample: Sample, mine: Path
) -> None:
    sample.reply.write_text("no edits here")
    event = console.json(*sample.fix, "--max-rounds", "1", "--json", code=3)
    job_id = event["data"]["job_id"]
    (exchange,) = console.data_dir.glob("artifacts/**/*exchange.json")
    system, user = json.loads(exchange.read_text())["request"]["messages"]
    for name, sent in (("propose_system", system), ("propose", user)):
        result = console.run("prompts", "render", name, "--job", job_id)
        assert (result.exit_code, result.stdout) == (0, sent["content"])
    edit(mine, "propose", "# ", "EDITED # ")
    changed = console.run(
        "prompts", "render", "propose", "--job", job_id, "--templates", mine
    ).stdout
    assert "EDITED # " in changed and ISSUE[0] in changed
    message = console.refused("prompts", "render", "pull_request_title", "--job", job_id)
    assert (
        message == "--job has no title_prefix, title for pull_request_title: give --variables FILE"
    )


def test_a_job_without_a_prompt_is_reported(console: Console) -> None:
    SqliteStore(console.data_dir / "store.sqlite").close()
    message = console.refused("prompts", "render", "propose", "--job", "nothing")
    assert message.startswith("there is no job 'nothing', ")


def test_an_issues_first_prompt_is_rendered_without_a_model(
    console: Console, sample: Sample, mine: Path
) -> None:
    edit(mine, "propose", "# Task\n", "# Task\n\nBe brief.\n")
    result = console.run(
        "prompts",
        "render",
        "--repo",
        sample.repo,
        "--issue-file",
        sample.issue,
        "--template-dir",
        mine,
    )
    assert result.exit_code == 0, result.output
    assert (
        result.stdout.startswith("[system]\n\nYou are an experienced")
        and "[user]\n\n# Issue " in result.stdout
    )
    assert ISSUE[0] in result.stdout and "Be brief." in result.stdout
    assert not (console.data_dir / "store.sqlite").exists()


def test_golden_shows_what_an_edit_changes_and_freezes_it_on_request(
    console: Console, mine: Path
) -> None:
    assert console.run("prompts", "golden").exit_code == 0, (
        "prompts golden --template-dir prompts/templates --update"
    )
    edit(mine, "edit_format", "Prefer small blocks", "Prefer tiny blocks")
    result = console.run("prompts", "golden", "--template-dir", mine)
    assert result.exit_code == 1
    assert "-- For several changes, write several blocks" in result.stdout
    assert "plain/propose_system: about " in result.stdout, "what includes it changes too"
    assert "6 of " in result.stderr and "plain/propose:" not in result.stdout
    assert console.run("prompts", "golden", "--template-dir", mine, "--update").exit_code == 0
    assert console.run("prompts", "golden", "--template-dir", mine).stdout == ""
    assert "needs --template-dir" in console.refused("prompts", "golden", "--update")


def test_golden_prices_the_difference_for_a_model(console: Console, mine: Path) -> None:
    edit(mine, "propose", "# Task\n", "# Task\n\nBe brief.\n")
    output = console.run(
        "prompts", "golden", "--template-dir", mine, "--model", "openai/gpt-4o"
    ).stdout
    price = re.search(r"plain/propose: about (\d+) -> (\d+) tokens, \+(\S+) US dollars", output)
    assert price
    more = int(price[2]) - int(price[1])
    assert more > 0 and float(price[3]) == pytest.approx(more * 2.5e-6, abs=1e-6)
    message = console.refused("prompts", "golden", "--template-dir", mine, "--model", "nosuch")
    assert message == "--model: 'nosuch' has no price in LiteLLM's list"


def test_each_save_is_rendered_again(console: Console, mine: Path) -> None:
    def edits() -> Iterator[None]:
        yield
        edit(mine, "propose", "# Task\n", "# Task\n\nBe brief.\n")
        yield
        edit(mine, "propose", "Be brief.", "{% if %}")
        yield

    (mine / ".#propose.md.j2").symlink_to("someone@machine.1234")  # as Emacs locks what it edits
    texts = list(watch_folder(mine, edits().__next__))
    assert texts[0].startswith(f"watching {mine}: ")
    assert "+Be brief." in texts[1] and texts[2].startswith("template 'propose', line ")


def test_a_set_is_published_made_current_and_taken_back(
    console: Console, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (console.folder / "sets").mkdir()
    monkeypatch.setenv("CODING_AGENT_TEMPLATES", "sets")
    edit(mine, "propose", "# Task\n", "# Task\n\nBe brief.\n")
    shipped = TemplateSet.load().set_hash
    set_hash = TemplateSet.load(mine).set_hash
    assert console.run("prompts", "publish", mine).stdout == f"{set_hash}\n"
    assert shipped in console.run("prompts", "list").stdout
    assert console.run("prompts", "use", set_hash[:12]).stdout == f"{set_hash} is current\n"
    assert set_hash in console.run("prompts", "list").stdout
    assert "+Be brief." in console.run("prompts", "diff", "default", set_hash[:12]).stdout
    assert console.run("prompts", "use", "default").stdout == f"{shipped} is current\n"
    assert shipped in console.run("prompts", "list").stdout
    edit(mine, "propose", "Be brief.", "{{ issue.body }}")
    assert "'issue.body' is untrusted text" in console.refused("prompts", "publish", mine)
    assert "no such set is published" in console.refused("prompts", "use", "0" * 64)
    for name in ("no such", "abc", "F" * 64):
        message = console.refused("prompts", "lint", "--template-dir", name)
        assert message.startswith(f"{name}: neither a folder, nor 4 or more digits of a published")
    assert "neither a folder" in console.refused("prompts", "use", "mine")


def test_a_diff_reports_a_version_that_was_not_increased(console: Console, mine: Path) -> None:
    edit(mine, "propose", "# Task\n", "# Task\n\nBe brief.\n")
    result = console.run("prompts", "diff", SHIPPED, mine)
    assert result.exit_code == 1 and "+Be brief." in result.stdout
    version = TemplateSet.load().front_matter("propose").version
    assert f"propose: the text differs, but its version is not above {version}" in result.stderr
    edit(mine, "propose", f"version: {version}", f"version: {version + 1}")
    assert "version is not" not in console.run("prompts", "diff", SHIPPED, mine).stderr
    assert console.run("prompts", "diff", mine, mine).exit_code == 0


def test_a_template_is_shown_with_its_front_matter(console: Console) -> None:
    output = console.run("prompts", "show", "propose").stdout
    assert (
        "files[].content                  untrusted str" in output
        and "# Why the previous attempt failed" in output
    )
