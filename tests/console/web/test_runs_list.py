"""The list of runs: in either store, filtered, a page at a time, with what runs now above it."""

import html
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from console.web.views import runs_list
from pipeline.outcome import Event, Outcome, Verification
from pipeline.store.contract import Claimed, MoneyCaps, Submission
from pipeline.store.store import RunStore
from tests.console.web.conftest import SECRET, Site
from tests.pipeline.store.conftest import OPENERS, dynamodb_client
from tests.pipeline.store.submissions import checkpoint
from tests.stand_ins.runs import (
    LEASE,
    TOPIC,
    Clock,
    call_request,
    claim,
    finish,
    job,
    result_of,
)

DAY = 86_400


def sent_by(store: RunStore, owner: str, number: int) -> Claimed:
    claimed = store.claim(Submission.of(job(number), owner=owner), lease_seconds=LEASE)
    assert isinstance(claimed, Claimed)
    return claimed


def finish_with(store: RunStore, claimed: Claimed, **fields: object) -> None:
    """Finish a run with these fields of its result."""
    result = result_of(claimed, Outcome.PR_OPENED).model_copy(update=fields)
    store.finish(claimed.lease, result, Event.about(result, "2001-09-09T01:46:40.000Z"), TOPIC)


def issues(browser: TestClient, address: str = "/") -> list[str]:
    """Return the numbers of the issues in the list, in its order."""
    response = browser.get(address)
    assert response.status_code == 200, response.text
    _, _, table = response.text.partition("<caption>")
    return re.findall(r'<a href="/runs/[^"]+">octo/repo#(\d+)</a>', table)


def older(browser: TestClient, address: str) -> str:
    """Return the address of the next page; empty on the last one."""
    match = re.search(r'<a href="([^"]+)" rel="next">', browser.get(address).text)
    return html.unescape(match[1]) if match else ""


def test_a_run_is_shown_with_its_outcome_proof_pull_request_and_cost(any_site: Site) -> None:
    store = any_site.store
    claimed = claim(store)
    call = store.reserve(claimed.lease, call_request(400_000), MoneyCaps(10**6, 10**6, 10**6))
    store.settle(claimed.lease, call, micro_usd=123_456)
    finish_with(
        store,
        claimed,
        verification=Verification.RED_TO_GREEN,
        pull_request_url="https://github.com/octo/repo/pull/7",
        pull_request_number=7,
        model="large-model",
        seconds=75.0,
    )
    any_site.clock.now += 3600
    text = any_site.browser().get("/").text
    for part in (
        'class="good">pr opened<',
        ">red to green<",
        'href="https://github.com/octo/repo/pull/7">#7<',
        ">$0.1235<",
        ">large-model<",
        ">1 min 15 s<",
        "1h ago",
    ):
        assert part in text


def test_the_newest_run_comes_first_and_each_page_goes_on_where_the_last_one_ended(
    any_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs_list, "PAGE", 5)
    for number in range(1, 12):
        any_site.clock.now += 1
        any_site.store.register(Submission.of(job(number)))
    browser = any_site.browser()
    first = issues(browser)
    second_address = older(browser, "/")
    third_address = older(browser, second_address)
    assert first == ["11", "10", "9", "8", "7"]
    assert issues(browser, second_address) == ["6", "5", "4", "3", "2"]
    assert issues(browser, third_address) == ["1"]
    assert older(browser, third_address) == ""


def test_runs_are_filtered_by_each_field(any_site: Site) -> None:
    store = any_site.store
    finish_with(store, claim(store, job(1)), model="large", template_set="a" * 64)
    any_site.clock.now += DAY
    finish(store, claim(store, job(2)), Outcome.NO_FIX)
    claim(store, job(3))
    browser = any_site.browser()
    assert issues(browser, "/?outcome=pr_opened") == ["1"]
    assert issues(browser, "/?outcome=running") == ["3"]
    assert issues(browser, "/?model=large") == ["1"]
    assert issues(browser, f"/?template_set={'a' * 64}&outcome=pr_opened") == ["1"]
    assert issues(browser, "/?day=2001-09-09") == ["1"]
    assert sorted(issues(browser, "/?day=2001-09-10")) == ["2", "3"]
    assert sorted(issues(browser, "/?repository=OCTO/Repo")) == ["1", "2", "3"]
    assert "No run matches the filter." in browser.get("/?repository=other/repo").text


