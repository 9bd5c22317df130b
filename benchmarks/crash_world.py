"""The world around the crash run's workers: an issue tracker, a model that is paid, a test machine,
a forge.

It refuses nothing twice. It counts: what was done twice, and which reply was sold again though it
had been stored."""

import json
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from pipeline.outcome import Outcome
from tests.stand_ins.strict_aws.http import Answer, LoopbackServer, Reply, Request

MAX_ROUNDS = 3
#: Kind of job -> its share, its outcome, the rounds it takes (0: it never gets to the model).
KINDS: dict[str, tuple[float, Outcome, int]] = {
    "fixed": (0.55, Outcome.PR_OPENED, 1),
    "fixed later": (0.13, Outcome.PR_OPENED, 2),
    "slow": (0.02, Outcome.PR_OPENED, 2),
    "not fixed": (0.10, Outcome.NO_FIX, MAX_ROUNDS),
    "dry run": (0.05, Outcome.PROPOSED, 1),
    "closed": (0.05, Outcome.REJECTED, 0),
    "unclear": (0.03, Outcome.NEEDS_INFO, 0),
    "broken": (0.05, Outcome.FAILED, 1),
    "invalid": (0.02, Outcome.REJECTED, 0),
}
#: Seconds that each check-out and each test of a slow job takes.
SLOW = 1.2


@dataclass(frozen=True)
class Plan:
    """What is to become of one job. ``errors``: where the world refuses once; ``losses``: where it acts, and its answer
    is lost once."""

    number: int
    kind: str
    errors: frozenset[str]
    losses: frozenset[str]

    @classmethod
    def of(cls, seed: int, number: int) -> Self:
        rng = random.Random(f"{seed}/{number}")
        kind = rng.choices(list(KINDS), [share for share, _, _ in KINDS.values()])[0]
        # Three at most together: the fifth failed try would end the run.
        errors = [
            place for place in ("issue", "model", "test", "push", "pull") if rng.random() < 0.08
        ][:1]
        losses = [place for place in ("model", "push", "pull") if rng.random() < 0.08][:2]
        return cls(number, kind, frozenset(errors), frozenset(losses))

    @property
    def outcome(self) -> Outcome:
        return KINDS[self.kind][1]

    @property
    def rounds(self) -> int:
        return KINDS[self.kind][2]

    @property
    def announced(self) -> bool:
        """It comes past the admission, so that run.started is published."""
        return self.kind not in ("closed", "unclear", "invalid")

    def message(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            "issue_url": f"https://github.com/octo/crash/issues/{self.number}",
            "metadata": {"number": str(self.number)},
        }
        if self.kind == "dry run":
            told["options"] = {"dry_run": True}
        if self.kind == "invalid":
            told["surprise"] = 1
        return told


@dataclass
class World:
    """Serves while entered as a context; state lives on the server's thread. ``artifacts``: where
    replies are kept.
    """

    seed: int
    artifacts: Path
    sold: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    replies: dict[str, tuple[str, int, str]] = field(default_factory=dict)
    """A reply's text -> what it was sold for."""
    branches: dict[str, str] = field(default_factory=dict)
    pulls: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    """Branch -> numbers of the pull requests opened for it."""
    paid_twice: int = 0
    refusals: list[str] = field(default_factory=list)
    """What a worker asked that it never should have."""
    faults: Counter[str] = field(default_factory=Counter)
    _struck: set[tuple[int, str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.server = LoopbackServer(self._handle)

    def _handle(self, request: Request, reply: Reply) -> None:
        place = request.path.strip("/")
        asked = json.loads(request.body)
        plan = Plan.of(self.seed, asked["number"])
        if self._strikes("refused", plan.errors, plan, place) or (
            place == "test" and plan.kind == "broken"
        ):
            return reply(Answer(503, b"{}"))
        status, told = self._act(place, plan, asked)
        if self._strikes("answer lost", plan.losses, plan, place):
            return reply(None)
        reply(Answer(status, json.dumps(told).encode()))

    def _strikes(self, what: str, places: frozenset[str], plan: Plan, place: str) -> bool:
        fault = (plan.number, what, place)
        if place not in places or fault in self._struck:
            return False
        self._struck.add(fault)
        self.faults[f"{place} {what}"] += 1
        return True

    def _act(self, place: str, plan: Plan, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        match place:
            case "issue":
                return 200, {"kind": plan.kind}
            case "model":
                return 200, {"text": self._sell(asked)}
            case "test":
                key = self.replies.get(asked["text"])
                if key != (asked["job_id"], asked["generation"], asked["key"]):
                    self.refusals.append(f"tested {asked['text']!r}, which was sold for {key}")
                return 200, {"passed": plan.kind != "not fixed" and asked["round"] >= plan.rounds}
            case "branch":
                return 200, {"sha": self.branches.get(asked["branch"])}
            case "push":
                there = self.branches.get(asked["branch"])
                if there != asked["expected"]:
                    self.refusals.append(
                        f"push to {asked['branch']} expected {asked['expected']}, found {there}"
                    )
                    return 409, {}
                self.branches[asked["branch"]] = asked["sha"]
                return 200, {}
            case "pulls":
                return 200, {"numbers": self.pulls[asked["branch"]]}
            case "pull":
                if asked["branch"] not in self.branches:
                    self.refusals.append(
                        f"a pull request for {asked['branch']}, which was never pushed"
                    )
                number = sum(map(len, self.pulls.values())) + 1
                self.pulls[asked["branch"]].append(number)
                return 200, {"number": number}
        return 404, {}

    def _sell(self, asked: dict[str, Any]) -> str:
        job_id = asked["job_id"]
        generation = asked["generation"]
        key = asked["key"]
        stored = self.artifacts / job_id / str(generation) / "replies"
        self.paid_twice += any(stored.glob(f"{key.replace('/', '-')}-*.json"))
        self.sold[job_id, generation, key] += 1
        text = f"patch {sum(self.sold.values())}"
        self.replies[text] = (job_id, generation, key)
        return text

    def __enter__(self) -> Self:
        self.server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.__exit__()
