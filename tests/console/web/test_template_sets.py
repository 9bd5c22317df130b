"""The page of template sets, and the difference of two."""

import re

import pytest

from pipeline.outcome import Event, Outcome, Verification
from prompts.template_set import TemplateSet
from tests.console.web.conftest import Site
from tests.stand_ins.runs import TOPIC, claim, job, result_of

SHIPPED = TemplateSet.load()


def changed_set() -> TemplateSet:
    """Return the shipped set with another title of pull requests."""
    files = SHIPPED.files
    name = "pull_request_title.md.j2"
    files[name] = files[name] + "in other words <script>\n"
    return TemplateSet(files)


def finish_with_set(site: Site, number: int, set_hash: str, **fields: object) -> None:
    claimed = claim(site.store, job(number))
    update = {"template_set": set_hash, "rounds": 1, **fields}
    result = result_of(claimed, Outcome.PR_OPENED).model_copy(update=update)
    site.store.finish(claimed.lease, result, Event.about(result, "2001-09-09T01:46:40Z"), TOPIC)


def row_of(text: str, set_hash: str) -> str:
    """Return the table's row of a set."""
    (row,) = [row for row in text.split("<tr>") if f">{set_hash[:12]}<" in row]
    return row


def test_the_shipped_set_is_current_until_another_is(site: Site) -> None:
    text = site.browser().get("/templates").text
    assert "current</span>" in row_of(text, SHIPPED.set_hash)
    other = changed_set()
    site.services.template_sets.publish(other)
    site.services.template_sets.use(other.set_hash)
    text = site.browser().get("/templates").text
    assert "current</span>" in row_of(text, other.set_hash)
    assert "current</span>" not in row_of(text, SHIPPED.set_hash)


def test_each_set_shows_what_its_runs_achieved(any_site: Site) -> None:
    other = any_site.services.template_sets.publish(changed_set())
    finish_with_set(any_site, 1, other, verification=Verification.RED_TO_GREEN, cost_usd=0.5)
    finish_with_set(any_site, 2, other, cost_usd=1.5)
    finish_with_set(any_site, 3, SHIPPED.set_hash)
    row = row_of(any_site.browser().get("/templates").text, other)
    assert f'<a href="/?template_set={other}">2</a>' in row
    assert "100 % [34, 100]" in row
    assert "50 % [9, 91]" in row
    assert "$2.00" in row


def test_the_difference_of_two_sets_is_shown_as_text(site: Site) -> None:
    other = site.services.template_sets.publish(changed_set())
    address = f"/templates/diff?before={SHIPPED.set_hash}&after={other}"
    text = site.browser().get(address).text
    assert "1 template differs." in text
    assert "pull_request_title.md.j2" in text
    assert "in other words &lt;script&gt;" in re.sub(r"</?ins>", "", text)
    same = site.browser().get(f"/templates/diff?before={other}&after={other}").text
    assert "Their templates are the same." in same


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 422),
        ("before=&after=", 422),
        ("before=ffff&after=ffff", 404),
        ("before=..&after=x", 404),
    ],
)
def test_a_set_that_is_not_there_is_named(site: Site, query: str, status: int) -> None:
    assert site.browser().get(f"/templates/diff?{query}").status_code == status


def test_a_key_that_sees_its_own_jobs_sees_no_templates(site: Site) -> None:
    alice = site.signed_in("alice-key-0001")
    assert alice.get("/templates").status_code == 403
    assert alice.get("/templates/diff?before=a&after=b").status_code == 403
