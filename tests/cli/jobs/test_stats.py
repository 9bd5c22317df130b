"""``coding-agent jobs stats``."""

from pipeline.outcome import Event, Outcome, Verification
from pipeline.store.sqlite import SqliteStore
from tests.cli.console import Console
from tests.cli.terminal import run_on_terminal
from tests.stand_ins.runs import claim, job, result_of

ALL_RUNS = """\
3 runs: 2 ended, 1 unfinished; $2.00 in all

              runs  share [95 %]
no_fix           1  50 % [9, 91]
pr_opened        1  50 % [9, 91]
red to green     1  50 % [9, 91]

       median        90 %
cost  $0.5000       $1.50
time    0.0 s  1 min 30 s
"""


def finish(store: SqliteStore, number: int, **fields: object) -> None:
    claimed = claim(store, job(number))
    result = result_of(claimed, Outcome.NO_FIX).model_copy(update={"rounds": 1, **fields})
    store.finish(claimed.lease, result, Event.about(result, "2001-09-09T01:46:40.000Z"), None)


def test_an_empty_store_says_so(console: Console, store: SqliteStore) -> None:
    assert console.run("jobs", "stats").stdout == "no runs yet\n"
    assert console.run("jobs", "stats", "--since", "1h").stdout == "no such runs\n"
    assert console.lines("jobs", "stats", "--json") == []


def test_all_runs_are_summed_up(console: Console, store: SqliteStore) -> None:
    finish(
        store, 1, outcome=Outcome.PR_OPENED, verification=Verification.RED_TO_GREEN, cost_usd=1.5
    )
    finish(store, 2, cost_usd=0.5, seconds=90.0)
    claim(store, job(3))
    assert console.run("jobs", "stats").stdout == ALL_RUNS


def test_groups_have_a_row_each(console: Console, store: SqliteStore) -> None:
    for number in (1, 2, 3):
        finish(store, number, model="large" if number == 1 else "small", cost_usd=0.25)
    output = console.run("jobs", "stats", "--by", "model").stdout
    results, spending = output.split("\n\n")
    assert [line.split()[:2] for line in results.splitlines()[1:]] == [
        ["small", "2"],
        ["large", "1"],
    ]
    assert [line.split()[:2] for line in spending.splitlines()[1:]] == [
        ["small", "$0.5000"],
        ["large", "$0.2500"],
    ]


def test_a_template_set_is_named_by_the_start_of_its_hash(
    console: Console, store: SqliteStore
) -> None:
    finish(store, 1, template_set="0123456789abcdef" * 4)
    output = console.run("jobs", "stats", "--by", "template").stdout
    assert output.splitlines()[1].startswith("0123456789ab  ")
    (group,) = console.lines("jobs", "stats", "--by", "template", "--json")
    assert group["group"] == "0123456789abcdef" * 4
    assert group["outcomes"]["no_fix"]["share"] == 1.0


def test_a_hostile_name_has_no_effect_on_the_terminal(console: Console, store: SqliteStore) -> None:
    finish(store, 1, model="\x1b[2Jlarge")
    assert "\x1b" not in console.run("jobs", "stats", "--by", "model").stdout


def test_a_plot_is_written(console: Console, store: SqliteStore) -> None:
    finish(store, 1, model="large")
    console.run("jobs", "stats", "--plot", "all.svg")
    console.run("jobs", "stats", "--by", "model", "--plot", "models.svg")
    assert "How 1 run ended" in (console.folder / "all.svg").read_text()
    assert "Results by model" in (console.folder / "models.svg").read_text()


def test_a_plot_replaces_an_earlier_one_and_no_other_file(
    console: Console, store: SqliteStore
) -> None:
    finish(store, 1)
    for _ in range(2):
        assert console.run("jobs", "stats", "--plot", "all.svg").stderr == "wrote all.svg\n"
    (console.folder / "notes").write_text("mine")
    message = console.refused("jobs", "stats", "--plot", "notes")
    assert message == "notes is not a plot: name another file"
    assert (console.folder / "notes").read_text() == "mine"


def test_without_runs_no_plot_is_written(console: Console, store: SqliteStore) -> None:
    result = console.run("jobs", "stats", "--plot", "all.svg")
    assert result.stderr == "no runs to draw: all.svg was not written\n"
    assert not (console.folder / "all.svg").exists()


def test_a_plot_in_no_folder_is_refused(console: Console, store: SqliteStore) -> None:
    finish(store, 1)
    message = console.refused("jobs", "stats", "--plot", "no/all.svg")
    assert message == "no/all.svg can't be created: there is no folder no"


def test_on_a_terminal_a_row_has_at_most_80_columns_and_elsewhere_whole_names(
    console: Console, store: SqliteStore
) -> None:
    model = "bedrock/anthropic.claude-" + "x" * 60
    for number in range(1, 4):
        finish(store, number, model=model, cost_usd=9_999.99, seconds=3_599.0)
    code, output = run_on_terminal(console.folder, "jobs", "stats", "--by", "model")
    assert code == 0
    assert max(len(line) for line in output.splitlines()) <= 80
    assert "bedrock/ant…" in output
    assert model in console.run("jobs", "stats", "--by", "model").stdout
