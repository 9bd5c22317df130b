"""The page of dead letters, and replaying them, against moto's SQS."""

import html
import json
import re
from collections.abc import Sequence

import pytest
from starlette.testclient import TestClient

from console.queues import dead_messages
from console.queues.dead_letters import KEEP_SECONDS, DeadLetters
from pipeline.queue import REASON, SqsQueue
from tests.console.web.conftest import SECRET, Site
from tests.stand_ins.aws import Aws
from tests.stand_ins.dead_letters import URL, Dead

ORIGIN = {"Origin": "http://127.0.0.1:8081"}


@pytest.fixture
def dead(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Dead:
    monkeypatch.setattr(dead_messages, "POLL_SECONDS", 0)
    return Dead(aws, aws.make_queue())


def open_console(site: Site, dead: Dead, *, allow_actions: bool = True) -> TestClient:
    letters = DeadLetters(dead.queue.url, site.clock)
    return site.browser(dead_letters=letters, allow_actions=allow_actions)


def post(browser: TestClient, path: str, ids: Sequence[str]) -> tuple[int, str]:
    """Send a form of the page of dead letters with these messages chosen."""
    page = browser.get("/dead-letters").text
    token = re.search(r'name="form_token" value="(\w+)"', page)
    assert token is not None
    form = {"form_token": token[1], "message": list(ids)}
    response = browser.post(path, data=form, headers=ORIGIN)
    return response.status_code, response.text


def test_messages_are_shown_with_their_reasons_and_stay(site: Site, dead: Dead) -> None:
    dead.failed(1)
    dead.failed(2)
    dead.put(json.dumps({"issue_url": URL.format("repo", 4)}))
    text = open_console(site, dead).get("/dead-letters").text
    assert '<a href="https://github.com/octo/repo/issues/1">octo/repo#1</a>' in text
    assert re.search(r'<td>GitHub.*?\*.*?</td><td>octo/repo</td><td class="number">2</td>', text)
    assert "3 of 3 messages" in text
    assert text.count('type="checkbox"') == 2, "only a failed job can be replayed"
    assert dead.depth() == (3, 0)


def test_hostile_text_of_a_message_is_inert(site: Site, dead: Dead) -> None:
    dead.put("not a job", **{REASON: f"<script>alert(1)</script> \x1b[31m {SECRET}"})
    dead.put(json.dumps({"issue_url": "javascript:alert(1)"}))
    text = open_console(site, dead).get("/dead-letters").text
    assert "<script>alert" not in text
    assert 'href="javascript' not in text
    assert "\x1b" not in text
    assert SECRET not in text


def test_messages_are_filtered_by_reason_and_repository(site: Site, dead: Dead) -> None:
    dead.failed(1)
    dead.failed(2, repo="other", reason="a defect: KeyError")
    browser = open_console(site, dead)
    assert "issues/2" not in browser.get("/dead-letters?reason=rate*limit").text
    assert "issues/1" not in browser.get("/dead-letters?repository=octo/other").text
    assert "No message matches" in browser.get("/dead-letters?reason=nothing").text


def test_all_failed_messages_that_match_a_filter_are_chosen_at_once(site: Site, dead: Dead) -> None:
    dead.failed(1)
    dead.failed(2, repo="other")
    browser = open_console(site, dead)
    page = browser.get("/dead-letters?repository=octo/other").text
    link = re.search(r'<a href="([^"]+)">Choose all 1 failed message</a>', page)
    assert link is not None
    chosen = browser.get(html.unescape(link[1])).text
    assert chosen.count(" checked>") == 1
    assert "issues/1" not in chosen


def test_reloading_does_not_receive_the_messages_again_at_once(site: Site, dead: Dead) -> None:
    browser = open_console(site, dead)
    assert "There are no dead letters." in browser.get("/dead-letters").text
    dead.failed(1)
    assert "There are no dead letters." in browser.get("/dead-letters").text
    site.clock.now += KEEP_SECONDS
    assert "issues/1" in browser.get("/dead-letters").text


def test_a_plan_says_what_will_be_sent_and_what_it_may_cost(site: Site, dead: Dead) -> None:
    ids = [dead.failed(1), dead.failed(2, limits={"max_cost_usd": 0.5}), dead.failed(3)]
    chosen = [ids[0], ids[1], ids[1]]
    status, text = post(open_console(site, dead), "/dead-letters/plan", chosen)
    assert status == 200
    assert "Replay 2 messages?" in text
    assert "may cost $2.50 at most" in text
    assert "issues/3" not in text
    assert '<td class="number">0</td><td class="number">1</td>' in text
    assert dead.depth() == (3, 0), "a plan changes nothing"


def test_a_replay_sends_the_next_generation_and_deletes_the_message(site: Site, dead: Dead) -> None:
    ids = [dead.failed(1, job_id="job-1"), dead.failed(2)]
    browser = open_console(site, dead)
    status, text = post(browser, "/dead-letters/replay", ids[:1])
    assert status == 200
    assert "Replayed 1 of 1 message" in text
    ((job, attributes),) = dead.sent_jobs()
    assert job.id == "job-1"
    assert job.replay is not None
    assert job.replay.id == "redrive:0"
    assert attributes == {"sender": "billing"}
    assert dead.depth() == (1, 0)
    assert "octo/repo#1<" not in browser.get("/dead-letters").text


def test_sending_the_form_twice_sends_the_job_once(site: Site, dead: Dead) -> None:
    ids = [dead.failed(1)]
    dead.failed(2)
    browser = open_console(site, dead)
    post(browser, "/dead-letters/replay", ids)
    status, text = post(browser, "/dead-letters/replay", ids)
    assert status == 409
    assert "no longer seen" in text
    assert len(dead.sent_jobs()) == 1


def test_a_replay_that_sqs_interrupts_says_so_and_leaves_the_rest(
    site: Site, dead: Dead, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [dead.failed(number) for number in (1, 2, 3)]
    browser = open_console(site, dead)
    send = SqsQueue.send
    sent: list[str] = []

    async def fail_after_the_first(self: SqsQueue, *arguments: object) -> str:
        if sent:
            raise TimeoutError
        sent.append("one")
        return await send(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(SqsQueue, "send", fail_after_the_first)
    _, text = post(browser, "/dead-letters/replay", ids)
    assert "Replayed 1 of 3 messages" in text
    assert "SQS did not answer in time" in text
    assert dead.depth() == (2, 0)


@pytest.mark.parametrize("path", ["/dead-letters/plan", "/dead-letters/replay"])
def test_without_actions_nothing_is_replayed(site: Site, dead: Dead, path: str) -> None:
    ids = [dead.failed(1)]
    browser = open_console(site, dead, allow_actions=False)
    page = browser.get("/dead-letters").text
    assert 'type="checkbox"' not in page
    assert "coding-agent dlq replay" in page
    status, text = post(browser, path, ids)
    assert status == 403
    assert "--allow-actions" in text
    assert dead.depth() == (1, 0)


@pytest.mark.parametrize(
    ("choice", "status"),
    [([], 422), (["no-such-message"], 409), ([f"message-{n}" for n in range(201)], 422)],
)
def test_an_impossible_choice_is_refused(
    site: Site, dead: Dead, choice: list[str], status: int
) -> None:
    dead.failed(1)
    assert post(open_console(site, dead), "/dead-letters/plan", choice)[0] == status


def test_only_a_failed_job_can_be_chosen(site: Site, dead: Dead) -> None:
    unfinished = dead.put(json.dumps({"issue_url": URL.format("repo", 4)}))
    status, text = post(open_console(site, dead), "/dead-letters/replay", [unfinished])
    assert status == 422
    assert "is not a failed job" in text
    assert dead.sent_jobs() == []


def test_a_key_that_sees_its_own_jobs_may_not_look_or_act(site: Site) -> None:
    alice = site.signed_in("alice-key-0001")
    assert alice.get("/dead-letters").status_code == 403
    token = re.search(r'name="form_token" value="(\w+)"', alice.get("/").text)
    assert token is not None
    for path in ("/dead-letters/plan", "/dead-letters/replay"):
        response = alice.post(
            path,
            data={"form_token": token[1], "message": "x"},
            headers={"Origin": "https://console.example.com"},
        )
        assert response.status_code == 403


def test_a_queue_without_dead_letters_is_a_notice(site: Site, aws: Aws) -> None:
    url = aws.sqs.create_queue(QueueName="plain")["QueueUrl"]
    browser = site.browser(dead_letters=DeadLetters(url, site.clock))
    assert "has no RedrivePolicy" in browser.get("/dead-letters").text


def test_without_a_queue_the_page_says_what_that_means(site: Site) -> None:
    assert "No queue is configured" in site.browser().get("/dead-letters").text
