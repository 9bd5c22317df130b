"""What a person sees while a run goes on: a line a stage, on standard error; standard output is for results."""

from collections.abc import Callable

from pipeline.outcome import Outcome, RunResult
from pipeline.work import Progress

_MARKS = {"finished": "[green]✓[/]", "restored": "[cyan]↺[/]", "back": "[yellow]↩[/]"}


def printer(*, quiet: bool = False) -> Callable[[Progress], None]:
    """An observer that prints with rich (which keeps to NO_COLOR and plain pipes)."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(stderr=True, quiet=quiet, highlight=False)
    status = console.status("")

    def observe(progress: Progress) -> None:
        where = f"{progress.stage:<14}"
        if progress.kind == "started":
            status.update(f"{where} round {progress.round}")
            status.start()
            return
        detail = escape(first_line(progress.detail))
        if progress.kind == "note":
            console.print(f"  [dim]{where} {detail}[/]")
        elif progress.kind == "ended":
            status.stop()
        else:
            status.stop()
            said = {"restored": "restored", "back": f"back for another round: {detail}"}.get(progress.kind, detail)
            console.print(f"{_MARKS[progress.kind]} {where} {progress.seconds:6.2f} s  {said}".rstrip())

    return observe


def print_result(result: RunResult) -> None:
    """The end of a run, for a person."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False, soft_wrap=True)
    good = result.outcome in (Outcome.PR_OPENED, Outcome.PROPOSED, Outcome.NO_CHANGE_NEEDED)
    console.print(f"[{'green' if good else 'yellow'}]{result.outcome}[/] {escape(result.reason)}")
    told = {
        "pull request": result.pull_request_url,
        "branch": result.branch,
        "verification": result.verification,
        "spent": f"${result.cost_usd:.4f}, {result.seconds:.1f} s, {result.rounds} round{'s' * (result.rounds != 1)}",
        "job": f"{result.job_id} (generation {result.generation})",
        **result.artifacts,
    }
    for name, value in told.items():
        if value:
            console.print(f"  {name:<13} {escape(str(value))}")


def first_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[0][:160]