@pytest.mark.parametrize(
    "address", ["/?before=!", "/?before=%00%ff", "/?day=1900-01-01", "/?day=9999-12-31"]
)
def test_a_place_or_a_day_without_runs_is_an_empty_list(any_site: Site, address: str) -> None:
    claim(any_site.store)
    assert issues(any_site.browser(), address) == []


def test_a_page_has_fifty_runs_and_the_next_one_keeps_the_filter(site: Site) -> None:
    for number in range(1, 61):
        site.clock.now += 1
        site.store.register(Submission.of(job(number)))
    browser = site.browser()
    address = older(browser, "/?repository=octo/repo&day=2001-09-09")
    assert "repository=octo%2Frepo" in address
    assert "day=2001-09-09" in address
    assert len(issues(browser, address)) == 10


@pytest.mark.parametrize(
    ("address", "message"),
    [("/?outcome=great", "outcome: "), ("/?day=yesterday", "day: "), ("/?day=2001-13-01", "day: ")],
)
def test_a_wrong_filter_is_named(site: Site, address: str, message: str) -> None:
    response = site.browser().get(address)
    assert response.status_code == 422
    assert message in response.text


def test_a_key_sees_the_runs_of_its_own_jobs_only(any_site: Site) -> None:
    sent_by(any_site.store, "alice", 1)
    sent_by(any_site.store, "bob", 2)
    claim(any_site.store, job(3))
    alice = any_site.signed_in("alice-key-0001")
    assert issues(alice) == ["1"]
    assert "octo/repo#2" not in alice.get("/running").text
    assert sorted(issues(any_site.signed_in("root-key-00002"))) == ["1", "2", "3"]


def test_hostile_text_of_a_result_is_inert(site: Site) -> None:
    hostile = '"><script>alert(1)</script>\u202e\x1b[31m' + SECRET
    finish_with(site.store, claim(site.store), model=hostile)
    text = site.browser().get("/").text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "\u202e" not in text
    assert "\x1b" not in text
    assert SECRET not in text


def test_a_run_at_work_shows_its_stage_round_and_step(any_site: Site) -> None:
    store = any_site.store
    claimed = claim(store)
    browser = any_site.browser()
    assert "fetch issue, round 1" in browser.get("/running").text
    for stage in ("fetch_issue", "checkout", "build_context", "prepare_tests"):
        store.save_checkpoint(claimed.lease, checkpoint(stage))
    assert "propose patch, round 1<" in browser.get("/running").text
    for number in (1, 2):
        name = f"remembered:attempt-1/step-{number:03}"
        store.save_checkpoint(claimed.lease, checkpoint(name, round=0))
    assert "propose patch, round 1, step 2" in browser.get("/running").text
    assert "octo/repo#42: propose patch" in browser.get("/").text


def test_a_screen_reader_hears_of_a_new_stage_and_not_of_each_step(site: Site) -> None:
    claimed = claim(site.store)
    browser = site.browser()
    first = browser.get("/running")
    seen = re.search(r"seen=(\w+)", first.text)
    assert seen is not None
    assert 'id="running-sentence"' in first.text
    assert 'id="running-sentence"' not in browser.get(f"/running?seen={seen[1]}").text
    site.store.save_checkpoint(claimed.lease, checkpoint("fetch_issue"))
    assert 'id="running-sentence"' in browser.get(f"/running?seen={seen[1]}").text


def test_an_empty_store_says_so(site: Site) -> None:
    text = site.browser().get("/").text
    assert "No run yet." in text
    assert "No run is at work." in text


def test_a_list_costs_dynamodb_the_same_calls_however_many_runs_there_are(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs_list, "PAGE", 5)
    store = OPENERS["dynamodb"](tmp_path, clock)
    browser = Site(store, tmp_path, clock).browser()

    def calls_of_a_list() -> Counter[str]:
        calls: Counter[str] = Counter()

        def count(model: Any, **_: object) -> None:
            calls[model.name] += 1

        events = dynamodb_client().meta.events
        events.register("before-call.dynamodb", count)
        assert browser.get("/").status_code == 200
        events.unregister("before-call.dynamodb", count)
        return calls

    finish(store, claim(store, job(1)))
    few = calls_of_a_list()
    for number in range(2, 13):
        finish(store, claim(store, job(number)))
    assert calls_of_a_list() == few
    assert few == {"Query": 2, "BatchGetItem": 1}
    store.close()
