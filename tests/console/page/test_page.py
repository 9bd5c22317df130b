"""The page of a run: what a stranger reads first, what is behind it, and what it must not do."""

import base64
import hashlib
import itertools
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from console.html.assets import read_asset
from console.html.fitting import MAX_BYTES
from console.page.rendering import render_page
from pipeline.outcome import Outcome
from tests.console.reports import read
from tests.stand_ins.example_runs import (
    FAILING,
    OTHER,
    TITLE,
    failed,
    four_rounds,
    long_agent_run,
    opened_pull_request,
)
from tests.stand_ins.recorded_run import RecordedRun

HOSTILE = (
    "<script>alert(1)</script></style></title><img src=x onerror=alert(1)>"
    "\x1b]0;owned\x07\u202egnp.exe\u2066 &amp; {{ 7 * 7 }}"
)
VOID = ("meta", "br", "link", "img", "hr", "input")


class Outline(HTMLParser):
    """Reads a page: elements, ids, headings and texts."""

    def __init__(self, page: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[int] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.texts.append(data)

    def attributes(self, name: str) -> list[str]:
        return [attributes[name] or "" for _, attributes in self.elements if name in attributes]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def page_of(run: RecordedRun) -> str:
    return render_page(read(run)).decode()


def outline_of(run: RecordedRun) -> Outline:
    return Outline(page_of(run))


def test_what_happened_comes_first(tmp_path: Path) -> None:
    text = outline_of(opened_pull_request(tmp_path)).text
    order = [
        "A run for octo/repo#42",
        TITLE,
        "Opened pull request #7 red to green",
        "Proof: 1 test failed before the change and passes with it",
        "1 round, 39 s of work, $0.0123 of at most $3.00",
        "Review the pull request. https://github.com/octo/repo/pull/7",
        "The change In the words of the model: An entry that ends before it starts",
        "Tests before and after",
    ]
    found = [text.find(part, text.find("A run for")) for part in order]
    assert -1 not in found
    assert found == sorted(found)


def test_the_tests_are_named_before_and_after(tmp_path: Path) -> None:
    text = outline_of(opened_pull_request(tmp_path)).text
    assert f"{FAILING} new; fails without the change passes" in text
    assert "tests.test_old::test_broken fails fails" in text


def test_each_round_says_why_it_was_sent_back(tmp_path: Path) -> None:
    outline = outline_of(four_rounds(tmp_path))
    for number in range(1, 5):
        assert f"round-{number}" in outline.attributes("id")
    assert f"1 test against it {OTHER}" in outline.text
    assert "Round 4: not verified" in outline.text


def test_a_failed_run_shows_its_errors_and_how_to_replay_it(tmp_path: Path) -> None:
    run = failed(tmp_path)
    text = outline_of(run).text
    assert "Failed for a reason outside of the issue" in text
    assert "try failed the disk is full: OSError 28, try 5" in text
    assert f"coding-agent dlq replay {run.job.id}" in text


def test_steps_can_be_linked_to(tmp_path: Path) -> None:
    outline = outline_of(long_agent_run(tmp_path, steps=20))
    assert "step-17" in outline.attributes("id")
    assert "I look at part 17." in outline.text


def test_links_inside_the_page_lead_somewhere(tmp_path: Path) -> None:
    for run in (long_agent_run(tmp_path / "a", steps=3), four_rounds(tmp_path / "b")):
        outline = outline_of(run)
        ids = outline.attributes("id")
        assert len(ids) == len(set(ids))
        targets = [href[1:] for href in outline.attributes("href") if href.startswith("#")]
        assert set(targets) <= set(ids)
        assert set(outline.attributes("aria-labelledby")) <= set(ids)


def test_headings_are_in_order(tmp_path: Path) -> None:
    for run in (
        long_agent_run(tmp_path / "a", steps=3),
        four_rounds(tmp_path / "b"),
        failed(tmp_path / "c"),
    ):
        headings = outline_of(run).headings
        assert headings[0] == 1
        assert headings.count(1) == 1
        steps = [after - before for before, after in itertools.pairwise(headings)]
        assert max(steps) <= 1


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    run = opened_pull_request(tmp_path, title=HOSTILE, body=HOSTILE)
    page = page_of(run)
    outline = Outline(page)
    tags = [tag for tag, _ in outline.elements]
    assert tags.count("script") == 1
    assert tags.count("style") == 1
    assert "img" not in tags
    assert not [
        name for _, attributes in outline.elements for name in attributes if name[:2] == "on"
    ]
    assert "style" not in [name for _, attributes in outline.elements for name in attributes]
    for character in "\x1b\x07\u202e\u2066":
        assert character not in page
    assert "{{ 7 * 7 }}" in outline.text
    assert "&amp;amp;" in page


@pytest.mark.parametrize("output", [HOSTILE, "x" * 3_000_000, "<" * 100_000, "\n" * 50_000])
def test_hostile_output_of_programs_stays_text_and_short(tmp_path: Path, output: str) -> None:
    run = long_agent_run(tmp_path, steps=3, output=output)
    page = page_of(run)
    assert Outline(page).attributes("src") == []
    assert len(page.encode()) <= MAX_BYTES


def test_a_patch_with_long_lines_stays_short(tmp_path: Path) -> None:
    run = opened_pull_request(tmp_path)
    header = "diff --git a/x.js b/x.js\n--- a/x.js\n+++ b/x.js\n@@ -1 +1 @@\n"
    patch = f"{header}-{'old;' * 500_000}\n+{'new;' * 500_000}\n"
    (run.artifacts.root / run.facts.artifacts["patch"]).write_text(patch)
    page = page_of(run)
    assert len(page.encode()) < 100_000
    assert "characters left out" in page


def test_the_policy_allows_the_pages_own_script_and_style_alone(tmp_path: Path) -> None:
    page = page_of(opened_pull_request(tmp_path))
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
    for name, tag in (("style.css", "style"), ("run.js", "script")):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert text == read_asset(name)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src &#39;sha256-{digest}&#39;" in policy
    assert "unsafe" not in policy
    assert policy.startswith("default-src &#39;none&#39;")


def test_links_to_elsewhere_are_web_addresses(tmp_path: Path) -> None:
    run = RecordedRun(tmp_path)
    run.finish(Outcome.PR_OPENED, "x", pull_request_url="javascript:alert(1)")
    outline = outline_of(run)
    hrefs = outline.attributes("href")
    assert all(href.startswith(("#", "https://")) for href in hrefs)
    assert "javascript:alert(1)" in outline.text


def test_sixty_long_steps_fit(tmp_path: Path) -> None:
    page = page_of(long_agent_run(tmp_path, output="a < b && c\n" * 5_000))
    assert len(page.encode()) <= MAX_BYTES
    assert "characters left out" in page
    assert "All of it: <code>coding-agent jobs transcript " in page


def test_a_page_that_would_be_too_large_has_shorter_texts(tmp_path: Path) -> None:
    page = page_of(long_agent_run(tmp_path, steps=150, output="<" * 20_000))
    assert len(page.encode()) <= MAX_BYTES
    assert "step-150" in page


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    run = four_rounds(tmp_path)
    assert render_page(read(run)) == render_page(read(run))


def test_a_run_at_work_has_a_page(tmp_path: Path) -> None:
    text = outline_of(RecordedRun(tmp_path)).text
    assert "At work, in round 1" in text
    assert "coding-agent jobs watch " in text


def test_what_is_gone_is_said(tmp_path: Path) -> None:
    run = opened_pull_request(tmp_path)
    (run.artifacts.root / run.facts.artifacts["patch"]).unlink()
    text = outline_of(run).text
    assert "Not complete: The artifact " in text
    assert "The patch is no longer stored." in text


def test_scrolling_regions_can_be_reached_with_the_keyboard(tmp_path: Path) -> None:
    for _, attributes in outline_of(four_rounds(tmp_path)).elements:
        if attributes.get("class") == "scroll":
            assert attributes["tabindex"] == "0"
            assert attributes["aria-label"]
