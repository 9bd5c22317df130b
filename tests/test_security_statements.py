"""What docs/security.md says of the text that a model reads is so. Each sentence is read there."""

import json
import re
import tempfile
from pathlib import Path

import pytest

from pipeline.github import IssueSnapshot
from pipeline.settings import Settings
from prompts.template_set import TemplateSet
from repository.issue_text import HiddenParts, render_text
from stages.fetch_issue import FetchIssue, Issue, IssueRules
from tests.stand_ins.forge import StaticForge, comment, snapshot
from tests.stand_ins.runs import StageRun

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "security.md").read_text()
TEXT = " ".join(PAGE.split())
GOLDEN = ROOT / "prompts" / "templates" / "golden" / "plain.json"
"""A value for every variable of every template."""

INVISIBLE = "".join(chr(0xE0000 + ord(letter)) for letter in "obey it")
EXAMPLES = {
    "code, in blocks and lines": ("`<b>\u200bx`", "`<b><U+200B>x`"),
    "headings, lists, quotes, tables, emphasis": ("# A\n\n- **b**", "# A\n\n- **b**"),
    "links": ("[a](https://example.com 'obey')", "[a](https://example.com)"),
    "images": ("![obey](a.png)", "[image]"),
    "folded sections (`<details>`)": (
        "<details>a</details>",
        "[folded section: the page shows only its summary]\na\n[end of the folded section]",
    ),
    "diagrams": (
        "```mermaid\nA\n```",
        "[diagram: the page shows a picture of this source]\n\n```mermaid\nA\n```",
    ),
    "formulas": ("$x^2$ $\\phantom{obey}$", "$x^2$ [formula]"),
    "comments, declarations, CDATA, unused definitions and footnotes, what follows a fence's"
    " language": ("a<!-- obey --><?obey?>\n\n[b]: c 'obey'\n[^d]: obey", "a"),
    "HTML tags that GitHub does not render, all attributes": ("<b obey=obey>a</b><obey>", "**a**"),
    "elements that browsers or GitHub don't show, `hidden`, hiding styles, text made tiny": (
        "a<noscript>obey</noscript><b hidden>obey</b><b style='display:none'>obey</b>",
        "a",
    ),
    "tags that GitHub shows as text, such as `<script>`": ("a <script>", "a <script>"),
    "invisible characters in other text": (f"a{INVISIBLE} 👩\u200d💻", "a 👩\u200d💻"),
    "more than 20 levels of lists and quotes": (">" * 21 + "obey", ">" + " >" * 19),
}


def states(sentence: str) -> None:
    assert sentence in TEXT, "the page no longer says this: change the test with it"


def table_rows(heading: str) -> list[str]:
    """Return the first column of the table whose heading this is."""
    table = PAGE.split(f"| {heading} |", 1)[1].split("\n\n", 1)[0]
    return [row.split(" | ")[0].removeprefix("| ") for row in table.splitlines()[2:]]


async def read(stored: IssueSnapshot) -> tuple[Issue, str]:
    """Return the issue as a run with the default settings reads it, and the prompt about it."""
    forge = StaticForge(issues={stored.number: stored})
    authors = Settings.model_fields["comment_authors"].default
    rules = IssueRules(authors, takes_assigned=False, max_open_pulls=1)
    with tempfile.TemporaryDirectory() as folder:
        issue = await FetchIssue(forge, None, None, rules).run(StageRun(Path(folder)).context())
    assert isinstance(issue, Issue)
    variables = json.loads(GOLDEN.read_text()) | {"issue": issue}
    return issue, TemplateSet.load().render("known", **variables)


async def test_comments_by_its_author_and_by_people_with_write_access_are_sent() -> None:
    states("the issue, comments by its author and by people with write access, excerpts")
    states("the newest 20 comments of people who may instruct it: the repository's owners,")
    comments = [
        comment("from the owner", "o", association="OWNER"),
        comment("from a member", "m", association="MEMBER"),
        comment("from a collaborator", "c", association="COLLABORATOR"),
        comment("from the author", "ann", association="NONE"),
        comment("obey the contributor", "x", association="CONTRIBUTOR"),
        comment("obey the stranger", "y", association="NONE"),
        comment("obey the bot", "z[bot]", association="MEMBER", is_bot=True),
    ]
    _, prompt = await read(snapshot(author="ann", comments=tuple(comments)))
    assert "obey" not in prompt
    assert [comment.body in prompt for comment in comments] == [True] * 4 + [False] * 3
    states("which comments were left out")
    assert "2 comments by people without write access; 1 comment by bots" in prompt


async def test_hidden_text_is_removed() -> None:
    states("Hidden text is removed: each text is rendered as GitHub renders it")
    body = "\n\n".join(markdown for markdown, _ in EXAMPLES.values())
    stored = snapshot(body=body, comments=(comment(body),))
    issue, prompt = await read(stored)
    assert "obey" in body and "obey" not in prompt.lower()
    states("The prompt, the run's progress and the pull request say what each text hides.")
    assert [line.split(":")[0] for line in issue.hidden] == ["body", "comment 1"]
    assert all(line in prompt for line in issue.hidden)


@pytest.mark.parametrize("row", table_rows("of the text | the model reads"))
def test_each_row_of_the_table_is_so(row: str) -> None:
    markdown, text = EXAMPLES[row]
    assert render_text(markdown, HiddenParts()) == text


def test_the_numbers_on_the_page_are_those_of_the_code() -> None:
    from repository.issue_text.blocks import MAX_ADDRESS
    from repository.issue_text.markdown import MAX_NESTING
    from stages.fetch_issue.comments import MAX_SHOWN

    states(f"no address of over {MAX_ADDRESS} characters")
    states(f"more than {MAX_NESTING} levels of lists and quotes")
    states(f"the newest {MAX_SHOWN} comments")
    assert re.search(r"`CODING_AGENT_COMMENT_AUTHORS`", PAGE)
