"""The page of a comparison."""

import html
import re

from console.comparison.comparison import Comparison, Side
from console.comparison.page import GENERATOR, patch_lines, render_comparison
from console.comparison.trials import Case
from console.html.fitting import MAX_BYTES
from pipeline.outcome import Outcome
from tests.console.comparison.cases import case, trial

PATCH = "--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-x = 1\n+x = 2\n"
HOSTILE = "</pre><script>alert(1)</script>\u202e"


def redact(text: str) -> str:
    return text.replace("SECRET\nKEY", "[redacted]")


def page(*cases: Case) -> str:
    comparison = Comparison.of(
        Side("shipped", "a" * 64), Side("./mine", "b" * 64), cases, template_changes=()
    )
    return render_comparison(comparison, redact).decode()


def test_the_page_says_first_what_changed_and_how_certain_it_is() -> None:
    text = page(case(trial(), trial(None)))
    heading = text.index("<h1>1 issue got worse, 0 got better, 0 stayed the same</h1>")
    certainty = text.index("A resolved 1 of 1 issue, B 0. The difference may be chance")
    assert heading < certainty < text.index("octo/repo#1")


def test_issues_that_got_worse_are_open_and_the_others_closed() -> None:
    text = page(case(trial(), trial(), 1), case(trial(), trial(None), 2))
    assert re.findall(r'<details( open)?>\n<summary><span class="badge \w+">(\w+)', text) == [
        (" open", "worse"),
        ("", "same"),
    ]
    assert text.index("octo/repo#2") < text.index("octo/repo#1")


def test_only_messages_that_differ_are_shown() -> None:
    same = {"round 1, 0 system": "You mend bugs."}
    a = trial(prompts={**same, "round 1, 1 user": "Mend it."})
    b = trial(prompts={**same, "round 1, 1 user": "Mend it briefly."})
    text = page(case(a, b))
    assert "round 1, 1 user" in text and "briefly" in text
    assert "You mend bugs." not in text
    assert "The same with both sets: 1 message." in text


def test_hostile_text_is_text() -> None:
    hostile = trial(
        reason=HOSTILE, patch=HOSTILE, replies={HOSTILE: HOSTILE}, prompts={HOSTILE: HOSTILE}
    )
    text = page(case(trial(), hostile, issue=HOSTILE, issue_url=f"javascript:{HOSTILE}"))
    assert "<script" not in text
    assert "\u202e" not in text
    assert 'href="javascript' not in text


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    text = html.unescape(page(case(trial(patch=PATCH), trial())))
    assert "default-src 'none'" in text and "script-src 'none'" in text
    assert not re.search(r"<(link|img|iframe|script)\b", text)
    assert " style=" not in text and " onclick" not in text


def test_a_secret_of_several_lines_is_redacted() -> None:
    text = page(case(trial(patch="+SECRET\nKEY"), trial(replies={"round 1": "SECRET\nKEY"})))
    assert text.count("[redacted]") == 2
    assert "SECRET" not in text


def test_a_page_of_many_long_texts_has_a_bound() -> None:
    lines = "\n".join(f"+line {number} of a long text" for number in range(1_500))
    prompts = {"round 1": lines}
    cases = []
    for number in range(12):
        a = trial(patch=lines, replies={"round 1": lines})
        b = trial(patch=lines, replies={"round 1": lines}, prompts=prompts)
        cases.append(case(a, b, number))
    text = page(*cases)
    assert len(text.encode()) <= MAX_BYTES
    assert "lines left out" in text


def test_a_comparison_without_a_finished_issue_has_a_page() -> None:
    failed = trial(None, outcome=Outcome.FAILED)
    assert "1 issue left out: not finished with both sets." in page(case(failed, trial()))


def test_the_page_says_at_its_beginning_what_it_is() -> None:
    assert GENERATOR in page(case(trial(), trial()))[:1_000]


def test_lines_of_a_patch_are_told_apart() -> None:
    assert [kind for kind, _ in patch_lines(PATCH)] == [
        "context",
        "context",
        "context",
        "removed",
        "added",
    ]
