"""Curves over time, one panel above the other, as an SVG file."""

import math
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass

from console.history.drawing import (
    WIDTH,
    Point,
    add_curve,
    add_dot,
    add_line,
    add_text,
    make_document,
)

_LEFT = 70
_RIGHT = 24
_TOP = 64
_PANEL_HEIGHT = 120
_GAP = 52
_TICKS = 4
#: Where a scale may end, as multiples of a power of ten.
_ROUND = (1, 2, 4, 6, 8, 10)
_LEGEND_WIDTH = 150
#: Points that a curve may have: more can't be told apart.
_MAX_POINTS = 600


@dataclass(frozen=True)
class Curve:
    """Values, one for each of the plot's times."""

    name: str
    values: Sequence[float]


@dataclass(frozen=True)
class Panel:
    """One or two curves on a scale that begins at 0."""

    title: str
    """With the unit."""
    curves: Sequence[Curve]

    @property
    def top(self) -> float:
        """The largest value on the scale: a round number, not below any value."""
        largest = max((max(curve.values) for curve in self.curves), default=0.0)
        if largest <= 0:
            return 1.0
        step = 10.0 ** math.floor(math.log10(largest))
        return next(step * factor for factor in _ROUND if step * factor >= largest)


@dataclass(frozen=True)
class TimePlot:
    """Panels with a common time axis, in seconds."""

    title: str
    times: Sequence[float]
    panels: Sequence[Panel]

    def svg(self) -> str:
        """Return the plot as an SVG document. Its description has each curve's extremes as text."""
        height = _TOP + len(self.panels) * (_PANEL_HEIGHT + _GAP)
        root = make_document(self.title, self._description(), height)
        add_text(root, _LEFT, 24, self.title, "title")
        for number, panel in enumerate(self.panels):
            self._add_panel(root, panel, _TOP + number * (_PANEL_HEIGHT + _GAP))
        return ET.tostring(root, encoding="unicode")

    def _description(self) -> str:
        sentences = [f"Over {self.times[-1]:.0f} seconds."]
        for panel in self.panels:
            for curve in panel.curves:
                highest = max(curve.values)
                last = curve.values[-1]
                sentences.append(
                    f"{panel.title}, {curve.name}: at most {highest:.1f}, at the end {last:.1f}."
                )
        return " ".join(sentences)

    def _add_panel(self, root: ET.Element, panel: Panel, top: float) -> None:
        add_text(root, _LEFT, top - 10, panel.title, "label")
        _add_legend(root, panel, top)
        self._add_grid(root, panel, top)
        for number, curve in enumerate(panel.curves):
            add_curve(root, self._points(curve, panel.top, top), number)

    def _points(self, curve: Curve, largest: float, top: float) -> list[Point]:
        points: list[Point] = []
        step = max(len(self.times) // _MAX_POINTS, 1)
        for index in range(0, len(self.times), step):
            x = self._x(self.times[index])
            y = _y(curve.values[index], largest, top)
            points.append((x, y))
        return points

    def _add_grid(self, root: ET.Element, panel: Panel, top: float) -> None:
        bottom = top + _PANEL_HEIGHT
        for tick in range(_TICKS + 1):
            share = tick / _TICKS
            y = _y(panel.top * share, panel.top, top)
            add_line(root, (_LEFT, y), (WIDTH - _RIGHT, y), "grid")
            add_text(root, _LEFT - 8, y + 4, f"{panel.top * share:g}", "tick", "end")
            seconds = self.times[-1] * share
            x = self._x(seconds)
            add_line(root, (x, top), (x, bottom), "grid")
            add_text(root, x, bottom + 16, f"{seconds:.0f} s", "tick", "middle")

    def _x(self, seconds: float) -> float:
        return _LEFT + seconds / self.times[-1] * (WIDTH - _LEFT - _RIGHT)


def _add_legend(root: ET.Element, panel: Panel, top: float) -> None:
    x = float(WIDTH - _RIGHT - _LEGEND_WIDTH * len(panel.curves))
    for number, curve in enumerate(panel.curves):
        add_dot(root, x, top - 14, number)
        add_text(root, x + 10, top - 10, curve.name, "legend")
        x += _LEGEND_WIDTH


def _y(value: float, largest: float, top: float) -> float:
    return top + _PANEL_HEIGHT * (1 - value / largest)
