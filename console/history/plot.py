"""A plot of shares with their intervals, as an SVG file that follows the reader's color scheme."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass

from console.history.statistics import Share
from console.history.wording import describe_share, shorten

_WIDTH = 720
_LABEL_WIDTH = 260
_MARGIN = 24
_TOP = 76
_ROW_HEIGHT = 34
_BAND = 11
"""Vertical distance between the series of a row."""
_DOT_RADIUS = 4
_LABEL_LENGTH = 30
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
#: Text and lines in dark and light; the series by Okabe & Ito, distinct for the color-blind.
_STYLE = """
svg { background: #ffffff; color: #1f2328; font: 13px system-ui, sans-serif }
text { fill: currentColor } .title { font-size: 15px; font-weight: 600 }
.grid { stroke: currentColor; stroke-opacity: 0.2 }
.series-0 { stroke: #0072b2; fill: #0072b2 } .series-1 { stroke: #d55e00; fill: #d55e00 }
.interval { stroke-width: 2 } text.legend { stroke: none }
@media (prefers-color-scheme: dark) {
  svg { background: #0d1117; color: #e6edf3 }
  .series-0 { stroke: #56b4e9; fill: #56b4e9 } .series-1 { stroke: #e69f00; fill: #e69f00 }
}
"""


@dataclass(frozen=True)
class PlotRow:
    """A row of the plot: a share for each series."""

    label: str
    shares: Sequence[Share]


@dataclass(frozen=True)
class SharePlot:
    """Rows of shares, drawn as points with the line of their 95 % interval."""

    title: str
    series: Sequence[str]
    """One or two."""
    rows: Sequence[PlotRow]

    def svg(self) -> str:
        """Return the plot as an SVG document. Its description has all values as text."""
        height = _TOP + _ROW_HEIGHT * len(self.rows) + _MARGIN
        root = ET.Element(
            "svg",
            {
                "xmlns": "http://www.w3.org/2000/svg",
                "viewBox": f"0 0 {_WIDTH} {height}",
                "width": str(_WIDTH),
                "height": str(height),
                "role": "img",
                "aria-labelledby": "plot-title plot-description",
            },
        )
        ET.SubElement(root, "title", {"id": "plot-title"}).text = self.title
        ET.SubElement(root, "desc", {"id": "plot-description"}).text = self._description()
        ET.SubElement(root, "style").text = _STYLE
        _add_text(root, _MARGIN, _MARGIN, self.title, "title")
        self._add_legend(root)
        _add_grid(root, height)
        for number, row in enumerate(self.rows):
            self._add_row(root, row, _TOP + _ROW_HEIGHT * (number + 0.5))
        return ET.tostring(root, encoding="unicode")

    def _description(self) -> str:
        sentences = []
        for row in self.rows:
            values = []
            for name, share in zip(self.series, row.shares, strict=True):
                values.append(f"{name} {describe_share(share)}")
            sentences.append(f"{row.label}: {', '.join(values)}.")
        return " ".join(sentences)

    def _add_legend(self, root: ET.Element) -> None:
        x = float(_LABEL_WIDTH)
        for number, name in enumerate(self.series):
            _add_dot(root, x, _MARGIN * 2 - 4, number)
            _add_text(root, x + 10, _MARGIN * 2, name, "legend")
            x += 170

    def _add_row(self, root: ET.Element, row: PlotRow, middle: float) -> None:
        _add_text(root, _MARGIN, middle + 4, shorten(row.label, _LABEL_LENGTH), "label")
        for number, share in enumerate(row.shares):
            y = middle + _BAND * (number - (len(row.shares) - 1) / 2)
            low, high = share.interval
            _add_line(root, (_x(low), y), (_x(high), y), f"interval series-{number}")
            if share.share is not None:
                _add_dot(root, _x(share.share), y, number)


def _x(share: float) -> float:
    return _LABEL_WIDTH + share * (_WIDTH - _LABEL_WIDTH - 2 * _MARGIN)


def _add_grid(root: ET.Element, height: float) -> None:
    for tick in _TICKS:
        _add_line(root, (_x(tick), _TOP), (_x(tick), height - _MARGIN), "grid")
        _add_text(root, _x(tick), _TOP - 8, f"{tick:.0%}".replace("%", " %"), "tick", "middle")


def _add_line(
    root: ET.Element, start: tuple[float, float], end: tuple[float, float], name: str
) -> None:
    places = {"x1": start[0], "y1": start[1], "x2": end[0], "y2": end[1]}
    attributes = {key: f"{value:.1f}" for key, value in places.items()}
    ET.SubElement(root, "line", {**attributes, "class": name})


def _add_dot(root: ET.Element, x: float, y: float, series: int) -> None:
    attributes = {"cx": f"{x:.1f}", "cy": f"{y:.1f}", "r": str(_DOT_RADIUS)}
    ET.SubElement(root, "circle", {**attributes, "class": f"series-{series}"})


def _add_text(
    root: ET.Element, x: float, y: float, text: str, name: str, anchor: str = "start"
) -> None:
    attributes = {"x": f"{x:.1f}", "y": f"{y:.1f}", "text-anchor": anchor, "class": name}
    ET.SubElement(root, "text", attributes).text = text
