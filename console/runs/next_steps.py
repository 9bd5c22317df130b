"""What a person can do about a run: sentences, each with its command."""

import shlex
from dataclasses import dataclass

from pipeline.outcome import Outcome, RunResult
from pipeline.store.contract import RunRow

_NEED_NOTHING = (Outcome.PR_OPENED, Outcome.PROPOSED, Outcome.NO_CHANGE_NEEDED)


@dataclass(frozen=True)
class NextStep:
    text: str
    command: str = ""
    """A command line; empty if there is none."""
    url: str = ""


def advise(run: RunRow, result: RunResult | None, *, has_patch: bool) -> tuple[NextStep, ...]:
    """Return what to do next, the most useful first."""
    job = shlex.quote(run.job_id)
    if run.subject.is_local:
        steps = _of_local_run(run)
    elif run.outcome is None:
        steps = _of_state(run, job)
    else:
        steps = _of_outcome(run, job)
    if result is not None and result.pull_request_url is not None:
        steps.insert(0, NextStep("Review the pull request.", url=result.pull_request_url))
    elif result is not None and result.branch is not None:
        command = f"git switch {shlex.quote(result.branch)}"
        steps.insert(0, NextStep("Look at the branch, in a clone that has it.", command))
    elif has_patch and run.outcome is not None:
        text = "Try the patch in a clone of the repository."
        steps.insert(0, NextStep(text, f"coding-agent jobs diff {job} | git apply"))
    return tuple(steps)


def _of_local_run(run: RunRow) -> list[NextStep]:
    """Return what to do about a run of ``fix``, which no queue and no worker knows."""
    if run.outcome is None:
        return [NextStep("If it was interrupted, run the same `coding-agent fix` again.")]
    if run.outcome in _NEED_NOTHING:
        return []
    text = "Mend what the reason names, then run the same `coding-agent fix` again with --again."
    return [NextStep(text)]


def _of_state(run: RunRow, job: str) -> list[NextStep]:
    if run.state == "queued":
        text = "See whether a worker is running, and how many messages wait."
        return [NextStep(text, "coding-agent queue stats")]
    return [
        NextStep("Follow it.", f"coding-agent jobs watch {job}"),
        NextStep("Stop it.", f"coding-agent jobs cancel {job}"),
    ]


def _of_outcome(run: RunRow, job: str) -> list[NextStep]:
    retry = f"coding-agent jobs retry {job}"
    match run.outcome:
        case Outcome.NO_FIX:
            return [
                NextStep("See what the model replied.", f"coding-agent jobs prompt {job}"),
                NextStep(
                    "Say more in the issue, or choose another model, then run it again.", retry
                ),
            ]
        case Outcome.NEEDS_INFO:
            return [NextStep("Answer in the issue, then run it again.", retry)]
        case Outcome.REJECTED:
            submit = f"coding-agent submit {shlex.quote(run.issue_url)}"
            return [NextStep("Mend what the reason names, then send the issue again.", submit)]
        case Outcome.BUDGET_EXHAUSTED:
            text = "Run it again with a higher limit, as far as the deployment allows one."
            return [NextStep(text, f"{retry} --max-cost USD")]
        case Outcome.CANCELLED:
            return [NextStep("Run it again.", retry)]
        case Outcome.FAILED:
            text = "Mend what the reason names, then replay it from the dead-letter queue."
            return [NextStep(text, f"coding-agent dlq replay {job}")]
        case _:
            return []
