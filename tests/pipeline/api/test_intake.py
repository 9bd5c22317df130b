"""What a job meets between its POST and its 202, and what its sender sees afterwards."""

import sqlite3
from typing import Any

import pytest

from pipeline.job import parse_job
from pipeline.outcome import Outcome
from pipeline.store.contract import MoneyCaps, Submission
from tests.pipeline.api.conftest import ALICE, BOB, ISSUE, Service
from tests.stand_ins.runs import call_request, claim, finish, job


def test_an_issue_is_queued_and_its_job_seen_at_once(service: Service):
    answer = service.post()
    assert answer.status_code == 202
    told = answer.json()
    url = f"http://agent.example:8080/jobs/{job().id}"
    assert told == {"job_id": job().id, "generation": 0, "status_url": url, "duplicate": False}
    assert [parse_job(body) for body in service.sent] == [job()]
    seen = service.http.get(told["status_url"], headers=ALICE).json()
    assert (seen["job_id"], seen["state"], seen["outcome"], seen["result"]) == (
        job().id,
        "queued",
        None,
        None,
    )
    assert (seen["created_at"], seen["cost_usd"]) == ("2001-09-09T01:46:40Z", 0)


def test_the_message_is_sent_before_the_row_is_written(service: Service):
    rows: list[object] = []
    service.while_sending = lambda sent: rows.append(service.store.run(sent.id))
    service.post()
    assert rows == [None]


def test_a_queue_that_is_down_is_a_503_and_leaves_no_row(service: Service):
    service.queue_is_down()
    answer = service.post()
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "queue_unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert "private-account" not in answer.text
    assert service.store.run(job().id) is None
    service.queue_error = None
    assert service.post().status_code == 202


def test_a_store_that_is_down_is_a_503_before_anything_is_sent(
    service: Service, monkeypatch: pytest.MonkeyPatch
):
    _broken(service, monkeypatch, "run")
    answer = service.post()
    assert (answer.status_code, answer.json()["error"]["code"], service.sent) == (
        503,
        "store_unavailable",
        [],
    )
    assert service.http.get(f"/jobs/{job().id}", headers=ALICE).status_code == 503


