"""One issue has one open pull request, and a rejected job does not lock its issue."""

from typing import Any

from tests.end_to_end.service import REPOSITORY, Service


def ends(service: Service, count: int) -> list[dict[str, Any]]:
    """Wait for this number of run.finished events, and return their data."""
    events = service.wait_for_finished(count)
    return [event["data"] for event in events if event["type"] == "run.finished"]


def test_another_job_for_the_issue_is_rejected_with_the_open_pull_request(
    service: Service,
) -> None:
    service.start_worker("worker")
    service.submit(job_id="of-a-backend")
    ends(service, 1)
    service.submit()
    opened, rejected = ends(service, 2)
    service.kill_workers()
    (pull,) = service.github.pulls(REPOSITORY)
    assert (opened["outcome"], opened["pull_request_number"]) == ("pr_opened", pull.number)
    assert (rejected["outcome"], rejected["pull_request_number"]) == ("rejected", pull.number)
    assert rejected["pull_request_url"] == opened["pull_request_url"]
    assert "of job of-a-backend is open for this issue; replay that job" in rejected["reason"]
    assert service.count_bought() == 1


def test_a_corrected_job_runs_after_a_rejected_one_and_the_old_message_starts_nothing(
    service: Service,
) -> None:
    wrong = {"options": {"model": "gpt-9"}}
    service.start_worker("worker")
    service.submit(**wrong)
    ends(service, 1)
    service.submit()
    ends(service, 2)
    service.submit(**wrong)
    rejected, opened, again = ends(service, 3)
    service.kill_workers()
    assert (rejected["outcome"], rejected["generation"]) == ("rejected", 0)
    assert "CODING_AGENT_ALLOWED_MODELS" in rejected["reason"]
    assert (opened["outcome"], opened["generation"]) == ("pr_opened", 1)
    assert opened["job_id"] == rejected["job_id"]
    assert again == rejected
    assert service.count_bought() == 1
