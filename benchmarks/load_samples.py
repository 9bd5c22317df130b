"""What the load test records each second, and the plot of it."""

from dataclasses import dataclass

from benchmarks.time_plot import Curve, Panel, TimePlot
from tests.stand_ins.aws import Queue
from tests.stand_ins.strict_aws import StrictAws

#: Seconds between two samples.
INTERVAL = 1.0


@dataclass(frozen=True)
class QueueState:
    """The queue at one moment."""

    waiting: int
    """Messages that no worker has."""
    in_flight: int
    deleted: int
    """Since the queue was made."""
    oldest: float
    """Seconds since the oldest message that was never received was sent; 0 if there is none."""


@dataclass(frozen=True)
class Sample:
    seconds: float
    """Since the load test began."""
    sent: int
    queue: QueueState
    memory_mb: float
    """Of the worker that is never stopped."""


def read_queue(aws: StrictAws, queue: Queue) -> QueueState:
    """Read the queue's state from the stand-in."""

    def read() -> QueueState:
        state = aws.sqs.of({"QueueUrl": queue.url})
        now = aws.now()
        state.show_due(now)
        waits = []
        for message in state.messages.values():
            if not message.receives:
                waits.append(now - message.sent_at)
        waiting = len(state.visible)
        oldest = max(waits, default=0.0)
        return QueueState(waiting, len(state.messages) - waiting, state.deleted, oldest)

    result: QueueState = aws.look(read)
    return result


def plot(samples: list[Sample], title: str) -> TimePlot:
    """Plot the jobs, the queue's age and the memory over the time."""
    sent = Curve("sent", [sample.sent for sample in samples])
    done = Curve("done", [sample.queue.deleted for sample in samples])
    oldest = Curve("never received", [sample.queue.oldest for sample in samples])
    memory = Curve("resident", [sample.memory_mb for sample in samples])
    panels = [
        Panel("Jobs", [sent, done]),
        Panel("Age of the oldest waiting job, seconds", [oldest]),
        Panel("Memory of the worker that stays, MB", [memory]),
    ]
    return TimePlot(title, [sample.seconds for sample in samples], panels)
