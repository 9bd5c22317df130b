"""A job from its POST to its 202, and its view afterwards."""

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.api_keys import KeyLimits
from pipeline.job import FixIssueJob, parse_job
from pipeline.outcome import Outcome
from pipeline.policy import Allowed
from pipeline.store.contract import MoneyCaps, Submission
from tests.pipeline.api.conftest import ALICE, BOB, ISSUE, Service
from tests.stand_ins.runs import LEASE, TOPIC, call_request, claim, finish, job


def test_issue_is_queued_and_its_job_is_visible_at_once(service: Service):
    answer = service.post()
    assert answer.status_code == 202
    accepted = answer.json()
    url = f"http://agent.example:8080/jobs/{job().id}"
    assert accepted == {
        "job_id": job().id,
        "generation": 0,
        "status_url": url,
        "duplicate": False,
        "state": "queued",
        "outcome": None,
        "reason": None,
        "advice": None,
    }
    assert [parse_job(body) for body in service.sent] == [job()]
    view = service.http.get(accepted["status_url"], headers=ALICE).json()
    assert (view["job_id"], view["state"], view["outcome"], view["result"]) == (
        job().id,
        "queued",
        None,
        None,
    )
    assert (view["created_at"], view["cost_usd"]) == ("2001-09-09T01:46:40Z", 0)


def test_message_is_sent_before_the_row_is_written(service: Service):
    rows: list[object] = []
    service.while_sending = lambda sent: rows.append(service.store.run(sent.id))
    service.post()
    assert rows == [None]


def test_queue_that_is_down_is_a_503_and_leaves_no_row(service: Service):
    service.queue_is_down()
    answer = service.post()
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "queue_unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert "private-account" not in answer.text
    assert service.store.run(job().id) is None
    service.queue_error = None
    assert service.post().status_code == 202


def test_store_that_is_down_is_a_503_before_anything_is_sent(
    service: Service, monkeypatch: pytest.MonkeyPatch
):
    break_store(service, monkeypatch, "find")
    break_store(service, monkeypatch, "run")
    answer = service.post()
    assert (answer.status_code, answer.json()["error"]["code"], service.sent) == (
        503,
        "store_unavailable",
        [],
    )
    assert service.http.get(f"/jobs/{job().id}", headers=ALICE).status_code == 503


