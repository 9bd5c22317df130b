"""A plot of shares with their intervals, as an SVG file."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass

from console.history.drawing import WIDTH, add_dot, add_line, add_text, make_document
from console.history.statistics import Share
from console.history.wording import describe_share, shorten

_LABEL_WIDTH = 260
_MARGIN = 24
_TOP = 76
_ROW_HEIGHT = 34
_BAND = 11
"""Vertical distance between the series of a row."""
_LABEL_LENGTH = 30
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


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
        root = make_document(self.title, self._description(), height)
        add_text(root, _MARGIN, _MARGIN, self.title, "title")
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
            add_dot(root, x, _MARGIN * 2 - 4, number)
            add_text(root, x + 10, _MARGIN * 2, name, "legend")
            x += 170

    def _add_row(self, root: ET.Element, row: PlotRow, middle: float) -> None:
        add_text(root, _MARGIN, middle + 4, shorten(row.label, _LABEL_LENGTH), "label")
        for number, share in enumerate(row.shares):
            y = middle + _BAND * (number - (len(row.shares) - 1) / 2)
            low, high = share.interval
            add_line(root, (_x(low), y), (_x(high), y), f"interval series-{number}")
            if share.share is not None:
                add_dot(root, _x(share.share), y, number)


def _x(share: float) -> float:
    return _LABEL_WIDTH + share * (WIDTH - _LABEL_WIDTH - 2 * _MARGIN)


def _add_grid(root: ET.Element, height: float) -> None:
    for tick in _TICKS:
        add_line(root, (_x(tick), _TOP), (_x(tick), height - _MARGIN), "grid")
        add_text(root, _x(tick), _TOP - 8, f"{tick:.0%}".replace("%", " %"), "tick", "middle")
