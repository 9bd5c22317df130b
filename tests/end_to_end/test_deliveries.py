"""What a backend relies on: one job, one pull request, one outcome, however often the message
comes.
"""

from tests.end_to_end.service import REPOSITORY, Service, end


def test_the_same_message_twice_at_once_and_later_opens_one_pull_request(service: Service) -> None:
    service.submit(metadata={"ticket": "7"})
    service.submit(metadata={"ticket": "7"})
    workers = [service.worker("first"), service.worker("second")]
    service.finished()
    service.submit(metadata={"ticket": "7"})
    events = service.finished(2)
    for worker in workers:
        end(worker)

    (pull,) = service.github.pulls(REPOSITORY)
    finished = [body for body, _ in service.received if '"run.finished"' in body]
    assert len(set(finished)) == 1, "published again byte for byte"
    assert any(attributes.get("duplicate") == "true" for _, attributes in service.received)
    data = events[-1]["data"]
    assert data["pull_request_number"] == pull.number
    assert data["metadata"] == {"ticket": "7"}
    assert service.bought() == 1
