"""The world around the crash benchmark's workers: an issue tracker, a paid model, a test machine
and a forge.

It does not reject repeated effects, but counts them, as well as replies that were sold again
although they had been stored.
"""

import json
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from benchmarks.crash_kinds import MAX_ROUNDS, Kind, draw_kind
from benchmarks.crash_service import LoopbackService
from pipeline.outcome import Outcome
from tests.stand_ins.strict_aws.http import Answer, Reply, Request

KINDS = {
    "fixed": Kind(0.55, Outcome.PR_OPENED, 1),
    "fixed later": Kind(0.13, Outcome.PR_OPENED, 2),
    "slow": Kind(0.02, Outcome.PR_OPENED, 2),
    "not fixed": Kind(0.10, Outcome.NO_FIX, MAX_ROUNDS),
    "dry run": Kind(0.05, Outcome.PROPOSED, 1),
    "closed": Kind(0.05, Outcome.REJECTED, 0),
    "unclear": Kind(0.03, Outcome.NEEDS_INFO, 0),
    "broken": Kind(0.05, Outcome.FAILED, 1),
    "invalid": Kind(0.02, Outcome.REJECTED, 0),
}
#: Seconds that each check-out and each test of a slow job takes.
SLOW = 1.2
#: The share of a service's calls that fail once.
FAILING = 0.08
#: Services that may refuse, and services that may act but lose their answer. A job meets at most
#: three faults, because the fifth failed try would end its run.
REFUSING = ("issue", "model", "test", "push", "pull")
MAX_REFUSALS = 1
LOSING = ("model", "push", "pull")
MAX_LOSSES = 2


class Fault(StrEnum):
    REFUSED = "refused"
    ANSWER_LOST = "answer lost"


@dataclass(frozen=True)
class Plan:
    """The faults and the expected outcome of one job."""

    number: int
    kind: str
    refusals: frozenset[str]
    """Services that refuse once."""
    losses: frozenset[str]
    """Services that act, but lose their answer once."""

    @classmethod
    def of(cls, seed: int, number: int) -> Self:
        rng = random.Random(f"{seed}/{number}")
        kind = draw_kind(rng, KINDS)
        refusals = [service for service in REFUSING if rng.random() < FAILING]
        losses = [service for service in LOSING if rng.random() < FAILING]
        return cls(number, kind, frozenset(refusals[:MAX_REFUSALS]), frozenset(losses[:MAX_LOSSES]))

    @property
    def outcome(self) -> Outcome:
        return KINDS[self.kind].outcome

    @property
    def rounds(self) -> int:
        return KINDS[self.kind].rounds

    @property
    def announced(self) -> bool:
        """Whether it is admitted, so that run.started is published."""
        return self.kind not in ("closed", "unclear", "invalid")

    def message(self) -> dict[str, Any]:
        message: dict[str, Any] = {
            "issue_url": f"https://github.com/octo/crash/issues/{self.number}",
            "metadata": {"number": str(self.number)},
        }
        if self.kind == "dry run":
            message["options"] = {"dry_run": True}
        if self.kind == "invalid":
            message["surprise"] = 1
        return message


@dataclass
class World(LoopbackService):
    """The services that the fake stages call.

    ``artifacts`` is the workers' artifacts folder, in which stored replies are looked up.
    """

    seed: int
    artifacts: Path
    sold: int = 0
    """Replies that the model sold."""
    replies: dict[str, tuple[str, int, str]] = field(default_factory=dict)
    """A reply's text -> the (job_id, generation, key) that it was sold for."""
    branches: dict[str, str] = field(default_factory=dict)
    """Branch -> SHA."""
    pulls: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    """Branch -> numbers of the pull requests opened for it."""
    paid_twice: int = 0
    refusals: list[str] = field(default_factory=list)
    """Requests that a worker should never have made."""
    faults: Counter[str] = field(default_factory=Counter)
    _injected: set[tuple[int, Fault, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def _handle(self, request: Request, reply: Reply) -> None:
        service = request.path.strip("/")
        content = json.loads(request.body)
        plan = Plan.of(self.seed, content["number"])
        is_broken = service == "test" and plan.kind == "broken"
        if self._injects(Fault.REFUSED, plan.refusals, plan, service) or is_broken:
            reply(Answer(503, b"{}"))
            return
        status, answer = self._act(service, plan, content)
        if self._injects(Fault.ANSWER_LOST, plan.losses, plan, service):
            reply(None)
            return
        reply(Answer(status, json.dumps(answer).encode()))

    def _injects(self, fault: Fault, services: frozenset[str], plan: Plan, service: str) -> bool:
        """Return whether the service fails now, which it does once for each fault of the plan."""
        key = (plan.number, fault, service)
        if service not in services or key in self._injected:
            return False
        self._injected.add(key)
        self.faults[f"{service} {fault}"] += 1
        return True

    def _act(self, service: str, plan: Plan, content: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Return the status and the answer."""
        match service:
            case "issue":
                return 200, {"kind": plan.kind}
            case "model":
                return 200, {"text": self._sell(content)}
            case "test":
                return 200, {"passed": self._test(plan, content)}
            case "branch":
                return 200, {"sha": self.branches.get(content["branch"])}
            case "push":
                return (200 if self._push(content) else 409), {}
            case "pulls":
                return 200, {"numbers": self.pulls[content["branch"]]}
            case "pull":
                return 200, {"number": self._open_pull_request(content["branch"])}
        return 404, {}

    def _sell(self, content: dict[str, Any]) -> str:
        job_id = content["job_id"]
        generation = content["generation"]
        key = content["key"]
        stored = self.artifacts / job_id / str(generation) / "replies"
        if any(stored.glob(f"{key.replace('/', '-')}-*.json")):
            self.paid_twice += 1
        self.sold += 1
        text = f"patch {self.sold}"
        self.replies[text] = (job_id, generation, key)
        return text

    def _test(self, plan: Plan, content: dict[str, Any]) -> bool:
        text = content["text"]
        sold_for = self.replies.get(text)
        if sold_for != (content["job_id"], content["generation"], content["key"]):
            self.refusals.append(f"tested {text!r}, which was sold for {sold_for}")
        return plan.kind != "not fixed" and content["round"] >= plan.rounds

    def _push(self, content: dict[str, Any]) -> bool:
        branch = content["branch"]
        expected = content["expected"]
        current = self.branches.get(branch)
        if current != expected:
            self.refusals.append(f"push to {branch} expected {expected}, found {current}")
            return False
        self.branches[branch] = content["sha"]
        return True

    def _open_pull_request(self, branch: str) -> int:
        if branch not in self.branches:
            self.refusals.append(f"a pull request for {branch}, which was never pushed")
        number = sum(len(numbers) for numbers in self.pulls.values()) + 1
        self.pulls[branch].append(number)
        return number
