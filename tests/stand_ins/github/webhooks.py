"""GitHub's webhook: the payloads of events as GitHub writes them, and their signed delivery.

Each payload is held against GitHub's description of it.
"""

import json
import uuid
from dataclasses import dataclass, field
from typing import Any

import requests

from pipeline.api.webhook.signature import sign
from tests.stand_ins.github.description import validate_webhook
from tests.stand_ins.github.reviews import Reviews
from tests.stand_ins.github.shapes import WEB, Json, Shapes
from tests.stand_ins.github.world import Repository, World

_ONLY_IN_THE_API = ("network_count", "subscribers_count", "parent", "source")
_REPOSITORY = {
    "is_template": False,
    "web_commit_signoff_required": False,
    "custom_properties": {},
}


@dataclass(frozen=True)
class Event:
    """An event, of which every delivery has the same id."""

    kind: str
    payload: Json
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def body(self) -> bytes:
        return json.dumps(self.payload).encode()

    def headers(self, secret: str) -> dict[str, str]:
        """Return the headers with which GitHub sends the event."""
        return {
            "Content-Type": "application/json",
            "User-Agent": "GitHub-Hookshot/044aadd",
            "X-GitHub-Delivery": self.id,
            "X-GitHub-Event": self.kind,
            "X-GitHub-Hook-ID": "292430182",
            "X-Hub-Signature-256": sign(self.body, secret),
        }

    def deliver(self, url: str, secret: str) -> requests.Response:
        return requests.post(url, data=self.body, headers=self.headers(secret), timeout=10)


def _valid_event(kind: str, payload: Json) -> Event:
    validate_webhook(kind, payload)
    return Event(kind, payload)


