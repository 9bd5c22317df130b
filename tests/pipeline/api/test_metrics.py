"""``/metrics``: for whoever reaches the worker directly, if the operator wants it."""

from tests.pipeline.api.conftest import ALICE, Service


def test_the_figures_are_served_without_a_key_to_direct_requests(service: Service):
    service.metrics = lambda: b"coding_agent_runs_total 1.0\n"
    answer = service.http.get("/metrics")
    assert (answer.status_code, answer.text) == (200, "coding_agent_runs_total 1.0\n")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_a_request_that_a_load_balancer_passed_on_gets_nothing(service: Service):
    service.metrics = lambda: b"coding_agent_runs_total 1.0\n"
    forwarded = {"X-Forwarded-For": "203.0.113.7"}
    for headers in (forwarded, ALICE | forwarded, {"Forwarded": "for=203.0.113.7"}):
        answer = service.http.get("/metrics", headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_without_the_setting_there_is_no_such_page(service: Service):
    assert service.http.get("/metrics").status_code == 404
