"""Reports about a run, made from the store, as `jobs` prints them."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from cli.times import iso_time
from pipeline.leased_run import is_stage_result
from pipeline.money import to_usd
from pipeline.store.contract import Checkpoint, RunRow
from pipeline.store.reader import StoreReader


@dataclass(frozen=True)
class Moment:
    """Something that happened in a run."""

    at: float
    """Seconds since the epoch."""
    what: str
    detail: str


def run_summary(run: RunRow) -> dict[str, Any]:
    """Return the run as `jobs list` prints it."""
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
        "waits": run.waits,
        "cost_usd": to_usd(run.micro_usd),
        "created_at": iso_time(run.created_at),
    }


def run_report(store: StoreReader, run: RunRow) -> dict[str, Any]:
    """Return everything about the run, as `jobs show` prints it."""
    report = run_summary(run)
    report["last_error"] = run.last_error
    report["stages"] = _stages(store, run)
    report["rounds"] = _rounds(store, run)
    report["calls"] = _calls(store, run)
    report["effects"] = _effects(store, run)
    report["history"] = [asdict(event) for event in store.history(run.key)]
    report["timeline"] = [asdict(moment) for moment in timeline(store, run)]
    report["result"] = json.loads(run.result) if run.result else None
    return report


def timeline(store: StoreReader, run: RunRow) -> list[Moment]:
    """Return what happened in the run, the oldest first."""
    moments = [
        *_delivery_moments(store, run),
        *_stage_moments(store, run),
        *_call_moments(store, run),
        *_effect_moments(store, run),
    ]
    return sorted(moments, key=lambda moment: moment.at)


def _delivery_moments(store: StoreReader, run: RunRow) -> list[Moment]:
    return [Moment(event.at, event.what, event.detail) for event in store.history(run.key)]


def _stage_moments(store: StoreReader, run: RunRow) -> list[Moment]:
    moments = []
    for checkpoint in _stage_results(store, run):
        place = f"{checkpoint.stage}, round {checkpoint.round}"
        detail = f"{place}, {checkpoint.seconds:.2f} s"
        moments.append(Moment(checkpoint.created_at, "stage", detail))
    return moments


def _call_moments(store: StoreReader, run: RunRow) -> list[Moment]:
    moments = []
    for call in store.calls(run.key):
        usd = f"${to_usd(call.micro_usd):.6f}"
        name = f"{call.key} attempt {call.attempt}"
        detail = f"{name}: {call.state} {usd} {call.model}"
        moments.append(Moment(call.created_at, "model call", detail))
    return moments


def _effect_moments(store: StoreReader, run: RunRow) -> list[Moment]:
    moments = []
    for effect in store.effects(run.job_id):
        if effect.generation != run.generation:
            continue
        state = "intended"
        if effect.result:
            state = f"done {json.dumps(effect.result)}"
        moments.append(Moment(effect.created_at, "effect", f"{effect.name}: {state}"))
    return moments


def _stage_results(store: StoreReader, run: RunRow) -> list[Checkpoint]:
    return [row for row in store.checkpoints(run.key) if is_stage_result(row)]


def _stages(store: StoreReader, run: RunRow) -> list[dict[str, Any]]:
    return [
        {
            "round": checkpoint.round,
            "stage": checkpoint.stage,
            "seconds": checkpoint.seconds,
            "created_at": checkpoint.created_at,
        }
        for checkpoint in _stage_results(store, run)
    ]


def _rounds(store: StoreReader, run: RunRow) -> list[dict[str, Any]]:
    return [
        {
            "number": round_.number,
            "to": round_.to,
            "because": round_.because,
        }
        for round_ in store.rounds(run.key)
    ]


def _calls(store: StoreReader, run: RunRow) -> list[dict[str, Any]]:
    return [
        {
            "key": call.key,
            "attempt": call.attempt,
            "state": call.state,
            "cost_usd": to_usd(call.micro_usd),
            "model": call.model,
        }
        for call in store.calls(run.key)
    ]


def _effects(store: StoreReader, run: RunRow) -> list[dict[str, Any]]:
    return [
        {
            "name": effect.name,
            "generation": effect.generation,
            "result": effect.result,
        }
        for effect in store.effects(run.job_id)
        if effect.generation == run.generation
    ]
