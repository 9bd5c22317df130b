"""From a signed request to the queue: who may send it, and what repetitions of an event do."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.api.keys import ADDRESS_BURST, KEY_BURST
from pipeline.api.webhook.delivery import MAX_PAYLOAD
from pipeline.api.webhook.signature import sign
from pipeline.errors import Retry
from pipeline.github import ForgeRefused
from pipeline.job import AddressReviewJob, FixIssueJob, parse_job
from pipeline.outcome import Outcome
from pipeline.policy import Allowed, Policy
from tests.pipeline.api.conftest import ALICE, POLICY, WEBHOOK_SECRETS, Service
from tests.pipeline.api.webhook.conftest import REPOSITORY
from tests.stand_ins.github import GithubStandIn
from tests.stand_ins.github.webhooks import Event
from tests.stand_ins.odd_messages import changed
from tests.stand_ins.runs import claim, finish

WEEK = 7 * 86_400


@pytest.fixture
def labeled(service: Service, github: GithubStandIn, issue: int) -> Event:
    """An event that happened just now."""
    event = label(github, issue)
    service.clock.now = github.now().timestamp()
    return event


def label(github: GithubStandIn, issue: int) -> Event:
    return github.webhooks.issue_labeled(REPOSITORY, issue, "coding-agent", sender="ada")


def mention(github: GithubStandIn, number: int) -> Event:
    github.add_comment(REPOSITORY, number, "ada", "@octo-bot please")
    return github.webhooks.comment_created(REPOSITORY, number)


def end_run(service: Service, outcome: Outcome = Outcome.NO_FIX) -> None:
    """Let a worker take the newest message, and end its run a minute later."""
    claimed = claim(service.store, parse_job(service.sent[-1]))
    service.clock.now += 60
    service.store.renew(claimed.lease, lease_seconds=60)
    finish(service.store, claimed, outcome)


def post(service: Service, event: Event, **headers: str) -> Any:
    return service.http.post(
        "/webhook/github",
        content=event.body,
        headers=event.headers(WEBHOOK_SECRETS[0]) | headers,
    )


# Who may send


def test_ping_is_answered(service: Service, github: GithubStandIn):
    answer = service.deliver(github.webhooks.ping())
    assert (answer.status_code, answer.json()["action"]) == (200, "pong")


def test_without_a_secret_there_is_no_webhook(service: Service, labeled: Event):
    service.webhook_secrets = ()
    assert service.deliver(labeled, "any secret").status_code == 404


@pytest.mark.parametrize("secret", WEBHOOK_SECRETS)
def test_each_of_several_secrets_is_accepted(service: Service, labeled: Event, secret: str):
    assert service.deliver(labeled, secret).status_code == 202


@pytest.mark.parametrize("signature", ["", "sha256=", "sha256=00", "sha1=00", "ключ"])
def test_a_wrong_signature_is_a_401(service: Service, labeled: Event, signature: str):
    headers = labeled.headers(WEBHOOK_SECRETS[0])
    headers["X-Hub-Signature-256"] = signature
    encoded = {name: value.encode() for name, value in headers.items()}
    answer = service.http.post("/webhook/github", content=labeled.body, headers=encoded)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")
    assert service.sent == []


def test_the_signature_is_of_the_bytes_as_they_came(service: Service, labeled: Event):
    headers = labeled.headers(WEBHOOK_SECRETS[0])
    answer = service.http.post("/webhook/github", content=labeled.body + b" ", headers=headers)
    assert answer.status_code == 401


def test_the_payload_is_not_parsed_without_a_valid_signature(service: Service, labeled: Event):
    broken = service.http.post(
        "/webhook/github", content=b"{", headers=labeled.headers(WEBHOOK_SECRETS[0])
    )
    assert broken.status_code == 401


def test_guessing_signatures_is_slowed_down_without_locking_out_github(
    service: Service, labeled: Event
):
    guesses = [service.deliver(labeled, "x").status_code for _ in range(ADDRESS_BURST + 1)]
    assert guesses == [401] * ADDRESS_BURST + [429]
    assert service.deliver(labeled).status_code == 202


def test_only_events_that_ask_for_something_count_against_the_rate(
    service: Service, github: GithubStandIn, labeled: Event
):
    other = Event("push", {})
    answers = {service.deliver(other).status_code for _ in range(KEY_BURST + 1)}
    assert answers == {200}
    answers = {service.deliver(labeled).status_code for _ in range(KEY_BURST)}
    assert answers == {202}
    assert service.deliver(labeled).status_code == 429


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [
        ("Content-Type", "application/x-www-form-urlencoded", 415),
        ("X-GitHub-Event", "", 400),
        ("X-GitHub-Event", "../issues", 400),
    ],
)
def test_a_request_that_is_none_of_githubs_says_what_is_wrong(
    service: Service, labeled: Event, header: str, value: str, status: int
):
    answer = post(service, labeled, **{header: value})
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


def test_a_large_payload_is_a_413(service: Service):
    event = Event("issues", {"padding": "x" * MAX_PAYLOAD})
    assert service.deliver(event).status_code == 413


def test_a_signed_payload_that_is_none_of_its_event_is_a_422(service: Service):
    payload = {"action": "labeled", "repository": {"full_name": "a/b", "html_url": "-"}}
    answer = service.deliver(Event("issues", payload))
    assert answer.status_code == 422
    assert "issue: Field required" in answer.json()["error"]["message"]


def test_a_signed_body_that_is_not_json_is_a_422(service: Service):
    headers = Event("issues", {}).headers(WEBHOOK_SECRETS[0])
    headers["X-Hub-Signature-256"] = sign(b"{", WEBHOOK_SECRETS[0])
    answer = service.http.post("/webhook/github", content=b"{", headers=headers)
    assert answer.status_code == 422


# Jobs


def test_an_event_becomes_a_job_on_the_queue_and_in_the_store(
    service: Service, labeled: Event, issue: int
):
    answer = service.deliver(labeled)
    job = parse_job(service.sent[0])
    assert isinstance(job, FixIssueJob)
    assert (answer.status_code, answer.json()) == (202, {"action": "queued", "job_ids": [job.id]})
    assert (job.issue.number, job.requested_by, job.replay) == (issue, "ada", None)
    run = service.store.run(job.id)
    assert run is not None
    assert (run.state, run.owner) == ("queued", "github-webhook")


def test_a_key_does_not_see_the_job_of_an_event(service: Service, labeled: Event):
    (job_id,) = service.deliver(labeled).json()["job_ids"]
    assert service.http.get(f"/jobs/{job_id}", headers=ALICE).status_code == 404


def test_a_review_becomes_a_job(service: Service, github: GithubStandIn, pull: int):
    event = mention(github, pull)
    (job_id,) = service.deliver(event).json()["job_ids"]
    job = parse_job(service.sent[0])
    assert isinstance(job, AddressReviewJob)
    assert (job.id, job.pull.number) == (job_id, pull)


def test_a_redelivered_event_is_the_same_job(service: Service, labeled: Event):
    first = service.deliver(labeled)
    assert service.deliver(labeled).json() == first.json()
    assert len(service.sent) == 1


@pytest.mark.parametrize("outcome", [Outcome.PR_OPENED, Outcome.NO_FIX, Outcome.REJECTED])
def test_an_event_that_is_redelivered_after_its_run_starts_nothing(
    service: Service, labeled: Event, outcome: Outcome
):
    service.deliver(labeled)
    end_run(service, outcome)
    for wait in (0, 86_400, WEEK):
        service.clock.now += wait
        answer = service.deliver(labeled)
        assert (answer.status_code, answer.json()["action"]) == (200, "ignored")
    assert len(service.sent) == 1


def test_a_review_that_is_redelivered_after_its_run_starts_nothing(
    service: Service, github: GithubStandIn, pull: int
):
    event = mention(github, pull)
    service.deliver(event)
    end_run(service)
    assert service.deliver(event).json()["action"] == "ignored"
    assert len(service.sent) == 1


def test_an_event_of_long_ago_starts_nothing_even_if_its_job_is_forgotten(
    service: Service, labeled: Event
):
    service.clock.now += WEEK + 1
    assert service.deliver(labeled).json()["reason"] == "the event is older than a week"
    assert service.sent == []


def test_several_requests_for_one_issue_are_one_job(
    service: Service, github: GithubStandIn, labeled: Event, issue: int
):
    first = service.deliver(labeled).json()
    assert service.deliver(mention(github, issue)).json() == first
    assert len(service.sent) == 1


def ask_again(service: Service, github: GithubStandIn, issue: int) -> Event:
    """Return a request that is made after the last run."""
    while github.now().timestamp() <= service.clock.now:
        github.add_comment(REPOSITORY, issue, "ada", "time passes")
    event = mention(github, issue)
    service.clock.now = github.now().timestamp()
    return event


def test_a_request_after_the_run_asks_for_one_more_however_often_it_is_delivered(
    service: Service, github: GithubStandIn, labeled: Event, issue: int
):
    (job_id,) = service.deliver(labeled).json()["job_ids"]
    end_run(service)
    again = ask_again(service, github, issue)
    another = ask_again(service, github, issue)
    for event in (again, another, again, labeled):
        service.deliver(event)
    assert len(service.sent) == 2
    end_run(service)
    for event in (again, another, labeled):
        assert service.deliver(event).json()["action"] == "ignored"
    newest = service.store.run(job_id)
    assert newest is not None
    assert newest.generation == 1


def test_a_request_after_the_run_is_ignored_while_its_pull_request_is_open(
    service: Service, github: GithubStandIn, labeled: Event, issue: int
):
    service.deliver(labeled)
    end_run(service, Outcome.PR_OPENED)
    url = f"https://github.com/{REPOSITORY}/issues/{issue}"
    service.open_pulls.add(url)
    answer = service.deliver(ask_again(service, github, issue)).json()
    assert answer["action"] == "ignored"
    assert "ask for changes there" in answer["reason"]
    service.open_pulls.remove(url)
    assert service.deliver(ask_again(service, github, issue)).json()["action"] == "queued"


def test_a_repository_that_can_not_be_read_any_more_is_ignored(
    service: Service, github: GithubStandIn, labeled: Event, issue: int
):
    service.deliver(labeled)
    end_run(service)
    service.pulls_error = ForgeRefused("octo/repo was not found")
    answer = service.deliver(ask_again(service, github, issue)).json()
    assert (answer["action"], answer["reason"]) == ("ignored", "octo/repo was not found")


def test_a_request_for_a_job_of_the_backend_is_the_backends_job(
    service: Service, labeled: Event, issue: int
):
    url = f"https://github.com/{REPOSITORY}/issues/{issue}"
    sent = service.post({"issue_url": url, "options": {"draft": True}}).json()
    answer = service.deliver(labeled).json()
    assert answer["action"] == "ignored"
    assert sent["job_id"] in answer["reason"]
    assert len(service.sent) == 1


# Refusals


@pytest.mark.parametrize(
    ("allowed", "reason"),
    [
        (Allowed(repositories=("other/*",)), "CODING_AGENT_ALLOWED_REPOSITORIES"),
        (Allowed(host="git.example"), "this deployment works for issues at git.example"),
    ],
)
def test_an_event_that_the_deployment_does_not_accept_is_ignored(
    service: Service, labeled: Event, allowed: Allowed, reason: str
):
    service.policy = Policy(POLICY.limits, 20.0, 200.0, allowed=allowed)
    answer = service.deliver(labeled)
    assert (answer.status_code, answer.json()["action"]) == (200, "ignored")
    assert reason in answer.json()["reason"]
    assert service.sent == []


def test_a_queue_that_is_down_fails_the_delivery_and_its_repetition_succeeds(
    service: Service, labeled: Event
):
    service.queue_is_down()
    assert service.deliver(labeled).status_code == 503
    service.queue_error = None
    assert service.deliver(labeled).status_code == 202


def test_a_github_that_does_not_say_who_we_are_fails_the_delivery(service: Service, labeled: Event):
    service.rules_error = Retry("GitHub is down", counts=False)
    answer = service.deliver(labeled)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "github_unavailable")


def test_an_event_of_a_repository_without_access_is_ignored(service: Service, labeled: Event):
    service.rules_error = ForgeRefused("the GitHub App is not installed on octo/repo")
    answer = service.deliver(labeled)
    assert (answer.status_code, answer.json()) == (
        200,
        {"action": "ignored", "reason": str(service.rules_error), "job_ids": []},
    )


# Cancellation


def is_cancelled(service: Service, job_id: str) -> bool:
    run = service.store.run(job_id)
    assert run is not None
    return run.cancel_requested


def test_the_stop_label_cancels_the_jobs_of_its_issue_alone(
    service: Service, github: GithubStandIn, labeled: Event, issue: int
):
    (job_id,) = service.deliver(labeled).json()["job_ids"]
    other = label(github, github.add_issue(REPOSITORY, "Another", "text"))
    (other_id,) = service.deliver(other).json()["job_ids"]
    stop = github.webhooks.issue_labeled(REPOSITORY, issue, "no-agent", sender="ada")
    answer = service.deliver(stop)
    assert (answer.status_code, answer.json()) == (
        202,
        {"action": "cancelled", "job_ids": [job_id]},
    )
    assert is_cancelled(service, job_id)
    assert not is_cancelled(service, other_id)


def test_closing_a_pull_request_cancels_all_jobs_that_answer_its_reviews(
    service: Service, github: GithubStandIn, pull: int
):
    requests = [mention(github, pull), mention(github, pull)]
    job_ids = [service.deliver(event).json()["job_ids"][0] for event in requests]
    closed = github.webhooks.pull_closed(REPOSITORY, pull, sender="ada")
    assert service.deliver(closed).json()["job_ids"] == sorted(job_ids)
    assert all(is_cancelled(service, job_id) for job_id in job_ids)


def test_a_cancellation_without_an_unfinished_job_is_ignored(
    service: Service, github: GithubStandIn, labeled: Event, issue: int
):
    service.deliver(labeled)
    end_run(service)
    stop = github.webhooks.issue_labeled(REPOSITORY, issue, "no-agent", sender="ada")
    answer = service.deliver(stop)
    assert (answer.status_code, answer.json()["action"]) == (200, "ignored")


# Odd payloads


@settings(
    deadline=None, max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_payload_makes_the_service_fail(
    service: Service, github: GithubStandIn, labeled: Event, data: st.DataObject
):
    payload = data.draw(changed(labeled.payload))
    service.ticks.now += 1
    answer = service.deliver(Event(labeled.kind, payload))
    assert answer.status_code < 500, answer.text
