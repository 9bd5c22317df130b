"""Where a point in time is on the timeline. Long waits are drawn short."""

from collections.abc import Sequence

from console.html.bars import MIN_WIDTH, WIDTH, Bar, Tone
from console.runs.spans import Span
from console.runs.timeline import Timeline

#: A wait is drawn at most as long as this share of the time of work.
_MAX_WAIT_SHARE = 0.1


class TimeAxis:
    """The axis of a run's timeline, from 0 to ``console.html.bars.WIDTH``."""

    def __init__(self, timeline: Timeline):
        self._start = timeline.start
        self._end = timeline.end
        self._cuts = _cuts(timeline)
        self._length = max(self._drawn(self._end), 1e-9)

    @property
    def has_cuts(self) -> bool:
        """Whether a wait is drawn shorter than it was."""
        return bool(self._cuts)

    def x(self, at: float) -> float:
        """Return where a time is on the axis."""
        return WIDTH * self._drawn(at) / self._length

    def bar(self, span: Span, tone: Tone, title: str) -> Bar:
        """Return the bar of a span; one that has not ended reaches to the end of the axis."""
        x = self.x(span.start)
        end = self.x(self._end if span.end is None else span.end)
        width = max(end - x, MIN_WIDTH)
        return Bar(round(min(x, WIDTH - MIN_WIDTH), 1), round(width, 1), tone, title)

    def _drawn(self, at: float) -> float:
        """Return the seconds before a time, without those that are cut."""
        at = min(max(at, self._start), self._end)
        seconds = at - self._start
        for begin, end, kept in self._cuts:
            if at > begin:
                passed = min(at, end) - begin
                seconds -= passed * (1 - kept)
        return seconds


def _cuts(timeline: Timeline) -> Sequence[tuple[float, float, float]]:
    """Return the start and the end of each long wait, and the share of it that is drawn."""
    waits = timeline.of_kind("wait")
    waited = sum(_seconds(span, timeline.end) for span in waits)
    worked = timeline.end - timeline.start - waited
    longest = max(worked * _MAX_WAIT_SHARE, 1.0)
    cuts: list[tuple[float, float, float]] = []
    for span in waits:
        seconds = _seconds(span, timeline.end)
        if seconds > longest:
            cuts.append((span.start, span.start + seconds, longest / seconds))
    return cuts


def _seconds(span: Span, end: float) -> float:
    return (end if span.end is None else span.end) - span.start
