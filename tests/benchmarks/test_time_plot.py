"""Curves over time as SVG: to scale, and with their values as text."""

import xml.etree.ElementTree as ET

import pytest

from benchmarks.time_plot import Curve, Panel, TimePlot

SVG = "{http://www.w3.org/2000/svg}"


def test_a_curve_goes_from_the_left_to_the_right_and_up_to_its_largest_value() -> None:
    panel = Panel("Jobs", [Curve("done", [0, 50, 100])])
    root = ET.fromstring(TimePlot("A load", [0, 10, 20], [panel]).svg())
    curve = root.find(f"{SVG}polyline")
    assert curve is not None
    points = [tuple(map(float, point.split(","))) for point in curve.get("points", "").split()]
    (left, bottom), (middle, half), (right, top) = points
    assert middle == pytest.approx((left + right) / 2)
    assert half == pytest.approx((bottom + top) / 2)
    assert top < bottom


@pytest.mark.parametrize(
    ("largest", "top"), [(0.0, 1.0), (0.3, 0.4), (7.0, 8.0), (166.0, 200.0), (10_000.0, 10_000.0)]
)
def test_a_scale_ends_at_a_round_number(largest: float, top: float) -> None:
    assert Panel("Jobs", [Curve("done", [0.0, largest])]).top == pytest.approx(top)


def test_extremes_are_text_for_those_who_can_not_see_the_plot() -> None:
    panel = Panel("Memory, MB", [Curve("resident", [1.0, 9.0, 4.0])])
    root = ET.fromstring(TimePlot("A load", [0, 10, 20], [panel]).svg())
    description = root.findtext(f"{SVG}desc", "")
    assert "Memory, MB, resident: at most 9.0, at the end 4.0." in description
