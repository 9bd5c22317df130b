"""A run's page, its artifacts, and finding a run, in either store."""

import re
from pathlib import Path

import pytest

from console.html import fitting
from pipeline.outcome import Event, Outcome
from pipeline.store.contract import Claimed, Submission
from tests.console.web.conftest import SECRET, Site
from tests.pipeline.store.submissions import checkpoint
from tests.stand_ins.example_runs import long_agent_run
from tests.stand_ins.runs import LEASE, TOPIC, Clock, claim, finish, job, result_of

JOB = "job-one"
PAGE = f"/runs/{JOB}/0"


def finish_with_artifact(site: Site, data: bytes, name: str = "patch") -> str:
    """End a run that has stored an artifact. Return the address of its download."""
    claimed = claim(site.store, job(job_id=JOB))
    key = f"{claimed.run.key.prefix}/1/apply_patch/{name}.diff"
    site.artifacts.put(key, data)
    result = result_of(claimed).model_copy(
        update={"artifacts": {name: site.artifacts.address(key)}}
    )
    site.store.finish(claimed.lease, result, Event.about(result, "2001-09-09T01:46:40Z"), TOPIC)
    return f"{PAGE}/artifacts/1/apply_patch/{name}.diff"


def test_the_page_says_first_what_happened(any_site: Site) -> None:
    finish(any_site.store, claim(any_site.store, job(job_id=JOB)), Outcome.NO_FIX)
    response = any_site.browser().get(PAGE)
    assert response.status_code == 200
    assert "<style" not in response.text
    _, _, content = response.text.partition("<main")
    assert content.index("<h1>") < content.index("Found no fix") < content.index("Timeline")


def test_a_run_at_work_says_how_far_it_is_until_it_has_ended(any_site: Site) -> None:
    claimed = claim(any_site.store, job(job_id=JOB))
    browser = any_site.browser()
    assert "At work: fetch issue, round 1" in browser.get(PAGE).text
    any_site.store.save_checkpoint(claimed.lease, checkpoint("fetch_issue"))
    assert "At work: checkout, round 1" in browser.get(f"{PAGE}/progress").text
    finish(any_site.store, claimed)
    ended = browser.get(f"{PAGE}/progress")
    assert ended.headers["hx-refresh"] == "true"
    assert "At work:" not in browser.get(PAGE).text


def test_a_long_run_is_cut_to_a_page_that_a_phone_can_open(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = long_agent_run(tmp_path, steps=5, output="a long line\n" * 400)
    browser = Site(run.store, tmp_path, clock).browser()
    whole = len(browser.get(f"/runs/{run.row.job_id}/0").content)
    monkeypatch.setattr(fitting, "MAX_BYTES", whole - 1)
    cut = browser.get(f"/runs/{run.row.job_id}/0")
    assert cut.status_code == 200
    assert len(cut.content) < whole


@pytest.mark.parametrize(
    "path",
    [
        "/runs/unknown/0",
        "/runs/job-one/7",
        "/runs/job-one/x",
        "/runs/job-one/",
        f"/runs/job-one/{'9' * 5_000}",
        f"/runs/{'a' * 3_000}/0",
        "/runs/octo%2Frepo%231/0",
        "/runs/%00/0",
        "/runs/%ff/0",
    ],
)
def test_an_unknown_run_is_not_found(any_site: Site, path: str) -> None:
    claim(any_site.store, job(job_id=JOB))
    assert any_site.browser().get(path).status_code == 404


def test_a_key_does_not_see_the_page_or_the_artifacts_of_others(any_site: Site) -> None:
    download = finish_with_artifact(any_site, b"a patch")
    alice = any_site.signed_in("alice-key-0001")
    for path in (PAGE, f"{PAGE}/progress", download):
        assert alice.get(path).status_code == 404
    root = any_site.signed_in("root-key-00002")
    assert root.get(PAGE).status_code == root.get(download).status_code == 200


def test_an_artifact_is_saved_and_never_interpreted(site: Site) -> None:
    hostile = f"<script>alert(1)</script>{SECRET}"
    address = finish_with_artifact(site, hostile.encode())
    browser = site.browser()
    assert f'href="{address}"' in browser.get(PAGE).text
    response = browser.get(address)
    assert response.text == "<script>alert(1)</script>[redacted]"
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.headers["content-disposition"] == 'attachment; filename="patch.diff.txt"'
    assert response.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert response.headers["x-content-type-options"] == "nosniff"


def test_data_that_is_no_text_is_saved_as_it_is_but_without_secrets(site: Site) -> None:
    address = finish_with_artifact(site, b"\xff\x00\xfe" + SECRET.encode() + b"\x80")
    assert site.browser().get(address).content == b"\xff\x00\xfe[redacted]\x80"


@pytest.mark.parametrize(
    "key",
    [
        "../../job-two/0/secret",
        "..%2f..%2fjob-two/0/secret",
        "%2e%2e/0/secret",
        "/etc/passwd",
        "no",
        "1",
        "1/apply_patch/patch.diff/no",
        "/".join(["long"] * 2_000),
    ],
)
def test_a_key_of_no_artifact_of_the_run_is_not_found(site: Site, key: str) -> None:
    site.artifacts.put("job-two/0/secret", b"of another run")
    finish_with_artifact(site, b"a patch")
    response = site.browser().get(f"{PAGE}/artifacts/{key}")
    assert response.status_code == 404
    assert b"of another run" not in response.content


@pytest.mark.parametrize("text", ["job-one", "job-", "octo/repo#42", "#42", "job-one/0"])
def test_a_run_is_found_by_each_of_its_names(any_site: Site, text: str) -> None:
    claim(any_site.store, job(job_id=JOB))
    response = any_site.browser().get("/search", params={"q": text})
    assert response.status_code == 303
    assert response.headers["location"] == PAGE


def test_an_ambiguous_name_shows_the_runs_that_may_be_meant(site: Site) -> None:
    claim(site.store, job(1, job_id="job-one"))
    claim(site.store, job(2, job_id="job-two"))
    text = site.browser().get("/search", params={"q": "job-"}).text
    assert "names several jobs" in text
    assert sorted(re.findall(r'<a href="/runs/(job-\w+)/0">', text)) == ["job-one", "job-two"]


@pytest.mark.parametrize("text", ["", "nothing", "#7", "<script>alert(1)</script>", "x" * 500])
def test_a_name_without_a_run_is_answered_with_the_form(site: Site, text: str) -> None:
    response = site.browser().get("/search", params={"q": text})
    assert response.status_code == 200
    assert "<script>alert" not in response.text
    assert 'role="search"' in response.text


def test_a_key_finds_its_own_jobs_only(any_site: Site) -> None:
    sent = Submission.of(job(1, job_id="of-alice"), owner="alice")
    assert isinstance(any_site.store.claim(sent, lease_seconds=LEASE), Claimed)
    claim(any_site.store, job(2, job_id="of-nobody"))
    alice = any_site.signed_in("alice-key-0001")
    assert alice.get("/search", params={"q": "of-alice"}).status_code == 303
    for text in ("of-nobody", "octo/repo#2"):
        answer = alice.get("/search", params={"q": text}).text
        assert "none of your jobs has this name" in answer
        assert "octo/repo#2<" not in answer
