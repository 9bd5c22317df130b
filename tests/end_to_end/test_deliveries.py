"""One job has one pull request and one outcome, no matter how often its message is delivered."""

import json

from tests.end_to_end.service import REPOSITORY, Service


def test_message_delivered_three_times_opens_one_pull_request(service: Service) -> None:
    service.submit(metadata={"ticket": "7"})
    service.submit(metadata={"ticket": "7"})
    service.start_worker("first")
    service.start_worker("second")
    service.wait_for_finished()
    service.submit(metadata={"ticket": "7"})
    service.wait_for_duplicate()
    service.kill_workers()

    (pull,) = service.github.pulls(REPOSITORY)
    finished = [body for body, _ in service.events if '"run.finished"' in body]
    assert len(set(finished)) == 1, "published again byte for byte"
    data = json.loads(finished[-1])["data"]
    assert data["pull_request_number"] == pull.number
    assert data["metadata"] == {"ticket": "7"}
    assert service.count_bought() == 1
