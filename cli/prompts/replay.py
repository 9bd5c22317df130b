"""``prompts replay``: a stored run once more with other templates, side by side with what it did
then.
"""

import asyncio
import difflib
import json
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import exits
from cli.command import CommandError, exit_on_settings_error, settings
from cli.prompts.source import load
from prompts.tokens import tokens_of

if TYPE_CHECKING:
    from cli.prompts.runs import StoredRun
    from pipeline.model import Message, ModelReply, ModelRequest
    from prompts import TemplateSet

CONTEXT = 2
"""Lines that are shown around a difference."""


@click.command("replay")
@click.argument("run", metavar="RUN")
@click.option(
    "--template-dir", "named", required=True, metavar="FOLDER|HASH", help="The templates to try."
)
@click.option(
    "--from-stage",
    default="propose_patch",
    show_default=True,
    help="Keep the results before this one.",
)
@click.option("--model", help="Ask this model instead of the run's: a LiteLLM name, scripted:FILE.")
@click.option("--generation", type=click.IntRange(min=0), help="Default: the newest.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object with both.")
@click.pass_context
def replay(
    ctx: click.Context,
    run: str,
    named: str,
    from_stage: str,
    model: str | None,
    generation: int | None,
    as_json: bool,
) -> None:
    """Repeat a stored run (by its job id) here with other templates, and show what that changes.

    It is a dry run: nothing is pushed, and the store of the service is only read. The model is asked, and costs up to
    the run's own limit.

    \b
    Examples:
      coding-agent prompts replay JOB_ID --template-dir ./mine
      coding-agent prompts replay JOB_ID --template-dir ./mine --from-stage propose_patch --model openai/gpt-4o
    """
    from cli.progress import Printer
    from cli.prompts.runs import STAGES, rerun, stored_run

    if from_stage not in STAGES:
        raise CommandError(
            f"--from-stage: no stage {from_stage!r}; there are {', '.join(STAGES)}", exits.USAGE
        )
    before = stored_run(ctx, run, generation)
    templates = load(ctx, named)
    printer = Printer(quiet=as_json)
    with (
        tempfile.TemporaryDirectory(prefix="coding-agent-replay-") as folder,
        exit_on_settings_error(),
    ):
        try:
            after = asyncio.run(
                rerun(
                    before,
                    settings(ctx),
                    Path(folder),
                    templates,
                    from_stage=from_stage,
                    model=model,
                    observer=printer,
                    say=lambda text: click.echo(text, err=True),
                )
            )
        finally:
            printer.stop()
        told = {"before": seen(before), "after": seen(after)}
    if as_json:
        click.echo(json.dumps(told))
    else:
        _print(told["before"], told["after"])


def seen(run: "StoredRun") -> dict[str, Any]:
    """What a run did, as far as it can be compared."""
    verdict = run.verdict
    result = json.loads(run.row.result or "{}")
    said = (
        f"{verdict.verification.value}: {verdict.reason}"
        if verdict
        else f"not run: {result.get('reason', '')}"
    )
    prompts = run.prompts()
    return {
        "outcome": run.row.outcome,
        "tests": said,
        "rounds": result.get("rounds", 0),
        "cost_usd": run.cost_usd,
        "prompt_tokens": sum(tokens_of(text) for text in prompts.values()),
        "prompts": prompts,
        "patch": run.patch(),
    }


def _print(before: dict[str, Any], after: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    table = Table("", "then", "with these templates", expand=True)
    for name in ("outcome", "tests", "rounds"):
        table.add_row(name, Text(str(before[name])), Text(str(after[name])))
    table.add_row("cost", f"${before['cost_usd']:.4f}", f"${after['cost_usd']:.4f}")
    table.add_row("prompts", *(f"about {side['prompt_tokens']} tokens" for side in (before, after)))
    console.print(table)
    pairs = [
        (f"prompt: {name}", before["prompts"].get(name, ""), after["prompts"].get(name, ""))
        for name in {**before["prompts"], **after["prompts"]}
    ]
    for title, old, new in (*pairs, ("patch", before["patch"], after["patch"])):
        table = Table(
            "then", "with these templates", title=Text(title), expand=True, show_lines=False
        )
        rows = list(side_by_side(old.splitlines(), new.splitlines()))
        for left, right in rows:
            style = "" if left == right else "bold"
            table.add_row(*(Text(shown_safely(line), style=style) for line in (left, right)))
        console.print(table if rows else Text(f"{title}: the same"))


def shown_safely(line: str) -> str:
    """A model or a stranger wrote it: it must not steer the terminal."""
    return "".join(ch if ch.isprintable() or ch == "\t" else "\ufffd" for ch in line)


def side_by_side(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The lines that differ, with a few around them; what is left out is told."""
    groups = difflib.SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(CONTEXT)
    for number, group in enumerate(groups):
        if number or group[0][1]:
            yield "...", "..."
        for _, old_from, old_to, new_from, new_to in group:
            left = old[old_from:old_to]
            right = new[new_from:new_to]
            for at in range(max(len(left), len(right))):
                yield (left[at] if at < len(left) else ""), (right[at] if at < len(right) else "")


class _Listener:
    """A model that keeps what it is asked, and ends the run there."""

    def __init__(self) -> None:
        self.heard: tuple[Message, ...] = ()

    def worst_case_usd(self, request: "ModelRequest") -> float:
        return 0.0

    async def complete(self, request: "ModelRequest") -> "ModelReply":
        from pipeline.errors import Halt
        from pipeline.outcome import Outcome

        self.heard = request.messages
        raise Halt(Outcome.NO_FIX, "the prompt was all that was wanted")


def first_prompt(
    ctx: click.Context,
    issue_url: str | None,
    repo: Path | None,
    issue_file: Path | None,
    templates: "TemplateSet",
) -> "Sequence[Message]":
    """What a run of this issue would ask first, by running it up to there."""
    from cli import wiring
    from cli.fix import issue_of
    from cli.progress import Printer
    from cli.prompts.runs import scratch
    from pipeline.worker.one_job import run_job

    # A name of its own: its workspace must not be a worker's on this machine.
    fields: dict[str, Any] = {"job_id": f"workbench-{uuid.uuid4()}", "options": {"dry_run": True}}
    job, forge = issue_of(issue_url, repo, issue_file, **fields)
    listener = _Listener()
    printer = Printer()
    with (
        tempfile.TemporaryDirectory(prefix="coding-agent-render-") as folder,
        exit_on_settings_error(),
    ):
        made = scratch(settings(ctx), Path(folder), templates)
        forge = forge or wiring.github_forge(made)
        app = wiring.build(made, forge, host=job.issue.host, model=listener, observer=printer)
        try:
            event, _ = asyncio.run(run_job(job, app.store, app.engine, on_wait=lambda *_: None))
        finally:
            printer.stop()
            app.store.close()
    if not listener.heard:
        raise CommandError(f"no prompt is made: {getattr(event.data, 'reason', '')}")
    return listener.heard
