"""``prompts replay``: a stored run again, with other templates."""

import json
from pathlib import Path

from cli.prompts.replay_text import side_by_side
from pipeline.store.sqlite import SqliteStore
from prompts import TemplateSet
from tests.cli.console import Console, Sample
from tests.cli.prompts.stored import edit, stored


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_replay_compares_results_and_only_reads_the_store(
    console: Console, sample: Sample, mine: Path
) -> None:
    job_id = stored(console, sample)
    edit(mine, "propose", "# Task\n", "# Task\n\nBe brief.\n")
    (console.folder / "new.yaml").write_text(
        json.dumps(
            [
                {
                    "when": "Be brief",
                    "reply": sample.reply.read_text().replace("a + b", "b + a"),
                    "cost_usd": 0.25,
                },
                {"reply": "none", "cost_usd": 0.5},
            ]
        )
    )
    files = [console.data_dir / name for name in ("store.sqlite", "artifacts")]
    before = tree(files[1]), files[0].read_bytes()
    options = (
        "--template-dir",
        mine,
        "--from-stage",
        "propose_patch",
        "--model",
        "scripted:new.yaml",
    )
    result = console.json("prompts", "replay", job_id, *options, "--json")
    assert (tree(files[1]), files[0].read_bytes()) == before
    assert [
        (side["outcome"], side["cost_usd"], side["tests"][:12]) for side in result.values()
    ] == [
        ("proposed", 0.0, "red to green"),
        ("proposed", 0.25, "red to green"),
    ]
    assert (
        "+    return a + b" in result["before"]["patch"]
        and "+    return b + a" in result["after"]["patch"]
    )
    (old, new) = (
        {name: text for name, text in side["prompts"].items() if "user" in name}
        for side in result.values()
    )
    assert old.keys() == new.keys() and [len(side) for side in (old, new)] == [1, 1]
    assert "Be brief." in new.popitem()[1] and "Be brief." not in old.popitem()[1]
    output = console.run("prompts", "replay", job_id, *options, "--html", "replay.html")
    assert output.exit_code == 0, output.output
    for message in (
        "with these templates",
        "Be brief.",
        "$0.2500",
        "return b + a",
        "↺ prepare_tests",
    ):
        assert message in output.output
    assert "fetch_issue" not in output.output, "what came before is files"
    assert f"red to green -> red to green (run {job_id}/0)" in output.stdout
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
