"""From an event on GitHub to the pull request, through a real worker."""

import json
from datetime import UTC, datetime
from typing import Any

from tests.end_to_end.service import FIX, REPOSITORY, WEBHOOK_SECRET, Service
from tests.stand_ins.github.reviews import OnLine
from tests.stand_ins.github.webhooks import Event

#: The change against the base once more, with what the review asks for.
FOLLOW_UP = FIX.replace("    return a + b", "    # the sum of both\n    return a + b") + (
    "\nREPLY C1: Done: the comment says it.\n"
)


def label(service: Service, sender: str) -> Event:
    """Return the event of the trigger label, which is set on the issue just now."""
    number = int(service.issue_url.rsplit("/", 1)[-1])
    webhooks = service.github.webhooks
    event = webhooks.issue_labeled(REPOSITORY, number, "coding-agent", sender=sender)
    event.payload["issue"]["updated_at"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return event


def end(service: Service, count: int = 1) -> dict[str, Any]:
    """Wait for the end of a number of runs, and return the data of the last one's event."""
    events = service.wait_for_finished(count)
    ends: list[dict[str, Any]] = [
        event["data"] for event in events if event["type"] == "run.finished"
    ]
    return ends[-1]


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
    assert "triager asked for it, who may not write" in ended["reason"]
    assert service.count_bought() == 0


def test_a_review_becomes_one_follow_up_however_often_the_event_is_delivered(
    service: Service,
) -> None:
    replies = [{"reply": reply, "times": 1} for reply in (FIX, FOLLOW_UP)]
    (service.folder / "replies.json").write_text(json.dumps(replies))
    service.variables["CODING_AGENT_MODEL"] = f"scripted:{service.folder}/replies.json"
    service.start_worker("worker")
    url = service.webhook_url("worker")
    label(service, "octo").deliver(url, WEBHOOK_SECRET)
    end(service)
    (pull,) = service.github.pulls(REPOSITORY)
    before = service.github.sha(REPOSITORY, pull.head)
    comments = [OnLine("calc.py", 2, "Say why, please.")]
    review_id, comment_id = service.github.reviews.submit(
        REPOSITORY, pull.number, "octo", state="CHANGES_REQUESTED", comments=comments
    )
    event = service.github.webhooks.review_submitted(REPOSITORY, pull.number, review_id)
    deliveries = [event.deliver(url, WEBHOOK_SECRET) for _ in range(2)]
    ended = end(service, 2)
    late = event.deliver(url, WEBHOOK_SECRET)
    service.kill_workers()
    assert [delivery.status_code for delivery in deliveries] == [202, 202]
    assert late.json()["action"] == "ignored"
    assert ended["outcome"] == "pr_updated", ended["reason"]
    assert ended["pull_request_number"] == pull.number
    assert service.github.sha(REPOSITORY, pull.head) != before
    assert b"the sum of both" in service.github.files(REPOSITORY, pull.head)["calc.py"]
    said = service.github.reviews.line_comments(REPOSITORY, pull.number)
    assert [each.body for each in said if each.in_reply_to == comment_id] != []
    assert service.count_bought() == 2


def test_closing_the_pull_request_cancels_the_answer_to_its_review(service: Service) -> None:
    service.start_worker("worker")
    url = service.webhook_url("worker")
    label(service, "octo").deliver(url, WEBHOOK_SECRET)
    end(service)
    (pull,) = service.github.pulls(REPOSITORY)
    head = service.github.sha(REPOSITORY, pull.head)
    review_id, *_ = service.github.reviews.submit(
        REPOSITORY, pull.number, "octo", "Say why, please.", state="CHANGES_REQUESTED"
    )
    webhooks = service.github.webhooks
    event = webhooks.review_submitted(REPOSITORY, pull.number, review_id)
    closed = webhooks.pull_closed(REPOSITORY, pull.number, sender="octo")
    event.deliver(url, WEBHOOK_SECRET)
    closed.deliver(url, WEBHOOK_SECRET)
    ended = end(service, 2)
    service.kill_workers()
    assert ended["outcome"] in ("cancelled", "rejected")
    assert service.github.sha(REPOSITORY, pull.head) == head
    assert service.count_bought() == 1
