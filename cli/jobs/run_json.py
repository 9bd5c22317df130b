"""A run as JSON, in the form of ``jobs list --json`` and ``jobs show --json``."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cli.times import iso_time
from pipeline.money import to_usd
from pipeline.store.contract import RunRow

if TYPE_CHECKING:
    from console.runs.source import RunSource


def run_summary(run: RunRow) -> dict[str, Any]:
    """Return the run as an object of ``jobs list --json``."""
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


def run_details(source: "RunSource") -> dict[str, Any]:
    """Return the run's summary with all its rows, as the object of ``jobs show --json``."""
    from cli.jobs.chronology import read_chronology

    run = source.run
    return {
        **run_summary(run),
        "last_error": run.last_error,
        "stages": _stages(source),
        "rounds": _rounds(source),
        "calls": _calls(source),
        "effects": _effects(source),
        "history": [asdict(moment) for moment in source.history],
        "timeline": [asdict(moment) for moment in read_chronology(source)],
        "result": json.loads(run.result) if run.result else None,
    }


def _stages(source: "RunSource") -> list[dict[str, Any]]:
    return [
        {
            "round": checkpoint.round,
            "stage": checkpoint.stage,
            "seconds": checkpoint.seconds,
            "created_at": checkpoint.created_at,
        }
        for checkpoint in source.stage_results
    ]


def _rounds(source: "RunSource") -> list[dict[str, Any]]:
    return [
        {
            "number": opened.number,
            "to": opened.to,
            "because": opened.because,
        }
        for opened in source.rounds
    ]


def _calls(source: "RunSource") -> list[dict[str, Any]]:
    return [
        {
            "key": call.key,
            "attempt": call.attempt,
            "state": call.state,
            "cost_usd": to_usd(call.micro_usd),
            "model": call.model,
        }
        for call in source.calls
    ]


def _effects(source: "RunSource") -> list[dict[str, Any]]:
    return [
        {
            "name": effect.name,
            "generation": effect.generation,
            "result": effect.result,
        }
        for effect in source.effects
    ]
