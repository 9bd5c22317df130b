"""``coding-agent jobs tests``."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from cli.command import CommandError
from cli.job_argument import job_argument
from cli.jobs.reading import StoredRun
from cli.jobs.rounds import find_round, round_option
from cli.output import Output, json_option
from console.visible_text import visible

if TYPE_CHECKING:
    from console.runs.rounds import RoundReport
    from console.runs.test_comparison import TestComparison
    from repository.testing.models import Suite

_STYLES = {"failed": "red", "error": "red", "passed": "green", "flaky": "yellow"}
_RESULT_WIDTH = 8


@click.command("tests")
@job_argument
@click.option("--generation", type=click.IntRange(min=0), help="Default: the newest.")
@round_option
@json_option("Print one JSON object a test.")
@click.pass_context
def command(
    ctx: click.Context,
    job: str,
    generation: int | None,
    round_number: int | None,
    output: Output,
) -> None:
    """Show the tests that failed before or after the change, those that fail now first.

    In a pipe, each line has the result before, the result after and the test, separated by tabs.
    Of a change that was sent back, the first 50 failing tests are known.

    \b
    Examples:
      coding-agent jobs tests octo/repo#42
      coding-agent jobs tests octo/repo#42 --round 1 | cut -f 3
      coding-agent jobs tests octo/repo#42 --json | jq -r .test
    """
    from console.runs.redaction import redacted
    from console.runs.rounds import read_rounds
    from console.runs.test_comparison import compare_tests
    from repository.testing.models import Suite
    from stages.prepare_tests import PrepareTests

    stored = StoredRun.open(ctx, job, generation)
    source = stored.source()
    suite = source.newest_result(PrepareTests.name, Suite)
    if suite is None:
        raise CommandError("the run has not prepared any tests")
    rounds = read_rounds(source)
    chosen = find_round(rounds, round_number) if round_number else _newest_tested(rounds)
    rows = redacted(compare_tests(suite, chosen), stored.redact)
    if output.as_json:
        for row in rows:
            click.echo(json.dumps(asdict(row)))
        return
    click.echo(_describe(suite, chosen), err=True)
    _print(rows)


def _newest_tested(rounds: "Sequence[RoundReport]") -> "RoundReport | None":
    """Return the newest round whose change was tested; None if there is none."""
    for round_ in reversed(rounds):
        if round_.verdict is not None or round_.sent_back:
            return round_
    return None


def _describe(suite: "Suite", round_: "RoundReport | None") -> str:
    from prompts.filters import one_line

    if not suite.runnable:
        return one_line(suite.reason)
    if suite.base is None or round_ is None:
        return "No change has been tested yet; these tests fail without one:"
    before = f"before: {len(suite.base.green)} passed, {len(suite.base.red)} failed"
    if round_.verdict is None:
        return f"{before}; round {round_.number}: {one_line(round_.summary)}"
    verdict = round_.verdict
    return f"{before}; round {round_.number}: {verdict.ran} ran, {verdict.verification}"


def _print(rows: "Sequence[TestComparison]") -> None:
    from rich.text import Text

    from cli.output import styled_console
    from cli.paging import show

    if not styled_console().is_terminal:
        for row in rows:
            click.echo(f"{row.before}\t{row.after}\t{_name(row)}")
        return
    text = Text()
    for row in rows:
        text.append(f"{row.before:<{_RESULT_WIDTH}}", _STYLES.get(row.before, "dim"))
        text.append(f"{row.after:<{_RESULT_WIDTH}}", _STYLES.get(row.after, "dim"))
        text.append(f"{_name(row)}\n")
    show(text)


def _name(row: "TestComparison") -> str:
    from prompts.filters import one_line

    return visible(one_line(row.test))
