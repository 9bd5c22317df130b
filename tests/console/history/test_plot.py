"""Plots of shares."""

import xml.etree.ElementTree as ET

from console.history.share_plots import plot_groups, plot_outcomes
from console.history.statistics import summarize
from tests.console.history.records import record

SVG = "{http://www.w3.org/2000/svg}"
RUNS = [
    record(outcome="pr_opened", verification="red to green", model="provider/model-1"),
    record(outcome="no_fix", model="<script>alert(1)</script>\x1b"),
]


def parse(svg: str) -> ET.Element:
    return ET.fromstring(svg)


def texts(root: ET.Element) -> list[str | None]:
    return [element.text for element in root.iter(f"{SVG}text")]


def test_each_group_has_a_point_and_an_interval_for_each_series() -> None:
    root = parse(plot_groups("model", summarize(RUNS, "model")).svg())
    assert len(root.findall(f"{SVG}line[@class='interval series-0']")) == 2
    points = root.findall(f"{SVG}circle[@class='series-1']")
    assert len(points) == 3, "one a group, and one in the legend"
    _legend, proven, unproven = (float(point.attrib["cx"]) for point in points)
    assert proven > unproven


def test_all_values_are_text_for_those_who_can_not_see_the_plot() -> None:
    root = parse(plot_outcomes(summarize(RUNS, None)[0]).svg())
    title, description = root[0], root[1]
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-labelledby"] == f"{title.attrib['id']} {description.attrib['id']}"
    assert title.text == "How 2 runs ended"
    assert description.text is not None
    assert "pr_opened: share, with 95 % interval 50 % [9, 91]." in description.text


def test_the_plot_follows_the_color_scheme() -> None:
    style = parse(plot_outcomes(summarize(RUNS, None)[0]).svg()).findtext(f"{SVG}style")
    assert style is not None and "prefers-color-scheme: dark" in style


def test_hostile_names_are_text() -> None:
    root = parse(plot_groups("model", summarize(RUNS, "model")).svg())
    assert "<script>alert(1)</script>" in texts(root)
    assert root.find(f".//{SVG}script") is None


def test_a_long_name_is_shortened_in_its_middle() -> None:
    long = record(outcome="no_fix", repository="octo/" + "x" * 60 + "-end")
    root = parse(plot_groups("repository", summarize([long], "repository")).svg())
    (label,) = [text for text in texts(root) if text and text.startswith("octo/")]
    assert len(label) == 30 and "…" in label and label.endswith("-end")
