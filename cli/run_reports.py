"""What the store knows about one run, in the form that `jobs` prints."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from cli.times import iso_time
from pipeline.leased_run import is_stage_result
from pipeline.store.contract import RunRow
from pipeline.store.store import RunStore


@dataclass(frozen=True)
class Moment:
    """Something that happened in a run."""

    at: float
    """Seconds since the epoch."""
    what: str
    detail: str


def run_summary(store: RunStore, run: RunRow) -> dict[str, Any]:
    """Return the run as `jobs list` prints it."""
    spent = sum(call.micro_usd for call in store.calls(run.key))
    return {
        "job_id": run.job_id,
        "generation": run.generation,
        "issue_url": run.issue_url,
        "state": run.state,
        "outcome": run.outcome,
        "reason": run.reason,
        "round": run.round,
        "tries": run.tries,
        "deliveries": run.deliveries,
        "crashes": run.crashes,
        "seconds": run.seconds,
        "last_error": run.last_error,
        "cost_usd": spent / 1e6,
        "created_at": iso_time(run.created_at),
    }


def run_report(store: RunStore, run: RunRow) -> dict[str, Any]:
    """Return everything about the run, as `jobs show` prints it."""
    report = run_summary(store, run)
    report["stages"] = _stages(store, run)
    report["rounds"] = _rounds(store, run)
    report["calls"] = _calls(store, run)
    report["effects"] = _effects(store, run)
    report["history"] = [asdict(event) for event in store.history(run.key)]
    report["timeline"] = [asdict(moment) for moment in timeline(store, run)]
    report["result"] = json.loads(run.result) if run.result else None
    return report


def timeline(store: RunStore, run: RunRow) -> list[Moment]:
    """Return what happened in the run, the oldest first."""
    moments = [Moment(event.at, event.what, event.detail) for event in store.history(run.key)]
    for stage in filter(is_stage_result, store.checkpoints(run.key)):
        detail = f"{stage.stage}, round {stage.round}, {stage.seconds:.2f} s"
        moments.append(Moment(stage.created_at, "stage", detail))
    for call in store.calls(run.key):
        usd = f"${call.micro_usd / 1e6:.6f}"
        detail = f"{call.key} attempt {call.attempt}: {call.state} {usd} {call.model}"
        moments.append(Moment(call.created_at, "model call", detail))
    for effect in store.effects(run.job_id):
        if effect.generation != run.generation:
            continue
        state = f"done {json.dumps(effect.result)}" if effect.result else "intended"
        moments.append(Moment(effect.created_at, "effect", f"{effect.name}: {state}"))
    return sorted(moments, key=lambda moment: moment.at)


def _stages(store: RunStore, run: RunRow) -> list[dict[str, Any]]:
    return [
        {
            "round": checkpoint.round,
            "stage": checkpoint.stage,
            "seconds": checkpoint.seconds,
            "created_at": checkpoint.created_at,
        }
        for checkpoint in filter(is_stage_result, store.checkpoints(run.key))
    ]


def _rounds(store: RunStore, run: RunRow) -> list[dict[str, Any]]:
    return [
        {"number": round_.number, "to": round_.to, "because": round_.because}
        for round_ in store.rounds(run.key)
    ]


def _calls(store: RunStore, run: RunRow) -> list[dict[str, Any]]:
    return [
        {
            "key": call.key,
            "attempt": call.attempt,
            "state": call.state,
            "cost_usd": call.micro_usd / 1e6,
            "model": call.model,
        }
        for call in store.calls(run.key)
    ]


def _effects(store: RunStore, run: RunRow) -> list[dict[str, Any]]:
    return [
        {"name": effect.name, "generation": effect.generation, "result": effect.result}
        for effect in store.effects(run.job_id)
        if effect.generation == run.generation
    ]
