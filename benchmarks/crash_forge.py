"""GitHub's failures in the crash benchmark with real stages: which request fails, and how.

An effect fails as its job's plan says, the first time that it is requested. Any other request fails
at random.
"""

import random
import re
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import AnyStr

from benchmarks.crash_real_plan import (
    JOBS_PER_REPOSITORY,
    OWNER,
    READ_MODES,
    Mode,
    Plan,
    Push,
    draw,
)
from tests.stand_ins.github import GithubStandIn
from tests.stand_ins.github.wire import Failure, Incoming

#: The share of reads that fail.
FAILING_READS = 0.05
#: Seconds after which workers give up waiting for an answer, and seconds of silence.
TIMEOUT = 4
SILENCE = 5.0

_SERVICES = (
    ("push", "POST", re.compile(r"/git-receive-pack$")),
    ("create_pull", "POST", re.compile(r"/pulls$")),
    ("update_pull", "PATCH", re.compile(r"/pulls/\d+$")),
    ("labels", "POST", re.compile(r"/issues/\d+/labels$")),
    ("reviewers", "POST", re.compile(r"/pulls/\d+/requested_reviewers$")),
    ("fork", "POST", re.compile(r"/forks$")),
    ("reply", "POST", re.compile(r"/pulls/\d+/comments/\d+/replies$")),
    ("comment", "POST", re.compile(r"/issues/\d+/comments$")),
)
_REPOSITORY = re.compile(r"/[^/]+/crash-(?P<number>\d+)(?:\.git)?(?:/|$)")
_BRANCH = re.compile(rb"coding-agent/issue-(?P<issue>\d+)-")
_NUMBER = re.compile(r"/(?:issues|pulls)/(?P<number>\d+)")
#: Names of workers' tokens begin with this.
_TOKEN = "ghp_standInWorker"


def worker_token(number: int) -> str:
    return f"{_TOKEN}{number:019}"


class ForgeFaults:
    """Decides about each request. Its methods run on the stand-in's thread."""

    def __init__(self, github: GithubStandIn, seed: int, push: Push, kill: Callable[[int], bool]):
        self._github = github
        self._seed = seed
        self._push = push
        self._kill = kill
        self._rng = random.Random(f"forge/{seed}")
        self._struck: set[tuple[int, str]] = set()
        self.reviewed: set[int] = set()
        """The jobs whose pull request has got a review: a further push is the follow-up."""
        self.counts: Counter[tuple[str, Mode]] = Counter()
        """(service, mode) -> how often it occurred."""
        github.wire.strike = self.strike

    def stop(self) -> None:
        self._github.wire.strike = None

    def strike(self, incoming: Incoming) -> Failure | None:
        service = _service(incoming)
        mode = self._mode(service, incoming)
        if mode is None:
            return None
        if mode in (Mode.KILLED, Mode.KILLED_AFTER) and not incoming.secret.startswith(_TOKEN):
            return None  # git asks without its token first
        self.counts[service, mode] += 1
        return self._failure(mode, incoming)

    def _mode(self, service: str, incoming: Incoming) -> Mode | None:
        if service == "read":
            return draw(self._rng, READ_MODES) if self._rng.random() < FAILING_READS else None
        number = self._job(service, incoming)
        if service == "push" and number in self.reviewed:
            service = "follow_up"
        if (number, service) in self._struck:
            return None
        self._struck.add((number, service))
        return Plan.of(self._seed, number, self._push).modes.get(service)

    def _job(self, service: str, incoming: Incoming) -> int:
        """Return the number of the job that an effect belongs to."""
        repository = _find(_REPOSITORY, incoming.path, "number")
        if service == "fork":
            return repository * JOBS_PER_REPOSITORY + 1
        issue = self._issue(service, incoming, f"{OWNER}/crash-{repository}")
        return repository * JOBS_PER_REPOSITORY + issue

    def _issue(self, service: str, incoming: Incoming, repository: str) -> int:
        head = incoming.body
        if service not in ("push", "create_pull"):
            number = _find(_NUMBER, incoming.path, "number")
            pulls = {pull.number: pull.head for pull in self._github.pulls(repository)}
            head = pulls[number].encode()
        return _find(_BRANCH, head, "issue")

    def _failure(self, mode: Mode, incoming: Incoming) -> Failure:
        worker = int(incoming.secret.removeprefix(_TOKEN) or 0)
        kill = partial(self._kill, worker)
        match mode:
            case Mode.REFUSED:
                return Failure(503)
            case Mode.CUT:
                return Failure(None)
            case Mode.LIMITED:
                return Failure(429, {"retry-after": "1"}, "You have exceeded a rate limit")
            case Mode.SILENT:
                return Failure(None, silence=SILENCE)
            case Mode.KILLED:
                return Failure(None, act=kill)
            case Mode.LOST:
                return Failure(None, after_effect=True)
            case Mode.BAD_GATEWAY:
                return Failure(502, after_effect=True)
            case Mode.SILENT_AFTER:
                return Failure(None, after_effect=True, silence=SILENCE)
            case Mode.KILLED_AFTER:
                return Failure(None, after_effect=True, act=kill)


def _find(pattern: re.Pattern[AnyStr], text: AnyStr, group: str) -> int:
    match = pattern.search(text)
    assert match, text
    return int(match[group])


def _service(incoming: Incoming) -> str:
    for service, method, path in _SERVICES:
        if incoming.method == method and path.search(incoming.path):
            return service
    return "read"
