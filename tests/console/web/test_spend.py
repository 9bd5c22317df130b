"""The page of what was spent, in either store."""

from pipeline.store.contract import MoneyCaps
from tests.console.web.conftest import Site
from tests.stand_ins.runs import DAY, call_request, claim, job

CAPS = MoneyCaps(10**9, 10**9, 10**9)


def spend(site: Site, repository: str, usd: float, day: str = DAY) -> None:
    number = len(site.store.runs()) + 1
    claimed = claim(site.store, job(issue_url=f"https://github.com/{repository}/issues/{number}"))
    request = call_request(int(usd * 1_000_000), day=day)
    site.store.reserve(claimed.lease, request, CAPS)


def test_spend_is_shown_by_day_and_by_repository(any_site: Site) -> None:
    spend(any_site, "octo/repo", 3.0)
    spend(any_site, "octo/other", 1.0)
    spend(any_site, "octo/repo", 0.5, day="2001-09-08")
    spend(any_site, "octo/repo", 99.0, day="2001-08-01")
    text = any_site.browser().get("/spend").text
    assert "Spend: $4.50 in 14 days" in text
    days, _, repositories = text.partition("By repository")
    assert days.index("2001-09-09") < days.index("$4.00") < days.index("2001-09-08")
    assert "$0.5000" in days
    assert repositories.index("octo/repo") < repositories.index("$3.50")
    assert repositories.index("$3.50") < repositories.index("octo/other")
    assert "$99" not in text


def test_bars_are_drawings_beside_numbers_that_say_the_same(site: Site) -> None:
    spend(site, "octo/repo", 2.0)
    text = site.browser().get("/spend").text
    assert 'width="1000.0"' in text
    assert 'aria-hidden="true"' in text
    assert "<caption>The newest day first</caption>" in text


def test_many_repositories_are_added_up_after_the_first_twenty(site: Site) -> None:
    for number in range(1, 24):
        spend(site, f"octo/repo-{number}", 1.0)
    text = site.browser().get("/spend").text
    assert "3 others" in text
    assert "Spend: $23.00" in text


def test_without_spend_the_page_says_so(site: Site) -> None:
    assert "Nothing was spent." in site.browser().get("/spend").text
