"""The caller's place in its trace, in the header ``traceparent``."""

from tests.pipeline.api.conftest import ALICE, ISSUE, Service
from tests.stand_ins.runs import job

SENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
OTHER = SENT.replace("4bf9", "aaaa")


def stored(service: Service) -> str | None:
    run = service.store.run(job().id)
    assert run is not None
    return run.traceparent


def test_the_header_goes_into_the_message_and_is_stored_with_the_run(service: Service):
    assert service.post(headers=ALICE | {"traceparent": SENT}).status_code == 202
    assert service.traceparents == [SENT]
    assert stored(service) == SENT


def test_the_same_issue_from_another_place_is_the_same_job(service: Service):
    for place in (SENT, OTHER):
        body = {"issue_url": ISSUE, "metadata": {"traceparent": place}}
        assert service.post(body).status_code == 202
    assert stored(service) == SENT


def test_the_header_counts_before_the_metadata(service: Service):
    body = {"issue_url": ISSUE, "metadata": {"traceparent": OTHER}}
    service.post(body, headers=ALICE | {"traceparent": SENT})
    assert stored(service) == SENT


def test_an_invalid_header_is_ignored(service: Service):
    assert service.post(headers=ALICE | {"traceparent": "nonsense"}).status_code == 202
    assert service.traceparents == [None]
    assert stored(service) is None
