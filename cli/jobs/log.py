"""``coding-agent jobs log``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import click

from cli.command import CommandError
from cli.job_argument import job_argument
from cli.jobs.reading import StoredRun
from cli.jobs.rounds import describe_rounds, find_round, round_option

if TYPE_CHECKING:
    from console.runs.rounds import RoundReport
    from repository.testing.models import Suite

_Of = Literal["change", "base", "environment"]


@click.command("log")
@job_argument
@click.option("--generation", type=click.IntRange(min=0), help="Default: the newest.")
@round_option
@click.option(
    "--of",
    type=click.Choice(["change", "base", "environment"]),
    default="change",
    show_default=True,
    help="Which output: that of the tests with the change, of the tests on the base commit, or of"
    " building their environment.",
)
@click.pass_context
def command(
    ctx: click.Context, job: str, generation: int | None, round_number: int | None, of: _Of
) -> None:
    """Print the output of a run's tests.

    \b
    Examples:
      coding-agent jobs log octo/repo#42
      coding-agent jobs log octo/repo#42 --round 1 | tail -n 20
      coding-agent jobs log d7e04176 --of environment
    """
    from cli.paging import plain_text, show_bytes
    from console.runs.rounds import read_rounds
    from repository.testing.models import Suite
    from stages.prepare_tests import PrepareTests

    if round_number is not None and of != "change":
        raise click.UsageError(f"--round is for the tests with a change, not for --of {of}")
    stored = StoredRun.open(ctx, job, generation)
    source = stored.source()
    if of == "change":
        key = _log_of_change(read_rounds(source), round_number)
    else:
        key = _log_of_suite(source.newest_result(PrepareTests.name, Suite), of)
    text = stored.redact(stored.read_artifact(key).decode(errors="replace"))
    show_bytes(text.encode(), plain_text(text))


def _log_of_change(rounds: "Sequence[RoundReport]", number: int | None) -> str:
    """Return the artifact with the output of a round's tests, by default the newest round's."""
    chosen = rounds if number is None else (find_round(rounds, number),)
    for round_ in reversed(chosen):
        keys = _logs_of_round(round_)
        if keys:
            return keys[0]
    where = describe_rounds(rounds) if number is None else f"round {number}"
    raise CommandError(f"there is no log: no tests have been run with a change ({where})")


def _logs_of_round(round_: "RoundReport") -> list[str]:
    logs = [change.log_key for change in round_.changes]
    if round_.verdict is not None:
        logs.insert(0, round_.verdict.log_key)
    return [key for key in logs if key]


def _log_of_suite(suite: "Suite | None", of: _Of) -> str:
    if suite is None:
        raise CommandError("the run has not prepared any tests")
    key = suite.log_key
    if of == "base":
        key = suite.base.log_key if suite.base is not None else None
    if not key:
        raise CommandError(f"the run has no log of the {of}: {suite.reason}")
    return key
