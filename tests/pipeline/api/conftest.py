"""The intake over a real SQLite store, a list for a queue, and clocks that stand still."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from starlette.testclient import TestClient

from pipeline.api.app import create_app
from pipeline.api.health import Liveness
from pipeline.api.intake import Intake
from pipeline.api.keys import ApiKeys
from pipeline.api.webhook.delivery import WebhookEndpoint
from pipeline.api.webhook.handler import GithubWebhook
from pipeline.api.webhook.triggers import Rules
from pipeline.api_keys import KeyLimits, parse_keys
from pipeline.budget import EffectiveLimits
from pipeline.clock import Clock
from pipeline.job import FixIssueJob, JobRefusal
from pipeline.policy import Allowed, Policy
from pipeline.store.sqlite import SqliteStore
from tests.stand_ins.github.webhooks import Event
from tests.stand_ins.runs import Clock as StillClock

ISSUE = "https://github.com/octo/repo/issues/42"
KEYS = "alice=alice-secret-key, bob=bob-secret-key, alice=alice-next-key, a-bare-secret-key"
POLICY = Policy(
    EffectiveLimits(3.0, 60.0, 4),
    20.0,
    200.0,
    allowed=Allowed(repositories=("octo/*",), models=("good", "cheap")),
)
#: The webhook's secret, and the one that replaces it.
WEBHOOK_SECRETS = ("first-secret-of-the-webhook", "next-secret-of-the-webhook")
RULES = Rules(login="octo-bot", label="coding-agent", comment_authors=("OWNER", "COLLABORATOR"))
ALICE = {"X-API-Key": "alice-secret-key"}
BOB = {"X-API-Key": "bob-secret-key"}


@dataclass
class Service:
    """The intake, with everything that a test can change: queue, store, clocks, vitals, checks."""

    store: SqliteStore
    clock: StillClock = field(default_factory=StillClock)
    ticks: StillClock = field(default_factory=StillClock)
    keys: str = KEYS
    limits: dict[str, KeyLimits] = field(default_factory=dict)
    policy: Policy = POLICY
    sent: list[str] = field(default_factory=list)
    owners: list[str | None] = field(default_factory=list)
    """The owners of the messages in ``sent``."""
    traceparents: list[str | None] = field(default_factory=list)
    """Their places in their senders' traces."""
    queue_error: Exception | None = None
    while_sending: Callable[[FixIssueJob], object] = lambda job: None
    vitals: dict[str, float] = field(default_factory=lambda: {"poll": 1.0, "heartbeat": 2.0})
    paused: str | None = None
    checks: dict[str, Callable[[], Awaitable[object]]] = field(default_factory=dict)
    metrics: Callable[[], bytes] | None = None
    webhook_secrets: tuple[str, ...] = WEBHOOK_SECRETS
    """Empty if the webhook is off."""
    rules_error: Exception | None = None
    """Why GitHub does not say whose account the service works with."""
    open_pulls: set[str] = field(default_factory=set)
    """Addresses of the issues for which a pull request of their job is open."""
    pulls_error: Exception | None = None

    async def send(self, job: FixIssueJob, owner: str | None, traceparent: str | None) -> None:
        if self.queue_error is not None:
            raise self.queue_error
        self.sent.append(job.to_json())
        self.owners.append(owner)
        self.traceparents.append(traceparent)
        self.while_sending(job)

    def refusal(self, job: FixIssueJob) -> JobRefusal | None:
        return self.policy.refusal(job)

    def rules_of(self, _repository: str) -> Rules:
        if self.rules_error is not None:
            raise self.rules_error
        return RULES

    def has_open_pull(self, job: FixIssueJob) -> bool:
        if self.pulls_error is not None:
            raise self.pulls_error
        return job.issue.url in self.open_pulls

    def app(self) -> Any:
        clock = Clock(now=self.clock, monotonic=self.ticks)
        intake = Intake(self.store, self.send, self.refusal, self.clock)
        webhook = GithubWebhook(intake, self.rules_of, self.has_open_pull, self.clock)
        endpoint = WebhookEndpoint(webhook, self.webhook_secrets)
        return create_app(
            intake=intake,
            webhook=endpoint if self.webhook_secrets else None,
            keys=ApiKeys(parse_keys(self.keys, self.limits)),
            liveness=Liveness(lambda: self.vitals, lambda: self.paused, 120.0, clock),
            checks=self.checks,
            metrics=self.metrics,
            clock=clock,
        )

    @cached_property
    def http(self) -> TestClient:
        return TestClient(self.app(), base_url="http://agent.example:8080")

    def post(self, body: object = None, headers: dict[str, str] = ALICE) -> Any:
        return self.http.post(
            "/fix-issue", json={"issue_url": ISSUE} if body is None else body, headers=headers
        )

    def deliver(self, event: Event, secret: str = WEBHOOK_SECRETS[0]) -> Any:
        headers = event.headers(secret)
        return self.http.post("/webhook/github", content=event.body, headers=headers)

    def queue_is_down(self) -> None:
        self.queue_error = EndpointConnectionError(
            endpoint_url="https://sqs.example/private-account"
        )


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    clock = StillClock()
    store = SqliteStore(tmp_path / "store.sqlite", clock=clock)
    yield Service(store, clock)
    store.close()