class Webhooks:
    """Makes the events of what happened in the stand-in's repositories."""

    def __init__(self, world: World, shapes: Shapes, reviews: Reviews):
        self._world = world
        self._shapes = shapes
        self._reviews = reviews

    def ping(self) -> Event:
        url = f"{self._shapes.api}/repos/octo/sample/hooks/1"
        hook = {
            "type": "Repository",
            "id": 1,
            "name": "web",
            "active": True,
            "events": ["issues"],
            "config": {"content_type": "json", "insecure_ssl": "0", "url": "https://agent.example"},
            "updated_at": self._world.timestamp(),
            "created_at": self._world.timestamp(),
            "url": url,
            "ping_url": f"{url}/pings",
            "test_url": f"{url}/test",
            "deliveries_url": f"{url}/deliveries",
        }
        payload = {"zen": "Keep it logically awesome.", "hook_id": 1, "hook": hook}
        return _valid_event("ping", payload)

    def issue_labeled(self, full_name: str, number: int, label: str, *, sender: str) -> Event:
        repository = self._world.get(full_name)
        issue = repository.issues[number]
        if label not in issue.labels:
            issue.labels.append(label)
        payload = self._issue_payload("labeled", repository, number, sender)
        payload["label"] = self._shapes.label(repository, label)
        return _valid_event("issues", payload)

    def issue_assigned(self, full_name: str, number: int, assignee: str, *, sender: str) -> Event:
        repository = self._world.get(full_name)
        issue = repository.issues[number]
        if assignee not in issue.assignees:
            issue.assignees.append(assignee)
        payload = self._issue_payload("assigned", repository, number, sender)
        payload["assignee"] = self._shapes.user(assignee)
        return _valid_event("issues", payload)

    def comment_created(self, full_name: str, number: int) -> Event:
        """Return the event of the newest comment on an issue or a pull request."""
        repository = self._world.get(full_name)
        issue = repository.issues[number]
        comment = issue.comments[-1]
        assert comment.author is not None
        shape = self._shapes.comment(repository, issue, comment)
        shape |= {"performed_via_github_app": None, "reactions": self._reactions(shape["url"])}
        payload = self._issue_payload("created", repository, number, comment.author)
        payload["issue"] |= {"state": issue.state, "locked": issue.locked}
        payload["comment"] = shape
        return _valid_event("issue_comment", payload)

    def pull_closed(self, full_name: str, number: int, *, sender: str) -> Event:
        repository = self._world.get(full_name)
        repository.issues[number].state = "closed"
        return _valid_event(
            "pull_request", self._pull_payload("closed", repository, number, sender)
        )

    def pull_labeled(self, full_name: str, number: int, label: str, *, sender: str) -> Event:
        repository = self._world.get(full_name)
        payload = self._pull_payload("labeled", repository, number, sender)
        payload["label"] = self._shapes.label(repository, label)
        return _valid_event("pull_request", payload)

    def review_submitted(self, full_name: str, number: int, review_id: int) -> Event:
        repository = self._world.get(full_name)
        pull = repository.pulls[number]
        (review,) = [each for each in pull.reviews if each.id == review_id]
        assert review.author is not None
        shape = self._reviews.review_shape(repository, pull, review)
        # An event has other values than the API, which says APPROVED and an empty text.
        shape |= {"state": review.state.lower(), "body": review.body or None}
        payload = self._simple_pull_payload("submitted", repository, number, review.author)
        return _valid_event("pull_request_review", payload | {"review": shape})

    def line_comment_created(self, full_name: str, number: int, comment_id: int) -> Event:
        repository = self._world.get(full_name)
        pull = repository.pulls[number]
        (comment,) = [each for each in pull.line_comments if each.id == comment_id]
        assert comment.author is not None
        shape = self._reviews.line_comment_shape(repository, pull, comment)
        shape |= {"start_side": None, "reactions": self._reactions(shape["url"])}
        payload = self._simple_pull_payload("created", repository, number, comment.author)
        return _valid_event("pull_request_review_comment", payload | {"comment": shape})

    def checks_completed(
        self, full_name: str, number: int, conclusion: str, *, sha: str | None = None
    ) -> Event:
        """Return the event of a check suite on a pull request's newest commit, or on ``sha``."""
        repository = self._world.get(full_name)
        pull = repository.pulls[number]
        suite_id = self._world.next_id()
        url = f"{self._shapes.api}/repos/{full_name}/check-suites/{suite_id}"
        branches = {"head": (pull.head, pull.head_sha), "base": (pull.base, pull.base_sha)}
        place = {"id": repository.id, "name": repository.name}
        place["url"] = f"{self._shapes.api}/repos/{full_name}"
        checked = {
            "url": f"{self._shapes.api}/repos/{full_name}/pulls/{number}",
            "id": pull.issue.id,
            "number": number,
        }
        for side, (branch, newest) in branches.items():
            checked[side] = {"ref": branch, "sha": newest, "repo": place}
        person = {"name": "A Person", "email": "person@example.com"}
        payload = self._payload("completed", repository, sender=pull.issue.author or "ghost")
        payload["check_suite"] = {
            "id": suite_id,
            "node_id": f"CS_{suite_id}",
            "head_branch": pull.head,
            "head_sha": sha or pull.head_sha,
            "status": "completed",
            "conclusion": conclusion,
            "url": url,
            "before": pull.base_sha,
            "after": sha or pull.head_sha,
            "pull_requests": [checked] if pull.source is repository else [],
            "app": self._actions_app(),
            "created_at": self._world.timestamp(),
            "updated_at": self._world.timestamp(),
            "latest_check_runs_count": 1,
            "check_runs_url": f"{url}/check-runs",
            "head_commit": {
                "id": pull.head_sha,
                "tree_id": pull.head_sha,
                "message": "A change",
                "timestamp": self._world.timestamp(),
                "author": person,
                "committer": person,
            },
        }
        return _valid_event("check_suite", payload)

    def _payload(self, action: str, repository: Repository, *, sender: str) -> Json:
        return {
            "action": action,
            "repository": self._repository(repository),
            "sender": self._shapes.user(sender),
        }

    def _issue_payload(self, action: str, repository: Repository, number: int, sender: str) -> Json:
        """Return the payload of an event that changes the issue at this moment."""
        issue = repository.issues[number]
        self._world.next_id()
        shape = self._shapes.issue(repository, issue)
        shape |= {"updated_at": self._world.timestamp(), "reactions": self._reactions(shape["url"])}
        return self._payload(action, repository, sender=sender) | {"issue": shape}

    def _pull_payload(self, action: str, repository: Repository, number: int, sender: str) -> Json:
        pull = self._shapes.whole_pull(repository, repository.pulls[number], None)
        self._correct_sides(pull, repository, number)
        payload = self._payload(action, repository, sender=sender)
        return payload | {"number": number, "pull_request": pull}

    def _simple_pull_payload(
        self, action: str, repository: Repository, number: int, sender: str
    ) -> Json:
        pull = self._shapes.pull(repository, repository.pulls[number], None)
        self._correct_sides(pull, repository, number)
        return self._payload(action, repository, sender=sender) | {"pull_request": pull}

    def _correct_sides(self, pull: Json, repository: Repository, number: int) -> None:
        source = repository.pulls[number].source
        pull["head"]["repo"] = self._repository(source)
        pull["base"]["repo"] = self._repository(repository)

    def _repository(self, repository: Repository) -> Json:
        shape = self._shapes.repository(repository, None) | _REPOSITORY
        for name in _ONLY_IN_THE_API:
            shape.pop(name, None)
        return shape

    def _reactions(self, url: str) -> dict[str, Any]:
        names = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")
        counts: dict[str, Any] = dict.fromkeys(names, 0)
        return counts | {"url": f"{url}/reactions", "total_count": 0}

    def _actions_app(self) -> Json:
        return {
            "id": 15368,
            "slug": "github-actions",
            "node_id": "A_15368",
            "owner": self._shapes.user("github"),
            "name": "GitHub Actions",
            "description": "Automate your workflow",
            "external_url": "https://help.github.com/en/actions",
            "html_url": f"{WEB}/apps/github-actions",
            "created_at": "2018-07-30T09:30:17Z",
            "updated_at": "2019-12-10T19:04:12Z",
            "permissions": {"checks": "write"},
            "events": ["check_suite"],
        }
