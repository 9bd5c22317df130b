"""``coding-agent jobs prompt``."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from cli import exits
from cli.command import CommandError
from cli.job_argument import job_argument
from cli.jobs.reading import StoredRun
from cli.jobs.rounds import find_round, round_option
from cli.output import Output, json_option
from repository.counts import count

if TYPE_CHECKING:
    from console.runs.calls import ModelCall
    from console.runs.report import RunReport


@click.command("prompt")
@job_argument
@click.option("--generation", type=click.IntRange(min=0), help="Default: the newest.")
@round_option
@click.option(
    "--step",
    type=click.IntRange(min=1),
    help="The number of the agent's step; default: the first one of the round.",
)
@click.option(
    "--attempt",
    type=click.IntRange(min=1),
    help="With --step: the number of the agent's attempt; default: 1.",
)
@json_option("Print one JSON object a call.")
@click.pass_context
def command(
    ctx: click.Context,
    job: str,
    generation: int | None,
    round_number: int | None,
    step: int | None,
    attempt: int | None,
    output: Output,
) -> None:
    """Print what the model was sent in a round, and what it replied.

    Of an agent's later steps, these are the messages that are new in the request.

    \b
    Examples:
      coding-agent jobs prompt octo/repo#42
      coding-agent jobs prompt octo/repo#42 --round 1 > prompt.txt
      coding-agent jobs prompt octo/repo#42 --step 2
      coding-agent jobs prompt d7e04176 --json | jq -r .reply
    """
    from rich.text import Text

    from cli.jobs.exchanges import read_exchange, render
    from cli.paging import show

    if step is not None and round_number is not None:
        raise click.UsageError("--step counts the steps of all rounds: leave out --round")
    if step is None and attempt is not None:
        raise click.UsageError("--attempt needs --step")
    stored = StoredRun.open(ctx, job, generation)
    report = stored.report()
    if step is not None:
        calls = [_find_step(report, attempt or 1, step)]
    else:
        calls = _calls_of_round(report, round_number)
    exchanges = [read_exchange(stored, call) for call in calls]
    if output.as_json:
        for exchange in exchanges:
            click.echo(json.dumps(asdict(exchange)))
        return
    text = Text()
    for exchange in exchanges:
        text.append(render(exchange))
    show(text)
    _note_steps(report, calls)


def _find_step(report: "RunReport", attempt: int, number: int) -> "ModelCall":
    for call in report.calls:
        step = call.step
        if step is not None and (step.attempt, step.record.number) == (attempt, number):
            return call
    steps = [step for step in report.steps if step.attempt == attempt]
    raise CommandError(
        f"attempt {attempt} of the agent has no step {number}: it has {count(len(steps), 'step')}",
        exits.USAGE,
    )


def _calls_of_round(report: "RunReport", number: int | None) -> "list[ModelCall]":
    """Return the answered calls of a round, by default the newest that has any; of an agent's
    steps, only the first.
    """
    answered = [call for call in report.calls if call.answer is not None]
    if number is not None:
        find_round(report.rounds, number)
    elif answered:
        number = max(call.round or 1 for call in answered)
    calls: list[ModelCall] = []
    has_step = False
    for call in answered:
        if (call.round or 1) != number or (call.step is not None and has_step):
            continue
        has_step = has_step or call.step is not None
        calls.append(call)
    if not calls:
        raise CommandError(_explain_absence(report, number))
    return calls


def _explain_absence(report: "RunReport", number: int | None) -> str:
    """Say why there is no answer, in a round if ``number`` is given."""
    settled = [call for call in report.calls if call.state == "settled"]
    if settled and all(call.answer is None for call in settled):
        return "what the model replied is no longer stored"
    where = f" in round {number}" if number is not None else ""
    return f"no model has replied{where}"


def _note_steps(report: "RunReport", calls: "Sequence[ModelCall]") -> None:
    if report.steps and len(calls) == 1 and calls[0].step is not None:
        click.echo(
            f"The agent took {len(report.steps)} steps: --step NUMBER prints another one, and"
            " jobs transcript shows what it did.",
            err=True,
        )