def test_a_store_that_fails_after_the_send_says_that_the_job_will_run_and_the_same_request_shows_it(
    service: Service, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patch:
        _broken(service, patch, "register")
        answer = service.post()
    assert answer.status_code == 503 and "queued and will run" in answer.json()["error"]["message"]
    assert len(service.sent) == 1
    claim(service.store)  # a worker was quicker than the second try
    again = service.post().json()
    assert (again["generation"], again["duplicate"], len(service.sent)) == (0, True, 1)
    assert service.http.get(again["status_url"], headers=ALICE).json()["state"] == "running"


def test_a_worker_that_takes_the_message_before_the_row_is_registered_does_not_take_it_from_its_key(
    service: Service,
):
    service.while_sending = lambda sent: claim(service.store, sent)
    told = service.post().json()
    assert service.http.get(told["status_url"], headers=ALICE).json()["state"] == "running"
    assert service.http.get(told["status_url"], headers=BOB).status_code == 404


def test_a_defect_in_the_store_is_a_500_in_the_same_shape(
    service: Service, monkeypatch: pytest.MonkeyPatch
):
    _broken(service, monkeypatch, "run", ZeroDivisionError("private"))
    answer = service.post()
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal")
    assert (
        "private" not in answer.text
        and answer.json()["request_id"] == answer.headers["X-Request-Id"]
    )


# The same again


def test_the_same_issue_again_is_the_same_job_and_is_not_sent_twice_while_it_is_under_way(
    service: Service,
):
    first = service.post({"issue_url": "https://github.com/Octo/Repo/issues/42"}).json()
    service.clock.now += 600
    again = service.post({"issue_url": "https://github.com/Octo/Repo/issues/42"})
    assert again.status_code == 202
    assert again.json() == first | {"duplicate": True}
    assert len(service.sent) == 1


def test_an_unfinished_job_that_is_silent_for_long_is_sent_again_for_its_message_may_be_lost(
    service: Service,
):
    service.post()
    service.clock.now += 901
    assert service.post().status_code == 202
    assert len(service.sent) == 2


def test_a_finished_job_is_sent_again_so_that_its_event_is_published_again(service: Service):
    service.post()
    finish(service.store, claim(service.store))
    again = service.post()
    assert (again.status_code, again.json()["generation"], again.json()["duplicate"]) == (
        202,
        0,
        True,
    )
    assert len(service.sent) == 2


def test_another_body_under_the_same_id_is_a_409_that_names_the_job_and_is_not_sent(
    service: Service,
):
    service.post()
    answer = service.post({"issue_url": ISSUE, "options": {"draft": True}})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")
    assert job().id in answer.json()["error"]["message"] and len(service.sent) == 1


def test_two_bodies_at_once_under_one_id_let_the_first_stand(service: Service):
    other = job(options={"draft": True})
    service.while_sending = lambda sent: service.store.register(Submission.of(other), owner="alice")
    assert service.post().status_code == 409


def test_the_first_body_stands_also_after_a_replay_that_came_with_another_by_the_queue(
    service: Service,
):
    service.post()
    finish(service.store, claim(service.store))
    finish(service.store, claim(service.store, job(options={"draft": True}, replay={"id": "cli"})))
    assert service.post().json()["generation"] == 1
    assert service.post({"issue_url": ISSUE, "options": {"draft": True}}).status_code == 409


def test_a_replay_of_a_finished_job_is_its_next_generation_once(service: Service):
    service.post()
    finish(service.store, claim(service.store))
    asked = {"issue_url": ISSUE, "replay": {"id": "again"}}
    told = service.post(asked).json()
    assert (told["generation"], told["duplicate"], len(service.sent)) == (1, False, 2)
    assert service.post(asked).json() == told | {"duplicate": True}
    assert len(service.sent) == 2
    assert service.http.get(told["status_url"], headers=ALICE).json()["generation"] == 1


def test_a_replay_of_an_unfinished_job_is_queued_and_has_no_generation_yet(service: Service):
    service.post()
    told = service.post({"issue_url": ISSUE, "replay": {"id": "again"}}).json()
    assert (told["generation"], told["duplicate"], len(service.sent)) == (None, False, 2)


# Whose it is


def test_a_keys_job_is_no_other_keys(service: Service):
    url = service.post().json()["status_url"]
    for answer in (
        service.http.get(url, headers=BOB),
        service.http.post(f"{url}/cancel", headers=BOB),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    run = service.store.run(job().id)
    assert run and not run.cancel_requested
    for body in (None, {"issue_url": ISSUE, "replay": {"id": "mine now"}}):
        assert service.post(body, BOB).status_code == 409
    assert len(service.sent) == 1
    rotated = {"X-API-Key": "alice-next-key"}
    assert service.http.get(url, headers=rotated).status_code == 200


def test_a_job_that_came_by_the_queue_is_nobodys_until_a_key_posts_it(service: Service):
    claim(service.store)
    assert service.http.get(f"/jobs/{job().id}", headers=ALICE).status_code == 404
    assert service.post().json()["duplicate"] is True
    assert service.http.get(f"/jobs/{job().id}", headers=ALICE).status_code == 200
    assert service.post(headers=BOB).status_code == 409


@pytest.mark.parametrize(
    "path", ["/jobs/unknown", "/jobs/%00", "/jobs/-x", "/jobs/" + "x" * 129, "/jobs/x%2F..%2Fy"]
)
def test_an_unknown_or_impossible_job_is_told_as_such(service: Service, path: str):
    answer = service.http.get(path, headers=ALICE)
    assert answer.status_code == (404 if path in ("/jobs/unknown", "/jobs/x%2F..%2Fy") else 422)
    assert set(answer.json()) == {"error", "request_id"}


# How it ends


def test_a_finished_run_shows_its_outcome_its_result_and_its_cost(service: Service):
    url = service.post().json()["status_url"]
    claimed = claim(service.store)
    caps = MoneyCaps(10**9, 10**9, 10**9)
    call = service.store.reserve(
        claimed.lease, call_request(250_000, key="k", day="2001-09-09"), caps
    )
    service.store.settle(claimed.lease, call, micro_usd=120_000)
    finish(service.store, claimed, Outcome.NO_FIX)
    seen = service.http.get(url, headers=ALICE).json()
    assert (seen["state"], seen["outcome"], seen["cost_usd"]) == ("finished", "no_fix", 0.12)
    assert seen["result"]["reason"] == seen["reason"] == "so it is"
    assert seen["finished_at"] == "2001-09-09T01:46:40Z"


def test_cancelling_asks_the_run_to_stop_as_often_as_one_likes(service: Service):
    url = service.post().json()["status_url"]
    for _ in range(2):
        answer = service.http.post(f"{url}/cancel", headers=ALICE)
        assert (answer.status_code, answer.json()["cancel_requested"]) == (202, True)
    assert claim(service.store).run.cancel_requested


def test_cancelling_what_has_ended_is_a_409_that_says_how_it_ended(service: Service):
    url = service.post().json()["status_url"]
    finish(service.store, claim(service.store), Outcome.NO_FIX)
    answer = service.http.post(f"{url}/cancel", headers=ALICE)
    assert answer.status_code == 409 and "no_fix" in answer.json()["error"]["message"]


def _broken(
    service: Service, patch: pytest.MonkeyPatch, method: str, error: Exception | None = None
) -> None:
    def down(*_: Any, **__: Any) -> Any:
        raise error or sqlite3.OperationalError("database is locked")

    patch.setattr(service.store, method, down)
