"""From an event on GitHub to the pull request, through a real worker."""

from datetime import UTC, datetime
from typing import Any

from tests.end_to_end.service import REPOSITORY, WEBHOOK_SECRET, Service
from tests.stand_ins.github.webhooks import Event


def label(service: Service, sender: str) -> Event:
    """Return the event of the trigger label, which is set on the issue just now."""
    number = int(service.issue_url.rsplit("/", 1)[-1])
    webhooks = service.github.webhooks
    event = webhooks.issue_labeled(REPOSITORY, number, "coding-agent", sender=sender)
    event.payload["issue"]["updated_at"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return event


def end(service: Service) -> dict[str, Any]:
    """Wait for the end of the run, and return the data of its event."""
    *_, finished = service.wait_for_finished()
    data: dict[str, Any] = finished["data"]
    return data


def test_a_label_becomes_one_pull_request_however_often_the_event_is_delivered(
    service: Service,
) -> None:
    service.start_worker("worker")
    url = service.webhook_url("worker")
    event = label(service, "octo")
    first = event.deliver(url, WEBHOOK_SECRET)
    again = event.deliver(url, WEBHOOK_SECRET)
    assert first.status_code == 202
    assert again.json() == first.json()
    ended = end(service)
    late = event.deliver(url, WEBHOOK_SECRET)
    service.kill_workers()
    assert ended["outcome"] == "pr_opened"
    assert [ended["job_id"]] == first.json()["job_ids"]
    assert (late.status_code, late.json()["action"]) == (200, "ignored")
    assert len(service.github.pulls(REPOSITORY)) == 1
    assert service.count_bought() == 1


def test_a_label_by_somebody_who_may_not_write_is_rejected_for_no_money(service: Service) -> None:
    service.start_worker("worker")
    event = label(service, "triager")
    assert event.deliver(service.webhook_url("worker"), WEBHOOK_SECRET).status_code == 202
    ended = end(service)
    service.kill_workers()
    assert (ended["outcome"], ended["cost_usd"]) == ("rejected", 0)
    assert "triager asked for the fix, who may not write" in ended["reason"]
    assert service.count_bought() == 0
