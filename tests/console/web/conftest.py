"""A console over real stores, and browsers that visit it."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from console.web.access.authenticator import Authenticator
from console.web.app import create_app
from console.web.services import Services
from pipeline.api_keys import ApiKey, parse_keys, parse_limits
from pipeline.artifacts.folder import FolderArtifacts
from pipeline.budget import EffectiveLimits
from pipeline.store.store import RunStore
from pipeline.telemetry.redaction import Redactor
from pipeline.template_sets import TemplateSets
from tests.pipeline.store.conftest import OPENERS
from tests.stand_ins.runs import Clock

#: A secret of the deployment.
SECRET = "deployment-secret-value"
KEYS = "alice=alice-key-0001,root=root-key-00002"
LIMITS = "{root: {operator: true}}"


class Site:
    """A console whose parts a test can see."""

    def __init__(self, store: RunStore, folder: Path, clock: Clock):
        self.store = store
        self.clock = clock
        self.artifacts = FolderArtifacts(folder / "artifacts")
        self.services = Services(
            store=store,
            artifacts=self.artifacts,
            template_sets=TemplateSets(FolderArtifacts(folder / "template-sets")),
            queue=None,
            dead_letters=None,
            allow_actions=False,
            ceiling=EffectiveLimits(max_cost_usd=2.0, max_minutes=60, max_rounds=4),
            redact=Redactor([SECRET]),
            clock=clock,
        )

    def browser(
        self,
        *,
        keys: Sequence[ApiKey] = (),
        base_url: str = "http://127.0.0.1:8081",
        **services: object,
    ) -> TestClient:
        """Return a browser on a new console process; ``services`` replace some of the usual."""
        authenticator = Authenticator(keys, clock=self.clock, monotonic=self.clock)
        app = create_app(dataclasses.replace(self.services, **services), authenticator)  # type: ignore[arg-type]
        return TestClient(app, base_url=base_url, follow_redirects=False)

    def signed_in(self, key: str, *, base_url: str = "https://console.example.com") -> TestClient:
        """Return a browser that has signed in with one of ``KEYS``."""
        browser = self.browser(keys=named_keys(), base_url=base_url)
        response = browser.post("/sign-in", data={"key": key}, headers={"Origin": base_url})
        assert response.status_code == 303
        return browser


def named_keys() -> list[ApiKey]:
    return parse_keys(KEYS, parse_limits(LIMITS))


@pytest.fixture
def sqlite_store(tmp_path: Path, clock: Clock) -> Iterator[RunStore]:
    opened = OPENERS["sqlite"](tmp_path, clock)
    yield opened
    opened.close()


@pytest.fixture
def site(sqlite_store: RunStore, tmp_path: Path, clock: Clock) -> Site:
    """A console over SQLite, for what does not depend on the store."""
    return Site(sqlite_store, tmp_path, clock)


@pytest.fixture
def any_site(store: RunStore, tmp_path: Path, clock: Clock) -> Site:
    """A console over each kind of store in turn."""
    return Site(store, tmp_path, clock)
