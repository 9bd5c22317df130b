"""``coding-agent queue``: count jobs, runs, events, dead letters; publish parked events again."""

import time
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from cli.aws import exit_on_aws_error, queue_url
from cli.command import exit_on_settings_error, settings
from cli.output import Output, json_option
from cli.times import iso_time
from repository.counts import count

if TYPE_CHECKING:
    from console.queues.depths import QueueDepth
    from pipeline.store.contract import PendingEvent
    from pipeline.store.reader import StoreReader

#: The number of runs that are counted, newest first.
MAX_RUNS = 10_000
#: The number of events that are counted of each kind.
MAX_EVENTS = 1000


@click.group("queue")
def command() -> None:
    """Count waiting jobs, jobs in progress, events and outcomes.

    \b
    Examples:
      coding-agent queue stats
      coding-agent queue retry-events
    """


@command.command("stats")
@json_option("Print one JSON object.")
@click.pass_context
def stats(ctx: click.Context, output: Output) -> None:
    """Count the messages of both queues and the runs in the store, and name the oldest unfinished
    run.

    The queues' numbers are SQS's approximate ones.

    \b
    Examples:
      coding-agent queue stats
      coding-agent queue stats --json | jq .dead_letters.visible
    """
    url = queue_url(ctx)
    from console.queues.depths import read_depths

    with exit_on_aws_error():
        depths = read_depths(url)
    payload = {
        "queue": _depth_fields(depths.jobs),
        "dead_letters": _depth_fields(depths.dead_letters),
        **_run_stats(ctx),
    }
    output.write(payload, "\n".join(_lines(payload)))


def _run_stats(ctx: click.Context) -> dict[str, Any]:
    """Return what the store tells about the runs; of a store that does not exist, nothing."""
    chosen = settings(ctx)
    from cli.stores import has_store, open_store_to_read

    if not has_store(chosen):
        click.echo(f"there is no store at {chosen.store_path}: set CODING_AGENT_STORE", err=True)
        return {
            "events": {"waiting": 0, "refused": 0, "parked": 0},
            "runs": {},
            "oldest_unfinished": None,
        }
    with exit_on_settings_error():
        store = open_store_to_read(chosen)
    ctx.call_on_close(store.close)
    return {
        "events": _count_events(store),
        "runs": _count_runs(store),
        "oldest_unfinished": _oldest_unfinished(store),
    }


@command.command("retry-events")
@json_option("Print one JSON object.")
@click.pass_context
def retry_events(ctx: click.Context, output: Output) -> None:
    """Publish the parked events again: those that their topic refused for hours.

    It names each event's topic and its last refusal. A worker then publishes the events within
    seconds. Mend the topic or its policy first: what is refused again is parked again.

    \b
    Examples:
      coding-agent queue retry-events
      coding-agent queue retry-events --json | jq '.events[].last_error'
    """
    from cli.stores import open_existing_store

    with exit_on_settings_error():
        store = open_existing_store(settings(ctx))
    ctx.call_on_close(store.close)
    events = store.parked_events(MAX_EVENTS)
    for event in events:
        store.release_event(event.event_id)
    rows = [_event_row(event) for event in events]
    lines = [f"{row['event_id']}  {row['topic_arn']}  {row['last_error']}" for row in rows]
    lines.append(f"{count(len(rows), 'event')} released: a worker publishes them now")
    output.write({"events": rows}, "\n".join(lines))


def _event_row(event: "PendingEvent") -> dict[str, Any]:
    return {
        "event_id": event.event_id,
        "type": event.type,
        "topic_arn": event.topic_arn,
        "tries": event.tries,
        "last_error": event.last_error,
    }


def _depth_fields(queue: "QueueDepth | None") -> dict[str, Any] | None:
    if queue is None:
        return None
    return {**asdict(queue.depth), "url": queue.url}


def _count_events(store: "StoreReader") -> dict[str, int]:
    """Count the events that are not published, each kind up to ``MAX_EVENTS``."""
    return {
        "waiting": len(store.pending_events(MAX_EVENTS)),
        "refused": len(store.refused_events(MAX_EVENTS)),
        "parked": len(store.parked_events(MAX_EVENTS)),
    }


def _count_runs(store: "StoreReader") -> dict[str, int]:
    """Count the newest runs by outcome, or by state if they have none."""
    states = Counter(run.outcome or run.state for run in store.runs(limit=MAX_RUNS))
    return dict(states.most_common())


def _oldest_unfinished(store: "StoreReader") -> dict[str, Any] | None:
    from pipeline.store.contract import RunFilter

    unfinished = [
        *store.runs(RunFilter(outcome="queued"), limit=MAX_RUNS),
        *store.runs(RunFilter(outcome="running"), limit=MAX_RUNS),
    ]
    if not unfinished:
        return None
    oldest = min(unfinished, key=lambda run: run.created_at)
    return {
        "job_id": oldest.job_id,
        "generation": oldest.generation,
        "state": oldest.state,
        "issue_url": oldest.issue_url,
        "created_at": iso_time(oldest.created_at),
        "age_seconds": time.time() - oldest.created_at,
    }


def _lines(payload: dict[str, Any]) -> list[str]:
    from console.runs.phrases import duration

    runs = ", ".join(f"{number} {state}" for state, number in payload["runs"].items())
    lines = [
        f"{'queue':<18} {_depth_text(payload['queue'])}",
        f"{'dead letters':<18} {_depth_text(payload['dead_letters'])}",
        f"{'events':<18} {_events_text(payload['events'])}",
        f"{'runs':<18} {runs or 'none yet'}",
    ]
    oldest = payload["oldest_unfinished"]
    if oldest:
        run = f"{oldest['job_id']}/{oldest['generation']}"
        age = duration(oldest["age_seconds"])
        lines.append(f"{'oldest unfinished':<18} {run}  {oldest['state']}, {age} old")
    return lines


def _events_text(events: dict[str, int]) -> str:
    text = "{waiting} waiting, {refused} refused, {parked} parked".format(**events)
    if events["parked"]:
        text += " (publish them again: coding-agent queue retry-events)"
    return text


def _depth_text(depth: dict[str, Any] | None) -> str:
    if depth is None:
        return "there is no such queue"
    return "{visible} visible, {in_flight} in flight, {delayed} delayed".format(**depth)
