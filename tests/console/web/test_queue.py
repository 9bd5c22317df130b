"""The queue's page, against moto's SQS."""

import pytest

from console.queues.watch import KEEP_SECONDS, QueueWatch
from pipeline.outcome import Outcome
from tests.console.web.conftest import Site
from tests.stand_ins.aws import Aws
from tests.stand_ins.runs import claim, finish, job, park


def test_without_a_queue_the_page_says_what_that_means(site: Site) -> None:
    text = site.browser().get("/queue").text
    assert "No queue is configured" in text
    assert "CODING_AGENT_QUEUE_URL" in text


def test_both_depths_are_shown(site: Site, aws: Aws) -> None:
    queue = aws.make_queue()
    for _ in range(3):
        aws.sqs.send_message(QueueUrl=queue.url, MessageBody="x")
    aws.sqs.send_message(QueueUrl=queue.dead_letters_url, MessageBody="x")
    aws.sqs.receive_message(QueueUrl=queue.url)
    text = site.browser(queue=QueueWatch(queue.url, site.clock)).get("/queue").text
    assert "<dt>Waiting</dt><dd>2</dd>" in text
    assert "<dt>In flight: a worker has received them</dt><dd>1</dd>" in text
    assert '<dt>Messages</dt><dd class="bad"><a href="/dead-letters">1</a></dd>' in text


def test_reloading_does_not_ask_sqs_again_at_once(site: Site, aws: Aws) -> None:
    queue = aws.make_queue()
    browser = site.browser(queue=QueueWatch(queue.url, site.clock))
    assert "<dt>Waiting</dt><dd>0</dd>" in browser.get("/queue").text
    aws.sqs.send_message(QueueUrl=queue.url, MessageBody="x")
    site.clock.now += KEEP_SECONDS - 1
    assert "<dt>Waiting</dt><dd>0</dd>" in browser.get("/queue").text
    site.clock.now += 1
    assert "<dt>Waiting</dt><dd>1</dd>" in browser.get("/queue").text


def test_a_queue_that_cannot_be_read_is_a_notice_on_the_page(site: Site, aws: Aws) -> None:
    url = aws.make_queue().url + "-gone"
    response = site.browser(queue=QueueWatch(url, site.clock)).get("/queue")
    assert response.status_code == 200
    assert "SQS refused" in response.text
    assert "Oldest run without an outcome" in response.text


def test_the_oldest_run_and_events_that_wait_come_from_the_store(any_site: Site) -> None:
    claim(any_site.store, job(1))
    park(any_site.store, finish(any_site.store, claim(any_site.store, job(2))), "no such topic")
    finish(any_site.store, claim(any_site.store, job(3)), Outcome.FAILED)
    any_site.clock.now += 7200
    text = any_site.browser().get("/queue").text
    assert "sent 2h ago" in text
    assert "<dt>Events to be published</dt><dd>1</dd>" in text
    assert "queue retry-events" in text


def test_the_script_asks_for_the_numbers_only(site: Site) -> None:
    text = site.browser().get("/queue", headers={"HX-Request": "true"}).text
    assert text.lstrip().startswith('<div id="queue-state"')
    assert "<html" not in text


@pytest.mark.parametrize("path", ["/queue", "/spend"])
def test_a_key_that_sees_its_own_jobs_does_not_see_the_deployment(site: Site, path: str) -> None:
    alice = site.signed_in("alice-key-0001")
    response = alice.get(path)
    assert response.status_code == 403
    assert "operator: true" in response.text
    assert f'href="{path}"' not in alice.get("/").text
    assert site.signed_in("root-key-00002").get(path).status_code == 200