def test_store_that_fails_after_the_send_says_that_the_job_will_run(
    service: Service, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patch:
        break_store(service, patch, "register")
        answer = service.post()
    assert answer.status_code == 503
    assert "queued and will run" in answer.json()["error"]["message"]
    assert len(service.sent) == 1
    # A worker claims it before the second attempt.
    service.store.claim(Submission.of(job(), owner=service.owners[-1]), lease_seconds=LEASE)
    repeated = service.post().json()
    assert (repeated["generation"], repeated["duplicate"], len(service.sent)) == (0, True, 1)
    assert service.http.get(repeated["status_url"], headers=ALICE).json()["state"] == "running"


def test_job_belongs_to_its_key_even_if_claimed_before_registration(service: Service):
    def claim_as_worker(sent: FixIssueJob) -> None:
        service.store.claim(Submission.of(sent, owner=service.owners[-1]), lease_seconds=LEASE)

    service.while_sending = claim_as_worker
    accepted = service.post().json()
    assert service.http.get(accepted["status_url"], headers=ALICE).json()["state"] == "running"
    assert service.http.get(accepted["status_url"], headers=BOB).status_code == 404


def test_defect_in_the_store_is_a_500_in_the_same_shape(
    service: Service, monkeypatch: pytest.MonkeyPatch
):
    break_store(service, monkeypatch, "find", ZeroDivisionError("private"))
    answer = service.post()
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal")
    assert "private" not in answer.text
    assert answer.json()["request_id"] == answer.headers["X-Request-Id"]


# Repeated requests


def test_same_issue_is_one_job_and_is_sent_once_while_unfinished(
    service: Service,
):
    first = service.post({"issue_url": "https://github.com/Octo/Repo/issues/42"}).json()
    service.clock.now += 600
    repeated = service.post({"issue_url": "https://github.com/Octo/Repo/issues/42"})
    assert repeated.status_code == 202
    assert repeated.json() == first | {"duplicate": True}
    assert len(service.sent) == 1


def test_unfinished_job_without_recent_activity_is_sent_again(
    service: Service,
):
    service.post()
    service.clock.now += 901
    assert service.post().status_code == 202
    assert len(service.sent) == 2


def test_finished_job_is_sent_again_to_republish_its_event(service: Service):
    service.post()
    finish(service.store, claim(service.store), Outcome.FAILED)
    repeated = service.post()
    answer = repeated.json()
    assert (answer["state"], answer["outcome"], answer["reason"]) == (
        "finished",
        "failed",
        "a reason",
    )
    assert "replay.id" in answer["advice"]
    assert (repeated.status_code, repeated.json()["generation"], repeated.json()["duplicate"]) == (
        202,
        0,
        True,
    )
    assert len(service.sent) == 2


def test_other_body_under_the_same_id_is_a_409_and_is_not_sent(
    service: Service,
):
    service.post()
    answer = service.post({"issue_url": ISSUE, "options": {"draft": True}})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")
    assert job().id in answer.json()["error"]["message"]
    assert len(service.sent) == 1


def test_first_of_two_simultaneous_bodies_wins(service: Service):
    other = job(options={"draft": True})
    service.while_sending = lambda sent: service.store.register(Submission.of(other, owner="alice"))
    assert service.post().status_code == 409


def test_replay_runs_with_its_own_options_and_the_first_body_stays(service: Service):
    service.post()
    finish(service.store, claim(service.store))
    replay = {"issue_url": ISSUE, "options": {"draft": True}, "replay": {"id": "as a draft"}}
    assert service.post(replay).json()["generation"] == 1
    run = service.store.run(job().id)
    assert run is not None
    assert parse_job(run.body).options.draft
    assert service.post().json()["generation"] == 1
    assert service.post({"issue_url": ISSUE, "options": {"draft": True}}).status_code == 409
    other = service.post({"issue_url": ISSUE, "replay": {"id": "as a draft"}})
    assert (other.status_code, other.json()["error"]["field"]) == (409, "replay.id")


def test_rejected_job_gives_way_to_a_new_body(service: Service):
    service.post()
    finish(service.store, claim(service.store), Outcome.REJECTED)
    corrected = {"issue_url": ISSUE, "base_branch": None, "options": {"draft": True}}
    accepted = service.post(corrected).json()
    assert (accepted["generation"], accepted["duplicate"]) == (1, False)
    assert service.post(corrected).json() == accepted | {"duplicate": True}
    assert len(service.sent) == 2
    assert service.post().status_code == 409, "the new body stands"


# What the deployment does not accept


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"options": {"model": "gpt-9"}}, "options.model", "CODING_AGENT_ALLOWED_MODELS"),
        ({"replay": {"id": "r", "model": "gpt-9"}}, "replay.model", "CODING_AGENT_ALLOWED_MODELS"),
        ({"callback_topic_arn": TOPIC}, "callback_topic_arn", "CODING_AGENT_ALLOWED_TOPICS"),
        ({"replay": {"id": "r", "template_set": "0" * 8}}, "replay.template_set", "there are none"),
        ({"limits": {"max_cost_usd": 50}}, "limits.max_cost_usd", "50 is more than"),
        ({"limits": {"max_rounds": 5}}, "limits.max_rounds", "5 is more than"),
        ({"issue_url": "https://git.example/o/r/issues/1"}, "issue_url", "git.example"),
        ({"issue_url": "https://github.com/evil/r/issues/1"}, "issue_url", "ALLOWED_REPOSITORIES"),
    ],
)
def test_job_that_policy_refuses_is_a_422_and_locks_nothing(
    service: Service, fields: dict[str, Any], field: str, message: str
):
    answer = service.post({"issue_url": ISSUE} | fields)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["field"]) == (422, "not_allowed", field)
    assert message in error["message"]
    assert service.sent == []
    assert service.post().json()["generation"] == 0


def test_existing_run_is_not_refused_because_of_a_changed_setting(service: Service):
    body = {"issue_url": ISSUE, "options": {"model": "good"}}
    service.post(body)
    service.policy = replace(service.policy, allowed=Allowed(models=("cheap",)))
    assert service.post(body).status_code == 202
    assert service.post(body | {"replay": {"id": "again"}}).status_code == 422


def test_replay_of_a_finished_job_is_its_next_generation_once(service: Service):
    service.post()
    finish(service.store, claim(service.store))
    replay = {"issue_url": ISSUE, "replay": {"id": "again"}}
    accepted = service.post(replay).json()
    assert (accepted["generation"], accepted["duplicate"], len(service.sent)) == (1, False, 2)
    assert service.post(replay).json() == accepted | {"duplicate": True}
    assert len(service.sent) == 2
    assert service.http.get(accepted["status_url"], headers=ALICE).json()["generation"] == 1


def test_replay_of_an_unfinished_job_has_no_generation_yet(service: Service):
    service.post()
    accepted = service.post({"issue_url": ISSUE, "replay": {"id": "again"}}).json()
    assert (accepted["generation"], accepted["duplicate"], len(service.sent)) == (None, False, 2)


# Owners


def test_job_is_hidden_from_other_keys(service: Service):
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


def test_job_from_the_queue_belongs_to_no_key(service: Service):
    claim(service.store)
    for body in (None, {"issue_url": ISSUE, "replay": {"id": "mine now"}}):
        refused = service.post(body)
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")
    assert service.http.get(f"/jobs/{job().id}", headers=ALICE).status_code == 404
    assert service.http.post(f"/jobs/{job().id}/cancel", headers=ALICE).status_code == 404
    assert service.sent == []


SECURITY = Path(__file__).parents[3] / "docs/security.md"


