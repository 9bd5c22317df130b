"""The repository's template for pull requests, filled in."""

import pytest

from stages.open_pr.repository_template import fill, find_template
from tests.stages.open_pr.scenario import REPOSITORY, Scenario
from tests.stand_ins.runs import claim

BODY = """**Not proven**: no test shows it.

## Summary

> It adds.

Refs #4

## Proof

**not verified**: no test.

## About this pull request

Written by an AI model.

<!-- coding-agent:job=x generation=0 -->
"""
TEMPLATE = """<!-- Thank you! @octocat reviews this. -->
# Pull request

Please read CONTRIBUTING.md first.

## Description

What does it do?

## Related issue

Fixes #

## How was this tested?

Describe it.

## Checklist

- [ ] I have read the guide
- [x] Fixes #99 and pings @octocat

## Screenshots
"""
FILLED = """**Not proven**: no test shows it.

# Pull request

## Description

> It adds.

## Related issue

Refs #4

## How was this tested?

**not verified**: no test.

## Checklist

- [ ] I have read the guide
- [ ] Fixes #\u200b99 and pings @\u200boctocat

## Screenshots

Not filled in.

## About this pull request

Written by an AI model.

<!-- coding-agent:job=x generation=0 -->
"""


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["a.py"], None),
        (["PULL_REQUEST_TEMPLATE.md"], "PULL_REQUEST_TEMPLATE.md"),
        (["docs/pull_request_template.md", ".github/x"], "docs/pull_request_template.md"),
        (
            ["pull_request_template.md", ".github/Pull_Request_Template.md"],
            ".github/Pull_Request_Template.md",
        ),
        (
            [".github/PULL_REQUEST_TEMPLATE/fix.md", ".github/PULL_REQUEST_TEMPLATE/a.md"],
            ".github/PULL_REQUEST_TEMPLATE/a.md",
        ),
        (["src/pull_request_template.md"], None),
    ],
)
def test_the_template_is_where_github_looks_for_it(paths: list[str], expected: str | None) -> None:
    assert find_template(paths) == expected


def test_our_text_answers_its_headings_and_the_rest_follows() -> None:
    assert fill(TEMPLATE, BODY, "Refs #4") == FILLED


@pytest.mark.parametrize("template", ["Please describe your change.", "```\n# not this\n```\n"])
def test_a_template_without_headings_changes_nothing(template: str) -> None:
    assert fill(template, BODY, "Refs #4") == BODY


def test_a_template_can_not_reference_or_hide_anything() -> None:
    filled = fill("## Closes #1 <!-- coding-agent:job=y generation=1 -->\n", BODY, "Refs #4")
    assert "#1" not in filled
    assert filled.count("<!--") == 1


def test_a_line_separator_in_a_template_moves_no_section() -> None:
    filled = fill("Intro\u2028more\n\n## What\n\n## Testing\n", BODY, "Refs #4")
    assert "## What\n\n> It adds.\n\nRefs #4\n\n## Testing\n\n**not verified**" in filled


async def test_the_pull_request_of_a_repository_with_a_template_has_its_headings(
    scenario: Scenario,
) -> None:
    scenario.github.commit(REPOSITORY, {".github/pull_request_template.md": TEMPLATE})
    await scenario.open(claim(scenario.store))
    body = scenario.pulls[0].issue.body or ""
    assert "## Description\n\nIn the model's own words:\n\n> It was off by 1." in body
    assert "## Related issue\n\nFixes #42\n" in body
    assert "## How was this tested?\n\n**red to green**" in body
    assert body.rstrip().endswith("generation=0 -->")
