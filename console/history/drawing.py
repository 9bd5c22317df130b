"""Lines, dots and texts of a plot, as an SVG file that follows the reader's color scheme."""

import xml.etree.ElementTree as ET

WIDTH = 720
#: Text and lines in dark and light; the series by Okabe & Ito, distinct for the color-blind.
_STYLE = """
svg { background: #ffffff; color: #1f2328; font: 13px system-ui, sans-serif }
text { fill: currentColor } .title { font-size: 15px; font-weight: 600 }
.grid { stroke: currentColor; stroke-opacity: 0.2 }
.series-0 { stroke: #0072b2; fill: #0072b2 } .series-1 { stroke: #d55e00; fill: #d55e00 }
.interval { stroke-width: 2 } text.legend { stroke: none } polyline { stroke-width: 1.5 }
polyline.series-0, polyline.series-1 { fill: none }
@media (prefers-color-scheme: dark) {
  svg { background: #0d1117; color: #e6edf3 }
  .series-0 { stroke: #56b4e9; fill: #56b4e9 } .series-1 { stroke: #e69f00; fill: #e69f00 }
  polyline.series-0, polyline.series-1 { fill: none }
}
"""
_DOT_RADIUS = 4

Point = tuple[float, float]


def make_document(title: str, description: str, height: float) -> ET.Element:
    """Return an SVG document without content. ``description`` has all values as text."""
    root = ET.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {WIDTH} {height}",
            "width": str(WIDTH),
            "height": str(height),
            "role": "img",
            "aria-labelledby": "plot-title plot-description",
        },
    )
    ET.SubElement(root, "title", {"id": "plot-title"}).text = title
    ET.SubElement(root, "desc", {"id": "plot-description"}).text = description
    ET.SubElement(root, "style").text = _STYLE
    return root


def add_line(root: ET.Element, start: Point, end: Point, name: str) -> None:
    places = {"x1": start[0], "y1": start[1], "x2": end[0], "y2": end[1]}
    attributes = {key: f"{value:.1f}" for key, value in places.items()}
    ET.SubElement(root, "line", {**attributes, "class": name})


def add_curve(root: ET.Element, points: list[Point], series: int) -> None:
    """Add a line through the points."""
    text = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    ET.SubElement(root, "polyline", {"points": text, "class": f"series-{series}"})


def add_dot(root: ET.Element, x: float, y: float, series: int) -> None:
    attributes = {"cx": f"{x:.1f}", "cy": f"{y:.1f}", "r": str(_DOT_RADIUS)}
    ET.SubElement(root, "circle", {**attributes, "class": f"series-{series}"})


def add_text(
    root: ET.Element, x: float, y: float, text: str, name: str, anchor: str = "start"
) -> None:
    attributes = {"x": f"{x:.1f}", "y": f"{y:.1f}", "text-anchor": anchor, "class": name}
    ET.SubElement(root, "text", attributes).text = text
