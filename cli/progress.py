"""What a person sees while a run goes on: a line a stage, on standard error; standard output is for
results.
"""

from pipeline.engine.deps import Progress
from pipeline.outcome import Outcome, RunResult
from prompts.filters import one_line

_MARKS = {"finished": "[green]✓[/]", "restored": "[cyan]↺[/]", "back": "[yellow]↩[/]"}


class Printer:
    """An observer that prints with rich (which keeps to NO_COLOR and plain pipes)."""

    def __init__(self, *, quiet: bool = False):
        from rich.console import Console

        self._console = Console(stderr=True, quiet=quiet, highlight=False, soft_wrap=True)
        self._status = self._console.status("")

    def __call__(self, progress: Progress) -> None:
        from rich.markup import escape

        where = f"{progress.stage:<14}"
        detail = escape(one_line(progress.detail.strip().partition("\n")[0])[:160])
        if progress.kind == "note":
            self._console.print(f"  [dim]{where} {detail}[/]")
            return
        self.stop()
        if progress.kind == "started":
            self._status.update(f"{where} round {progress.round}")
            self._status.start()
        elif progress.kind in _MARKS:
            said = {"restored": "restored", "back": f"back for another round: {detail}"}.get(
                progress.kind, detail
            )
            self._console.print(
                f"{_MARKS[progress.kind]} {where} {progress.seconds:6.2f} s  {said}".rstrip()
            )

    def stop(self) -> None:
        """Take the spinner away, and give the cursor back."""
        self._status.stop()


def print_result(result: RunResult) -> None:
    """The end of a run, for a person."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False, soft_wrap=True)
    good = result.outcome in (Outcome.PR_OPENED, Outcome.PROPOSED, Outcome.NO_CHANGE_NEEDED)
    console.print(
        f"[{'green' if good else 'yellow'}]{result.outcome}[/] {escape(one_line(result.reason))}"
    )
    told = {
        "pull request": result.pull_request_url,
        "branch": result.branch,
        "verification": result.verification,
        "spent": (
            f"${result.cost_usd:.4f}, {result.seconds:.1f} s, {result.rounds}"
            f" round{'s' * (result.rounds != 1)}"
        ),
        "job": f"{result.job_id} (generation {result.generation})",
        **result.artifacts,
    }
    for name, value in told.items():
        if value:
            console.print(f"  {name:<13} {escape(str(value))}")
