"""``prompts replay``: repeat a stored run with other templates and compare the two."""

import asyncio
import difflib
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import exits
from cli.command import CommandError, exit_on_settings_error, settings
from cli.job_argument import job_argument
from cli.prompts.source import load
from prompts.tokens import tokens_of

if TYPE_CHECKING:
    from rich.console import Console

    from cli.prompts.runs import StoredRun

CONTEXT_LINES = 2
"""Number of lines shown around a difference."""


@click.command("replay")
@job_argument
@click.option(
    "--template-dir", "named", required=True, metavar="FOLDER|HASH", help="The templates to try."
)
@click.option(
    "--from-stage",
    default="propose_patch",
    show_default=True,
    help="Reuse the results of the stages before this one.",
)
@click.option("--model", help="Ask this model instead of the run's: a LiteLLM name, scripted:FILE.")
@click.option("--generation", type=click.IntRange(min=0), help="Default: the newest.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object with both runs.")
@click.pass_context
def replay(
    ctx: click.Context,
    job: str,
    named: str,
    from_stage: str,
    model: str | None,
    generation: int | None,
    as_json: bool,
) -> None:
    """Repeat a stored run with other templates and show what changes.

    It is a dry run: nothing is pushed, and the service's store is only read. The model is called,
    which can cost up to the run's own limit.

    \b
    Examples:
      coding-agent prompts replay 5c0b7e9c --template-dir ./mine
      coding-agent prompts replay octo/repo#42 --template-dir ./mine --model openai/gpt-4o
    """
    from cli.progress import Printer
    from cli.prompts.runs import Variation, rerun, stored_run
    from stages.order import RESULT_TYPES

    if from_stage not in RESULT_TYPES:
        stages = ", ".join(RESULT_TYPES)
        raise CommandError(
            f"--from-stage: no stage {from_stage!r}; there are {stages}", exits.USAGE
        )
    original = stored_run(ctx, job, generation)
    templates = load(ctx, named)
    printer = Printer(quiet=as_json)
    with (
        tempfile.TemporaryDirectory(prefix="coding-agent-replay-") as folder,
        exit_on_settings_error(),
    ):
        try:
            repeated = asyncio.run(
                rerun(
                    original,
                    settings(ctx),
                    Path(folder),
                    Variation(templates, from_stage, model),
                    observer=printer,
                    on_wait=lambda text: click.echo(text, err=True),
                )
            )
        finally:
            printer.stop()
        before = summarize(original)
        after = summarize(repeated)
    if as_json:
        click.echo(json.dumps({"before": asdict(before), "after": asdict(after)}))
    else:
        _print_comparison(before, after)


@dataclass(frozen=True)
class RunSummary:
    """The parts of a run that can be compared."""

    outcome: str | None
    tests: str
    rounds: int
    cost_usd: float
    prompt_tokens: int
    prompts: dict[str, str]
    """Round and role -> text."""
    patch: str


def summarize(run: "StoredRun") -> RunSummary:
    verdict = run.verdict
    result = json.loads(run.row.result or "{}")
    if verdict is None:
        tests = f"not run: {result.get('reason', '')}"
    else:
        tests = f"{verdict.verification.value}: {verdict.reason}"
    prompts = run.prompts()
    return RunSummary(
        outcome=run.row.outcome,
        tests=tests,
        rounds=result.get("rounds", 0),
        cost_usd=run.cost_usd,
        prompt_tokens=sum(tokens_of(text) for text in prompts.values()),
        prompts=prompts,
        patch=run.patch(),
    )


def _print_comparison(before: RunSummary, after: RunSummary) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    table = Table("", "then", "with these templates", expand=True)
    table.add_row("outcome", Text(str(before.outcome)), Text(str(after.outcome)))
    table.add_row("tests", Text(before.tests), Text(after.tests))
    table.add_row("rounds", str(before.rounds), str(after.rounds))
    table.add_row("cost", f"${before.cost_usd:.4f}", f"${after.cost_usd:.4f}")
    table.add_row(
        "prompts", f"about {before.prompt_tokens} tokens", f"about {after.prompt_tokens} tokens"
    )
    console.print(table)
    for name in {**before.prompts, **after.prompts}:
        old = before.prompts.get(name, "")
        new = after.prompts.get(name, "")
        _print_difference(console, f"prompt: {name}", old, new)
    _print_difference(console, "patch", before.patch, after.patch)


def _print_difference(console: "Console", title: str, old: str, new: str) -> None:
    from rich.table import Table
    from rich.text import Text

    rows = list(side_by_side(old.splitlines(), new.splitlines()))
    if not rows:
        console.print(Text(f"{title}: the same"))
        return
    table = Table("then", "with these templates", title=Text(title), expand=True, show_lines=False)
    for left, right in rows:
        style = "" if left == right else "bold"
        table.add_row(
            Text(replace_control_characters(left), style=style),
            Text(replace_control_characters(right), style=style),
        )
    console.print(table)


def replace_control_characters(line: str) -> str:
    """Return ``line`` without characters that control the terminal: it is untrusted text."""
    characters = [
        character if character.isprintable() or character == "\t" else "\ufffd"
        for character in line
    ]
    return "".join(characters)


def side_by_side(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield pairs of lines that differ, with context; dots stand for skipped lines."""
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for number, group in enumerate(matcher.get_grouped_opcodes(CONTEXT_LINES)):
        starts_later = group[0][1] > 0
        if number > 0 or starts_later:
            yield "...", "..."
        for _, old_start, old_end, new_start, new_end in group:
            left = old[old_start:old_end]
            right = new[new_start:new_end]
            for index in range(max(len(left), len(right))):
                left_line = left[index] if index < len(left) else ""
                right_line = right[index] if index < len(right) else ""
                yield left_line, right_line
