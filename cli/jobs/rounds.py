"""The option --round, and the round that it chooses."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from cli import exits
from cli.command import CommandError

if TYPE_CHECKING:
    from console.runs.rounds import RoundReport

#: Passes the number as ``round_number``.
round_option = click.option(
    "--round",
    "round_number",
    type=click.IntRange(min=1),
    help="The number of the round; default: the newest one that has it.",
)


def find_round(rounds: Sequence["RoundReport"], number: int) -> "RoundReport":
    """Return a round by its number; end the command if the run does not have it."""
    for round_ in rounds:
        if round_.number == number:
            return round_
    raise CommandError(f"there is no round {number}: {describe_rounds(rounds)}", exits.USAGE)


def describe_rounds(rounds: Sequence["RoundReport"]) -> str:
    """Say which rounds a run has."""
    newest = max(round_.number for round_ in rounds)
    return "the run has only round 1" if newest == 1 else f"the run has rounds 1 to {newest}"
