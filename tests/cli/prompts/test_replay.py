"""``prompts replay``: a stored run again, with other templates."""

import json
from contextlib import closing
from pathlib import Path

from cli.prompts.replay_text import side_by_side
from pipeline.job import AddressReviewJob, PullRef
from pipeline.store.contract import Submission
from pipeline.store.sqlite import SqliteStore
from prompts.template_set import TemplateSet
from tests.cli.console import Console, Sample
from tests.cli.prompts.stored import edit, stored


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def replaying(console: Console, sample: Sample, mine: Path) -> tuple[str | Path, ...]:
    """Return the arguments that repeat a stored run with an edited set. The model then proposes
    another patch, for 0.25 US dollars.
    """
    job_id = stored(console, sample)
    edit(mine, "propose", "# Task\n", "# Task\n\nBe brief.\n")
    reply = sample.reply.read_text().replace("a + b", "b + a")
    script = [
        {"when": "Be brief", "reply": reply, "cost_usd": 0.25},
        {"reply": "none", "cost_usd": 0.5},
    ]
    (console.folder / "new.yaml").write_text(json.dumps(script))
    return ("prompts", "replay", job_id, "--template-dir", mine, "--model", "scripted:new.yaml")


def test_a_replay_compares_results_and_only_reads_the_store(
    console: Console, sample: Sample, mine: Path
) -> None:
    arguments = replaying(console, sample, mine)
    store = console.data_dir / "store.sqlite"
    artifacts = console.data_dir / "artifacts"
    stored_before = (tree(artifacts), store.read_bytes())
    result = console.json(*arguments, "--json")
    before = result["before"]
    after = result["after"]
    assert (tree(artifacts), store.read_bytes()) == stored_before
    assert (before["outcome"], before["cost_usd"]) == ("proposed", 0.0)
    assert (after["outcome"], after["cost_usd"]) == ("proposed", 0.25)
    assert before["tests"].startswith("red to green") and after["tests"].startswith("red to green")
    assert "+    return a + b" in before["patch"]
    assert "+    return b + a" in after["patch"]
    (old,) = [text for name, text in before["prompts"].items() if "user" in name]
    (new,) = [text for name, text in after["prompts"].items() if "user" in name]
    assert "Be brief." in new and "Be brief." not in old


def test_a_replay_is_printed_side_by_side_and_as_a_page(
    console: Console, sample: Sample, mine: Path
) -> None:
    arguments = replaying(console, sample, mine)
    result = console.run(*arguments, "--html", "replay.html")
    assert result.exit_code == 0, result.output
    assert f"red to green -> red to green (run {sample.job.id}/0)" in result.stdout
    for text in ("with these templates", "Be brief.", "$0.2500", "return b + a"):
        assert text in result.stdout
    assert "↺ prepare_tests" in result.stderr
    assert "fetch_issue" not in result.stderr, "what came before is files"
    page = (console.folder / "replay.html").read_text()
    assert "the stored run" in page and TemplateSet.load().set_hash[:12] in page
    assert "return a + b" in page, "the patch of the stored run"
    assert page.count("Be brief.") >= 2, "in the templates and in the prompt"


def test_a_run_whose_prompts_are_gone_or_damaged_is_refused_before_a_model_is_paid(
    console: Console, sample: Sample, mine: Path
) -> None:
    job_id = stored(console, sample)
    (exchange,) = console.data_dir.glob("artifacts/**/*exchange.json")
    options = ("--template-dir", mine, "--model", f"scripted:{sample.reply}")
    exchange.write_text("{")
    message = console.refused("prompts", "replay", job_id, *options, code=1)
    assert message.startswith(f"run {job_id} can't be repeated: what it stored can't be read")
    exchange.unlink()
    message = console.refused("prompts", "replay", job_id, *options, code=1)
    assert message == f"run {job_id} can't be repeated: {exchange} no longer exists"


def test_a_mistake_in_a_replay_is_reported(console: Console, sample: Sample, mine: Path) -> None:
    SqliteStore(console.data_dir / "store.sqlite").close()
    message = console.refused("prompts", "replay", "nothing", "--template-dir", mine)
    assert message.startswith("there is no job 'nothing', ")
    message = console.refused(
        "prompts", "replay", "nothing", "--template-dir", mine, "--from-stage", "nonsense"
    )
    assert message.startswith("--from-stage: no stage 'nonsense'; there are fetch_issue, checkout")
    message = console.refused("prompts", "lint", "--template-dir", "0" * 64)
    assert "no such set is published" in message


def test_only_runs_that_fix_an_issue_can_be_repeated(console: Console, mine: Path) -> None:
    pull = PullRef.parse("https://github.com/octo/repo/pull/7")
    with closing(SqliteStore(console.data_dir / "store.sqlite")) as store:
        store.register(Submission.of(AddressReviewJob.of(pull.url, "review-1")))
    refusal = console.refused("prompts", "replay", pull.url, "--template-dir", mine)
    assert "only runs that fix an issue can be repeated" in refusal


def test_side_by_side_shows_differences_with_two_lines_of_context() -> None:
    old = ["a", "b", "c", "d", "e", "f"]
    assert list(side_by_side(old, [*old[:4], "E", "E2", "f"])) == [
        ("...", "..."),
        ("c", "c"),
        ("d", "d"),
        ("e", "E"),
        ("", "E2"),
        ("f", "f"),
    ]
    assert list(side_by_side(old, old)) == []