def test_a_key_sees_its_own_jobs_only_as_the_security_page_says(service: Service):
    assert "a key sees its own jobs only" in " ".join(SECURITY.read_text().split())
    other = {"issue_url": "https://github.com/octo/repo/issues/1"}
    queued = job(2)
    claim(service.store, queued)
    ids = [service.post().json()["job_id"], service.post(other, BOB).json()["job_id"], queued.id]
    visible = {}
    for name, headers in (("alice", ALICE), ("bob", BOB)):
        answers = []
        for job_id in ids:
            shown = service.http.get(f"/jobs/{job_id}", headers=headers).status_code
            cancelled = service.http.post(f"/jobs/{job_id}/cancel", headers=headers).status_code
            answers.append((shown, cancelled))
        visible[name] = answers
    hidden = (404, 404)
    assert visible == {"alice": [(200, 202), hidden, hidden], "bob": [hidden, (200, 202), hidden]}


def test_a_conflict_with_another_senders_job_says_only_that_the_id_is_taken(service: Service):
    service.post({"issue_url": ISSUE, "metadata": {"note": "private"}})
    finish(service.store, claim(service.store), Outcome.REJECTED)
    error = service.post(headers=BOB).json()["error"]
    assert error == {
        "code": "conflict",
        "field": "job_id",
        "message": f"job {job().id} belongs to another sender; give a job_id of your own",
    }


def test_an_operators_key_sees_cancels_and_replays_every_job(service: Service):
    service.limits = {"bob": KeyLimits(operator=True)}
    queued = job(2)
    claimed = claim(service.store, queued)
    service.post()
    for job_id in (job().id, queued.id):
        assert service.http.get(f"/jobs/{job_id}", headers=BOB).status_code == 200
        assert service.http.post(f"/jobs/{job_id}/cancel", headers=BOB).status_code == 202
    finish(service.store, claimed)
    replay = {"issue_url": queued.issue_url, "replay": {"id": "again"}}
    assert service.post(replay, BOB).json()["generation"] == 1
    run = service.store.run(queued.id)
    assert run is not None
    assert run.owner is None, "the job stays the queue's"


def test_a_job_beyond_the_keys_limits_is_a_403_that_names_the_field(service: Service):
    service.limits = {"alice": KeyLimits(repositories=("acme/*",)), "bob": KeyLimits(labels=())}
    refused = service.post()
    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["field"]) == (403, "forbidden", "issue_url")
    assert error["message"] == ("this key may not ask for octo/repo; its repositories: acme/*")
    labelled = service.post({"issue_url": ISSUE, "options": {"labels": ["automerge"]}}, BOB)
    assert labelled.json()["error"]["field"] == "options.labels"
    assert service.sent == []
    assert service.post(headers=BOB).status_code == 202


@pytest.mark.parametrize(
    "path", ["/jobs/unknown", "/jobs/%00", "/jobs/-x", "/jobs/" + "x" * 129, "/jobs/x%2F..%2Fy"]
)
def test_unknown_job_is_a_404_and_an_impossible_id_a_422(service: Service, path: str):
    answer = service.http.get(path, headers=ALICE)
    assert answer.status_code == (404 if path in ("/jobs/unknown", "/jobs/x%2F..%2Fy") else 422)
    assert set(answer.json()) == {"error", "request_id"}


# Ends


def test_finished_run_shows_its_outcome_its_result_and_its_cost(service: Service):
    url = service.post().json()["status_url"]
    claimed = claim(service.store)
    caps = MoneyCaps(10**9, 10**9, 10**9)
    call = service.store.reserve(
        claimed.lease, call_request(250_000, key="k", day="2001-09-09"), caps
    )
    service.store.settle(claimed.lease, call, micro_usd=120_000)
    finish(service.store, claimed, Outcome.NO_FIX)
    view = service.http.get(url, headers=ALICE).json()
    assert (view["state"], view["outcome"], view["cost_usd"]) == ("finished", "no_fix", 0.12)
    assert view["result"]["reason"] == view["reason"] == "a reason"
    assert view["finished_at"] == "2001-09-09T01:46:40Z"


def test_cancelling_twice_has_the_effect_of_once(service: Service):
    url = service.post().json()["status_url"]
    for _ in range(2):
        answer = service.http.post(f"{url}/cancel", headers=ALICE)
        assert (answer.status_code, answer.json()["cancel_requested"]) == (202, True)
    assert claim(service.store).run.cancel_requested


def test_cancelling_a_finished_job_is_a_409_with_its_outcome(service: Service):
    url = service.post().json()["status_url"]
    finish(service.store, claim(service.store), Outcome.NO_FIX)
    answer = service.http.post(f"{url}/cancel", headers=ALICE)
    assert answer.status_code == 409
    assert "no_fix" in answer.json()["error"]["message"]


def break_store(
    service: Service, patch: pytest.MonkeyPatch, method: str, error: Exception | None = None
) -> None:
    def down(*_: Any, **__: Any) -> Any:
        raise error or sqlite3.OperationalError("database is locked")

    patch.setattr(service.store, method, down)
