"""Print a run's progress and result for a person.

Each stage has a line. The progress of ``fix`` goes to standard error; that of ``jobs watch`` is its
result, and goes to standard output.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from cli.output import styled_console
from cli.times import clock_time
from pipeline.engine.deps import Progress
from pipeline.outcome import RunResult
from prompts.filters import one_line
from repository.counts import count

if TYPE_CHECKING:
    from rich.text import Text

_MARKS = {"finished": "[green]✓[/]", "restored": "[cyan]↺[/]", "back": "[yellow]↩[/]"}
_DETAIL_WIDTH = 160


class StageLine:
    """The line beside the spinner: what is done, for how long, and how far it is."""

    def __init__(
        self, title: str, elapsed: float = 0.0, clock: Callable[[], float] = time.monotonic
    ):
        """``elapsed`` is for how long it has been done before this line."""
        self.status = ""
        self._title = title
        self._clock = clock
        self._started = clock() - elapsed

    def __rich__(self) -> "Text":
        from rich.text import Text

        elapsed = clock_time(self._clock() - self._started)
        return Text(f"{self._title} {elapsed} {self.status}".rstrip())


class Printer:
    """An observer that prints progress with rich, which respects NO_COLOR and plain pipes."""

    def __init__(self, *, quiet: bool = False, stderr: bool = True):
        self._console = styled_console(stderr=stderr, quiet=quiet)
        self._line = StageLine("")
        self._spinner = self._console.status("")

    def __call__(self, progress: Progress) -> None:
        from rich.markup import escape

        stage = f"{progress.stage:<14}"
        first_line = progress.detail.strip().partition("\n")[0]
        detail = escape(one_line(first_line)[:_DETAIL_WIDTH])
        if progress.kind == "note":
            self._print_note(f"  [dim]{stage} {detail}[/]")
            return
        if progress.kind == "status":
            self._line.status = one_line(progress.detail)
            return
        self.stop()
        if progress.kind == "started":
            self._line = StageLine(f"{stage} round {progress.round}", progress.seconds)
            self._spinner.update(self._line)
            self._spinner.start()
        elif progress.kind in _MARKS:
            text = _stage_text(progress.kind, detail)
            line = f"{_MARKS[progress.kind]} {stage} {progress.seconds:6.2f} s  {text}"
            self._console.print(line.rstrip())

    def _print_note(self, text: str) -> None:
        """Print a note; on a terminal, on one line."""
        if self._console.is_terminal:
            self._console.print(text, soft_wrap=False, no_wrap=True, overflow="ellipsis")
        else:
            self._console.print(text)

    def stop(self) -> None:
        """Remove the spinner, and show the cursor again."""
        self._spinner.stop()

    def say(self, text: str) -> None:
        """Print a line that is not about a stage, even if ``quiet``."""
        self.stop()
        click.echo(text, err=True)


def print_result(result: RunResult) -> None:
    """Print how a run ended."""
    from rich.markup import escape

    console = styled_console()
    color = "green" if result.outcome.is_success else "yellow"
    console.print(f"[{color}]{result.outcome}[/] {escape(one_line(result.reason))}")
    rounds = count(result.rounds, "round")
    rows = {
        "pull request": result.pull_request_url,
        "branch": result.branch,
        "verification": result.verification,
        "spent": f"${result.cost_usd:.4f}, {result.seconds:.1f} s, {rounds}",
        "job": f"{result.job_id} (generation {result.generation})",
        **result.artifacts,
    }
    for name, value in rows.items():
        if value:
            console.print(f"  {name:<13} {escape(str(value))}")


def _stage_text(kind: str, detail: str) -> str:
    if kind == "restored":
        return "restored"
    if kind == "back":
        return f"back for another round: {detail}"
    return detail
