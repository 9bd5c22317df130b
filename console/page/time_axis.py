"""Where a point in time is on the timeline. Long waits are drawn short."""

from collections.abc import Sequence
from dataclasses import dataclass

from console.html.bars import MIN_WIDTH, WIDTH, Bar, Tone
from console.runs.spans import Span
from console.runs.timeline import Timeline

#: A wait is drawn at most as long as this share of the time of work.
_MAX_WAIT_SHARE = 0.1


@dataclass(frozen=True)
class _Cut:
    """A wait that is drawn shorter than it was."""

    start: float
    end: float
    share: float
    """The part of it that is drawn."""

    def hidden(self, at: float) -> float:
        """Return the seconds of the wait, up to a time, that are not drawn."""
        passed = min(at, self.end) - self.start
        return max(passed, 0.0) * (1 - self.share)


class TimeAxis:
    """The axis of a run's timeline, from 0 to ``console.html.bars.WIDTH``."""

    def __init__(self, timeline: Timeline):
        self._start = timeline.start
        self._end = timeline.end
        self._cuts = _find_cuts(timeline)
        self._length = max(self._drawn(self._end), 1e-9)

    def seconds(self, span: Span) -> float:
        """Return how long a span lasted; of one that has not ended, how long so far."""
        return max(self._end_of(span) - span.start, 0.0)

    @property
    def has_cuts(self) -> bool:
        """Whether a wait is drawn shorter than it was."""
        return bool(self._cuts)

    def x(self, at: float) -> float:
        """Return where a time is on the axis."""
        return WIDTH * self._drawn(at) / self._length

    def bar(self, span: Span, tone: Tone, title: str) -> Bar:
        """Return the bar of a span."""
        start = self.x(span.start)
        end = self.x(self._end_of(span))
        width = max(end - start, MIN_WIDTH)
        x = min(start, WIDTH - MIN_WIDTH)
        return Bar(round(x, 1), round(width, 1), tone, title)

    def _end_of(self, span: Span) -> float:
        """Return when a span ended; one that is in progress reaches to the end of the axis, and
        one whose end nobody knows has only its start.
        """
        if span.end is not None:
            return span.end
        return self._end if span.state == "in progress" else span.start

    def _drawn(self, at: float) -> float:
        """Return the seconds before a time, without those that are cut."""
        at = min(max(at, self._start), self._end)
        hidden = sum(cut.hidden(at) for cut in self._cuts)
        return at - self._start - hidden


def _find_cuts(timeline: Timeline) -> Sequence[_Cut]:
    """Return the waits that are too long to be drawn in proportion."""
    waits: list[tuple[float, float]] = []
    worked = timeline.end - timeline.start
    for span in timeline.of_kind("wait"):
        end = timeline.end if span.end is None else span.end
        waits.append((span.start, end))
        worked -= end - span.start
    longest = max(worked * _MAX_WAIT_SHARE, 1.0)
    cuts: list[_Cut] = []
    for start, end in waits:
        if end - start > longest:
            cuts.append(_Cut(start, end, longest / (end - start)))
    return cuts
