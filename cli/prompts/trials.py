"""Read a run as the trial of a template set."""

from cli.prompts.runs import StoredRun
from console.comparison.trials import Case, Trial
from pipeline.outcome import Outcome
from pipeline.store.contract import RunRow


def trial_of(run: StoredRun) -> Trial:
    """Return what the run came to, with its texts: it may be deleted afterwards."""
    row = run.row
    verdict = run.verdict
    return Trial(
        outcome=Outcome(row.outcome) if row.outcome is not None else None,
        verification=verdict.verification if verdict is not None else None,
        reason=verdict.reason if verdict is not None else row.reason or "",
        rounds=len(run.rounds) + 1,
        cost_usd=run.cost_usd,
        prompts=run.prompts(),
        replies=run.replies(),
        patch=run.patch(),
    )


def case_of(row: RunRow, a: Trial, b: Trial) -> Case:
    """Return the case of two trials that repeat, or are, the stored run ``row``."""
    number = row.subject.number
    return Case(f"{row.repository}#{number}", row.issue_url, row.key.prefix, a, b)
