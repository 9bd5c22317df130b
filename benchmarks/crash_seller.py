"""A model for the crash benchmark with real stages: it sells replies, and each only once.

Each reply has a serial number, which it makes the repository's function return as a comment. A
reply that is already among the run's stored ones must not be bought again.
"""

import asyncio
import json
import random
import urllib.error
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.crash_questions import is_question
from benchmarks.crash_real_plan import Mode, Plan, Push, Review, draw
from benchmarks.crash_service import LoopbackService
from pipeline.model import ModelReply, ModelRequest
from pipeline.model.capabilities import ModelProfile
from pipeline.model.failures import Failure, ModelError
from pipeline.model.worst_case import WorstCase
from pipeline.run_key import RunKey
from tests.stand_ins.strict_aws.http import Answer, Reply, Request

#: Seconds that a call may take.
PATIENCE = 10.0
#: The share of calls that fail, and how.
FAILING = 0.15
MODES = {Mode.LIMITED: 2, Mode.CUT: 1, Mode.LOST: 2, Mode.KILLED_AFTER: 1}
#: Dollars.
PRICE = 0.001
WORST = 0.01
#: Stands in an issue's title before the number of its job.
JOB = "Job "
FIRST_LINE = "    return 41"


@dataclass(frozen=True)
class Sale:
    number: int
    """Of the job whose issue the request shows."""
    run: RunKey
    request: str
    """The request's hash."""


@dataclass
class Seller(LoopbackService):
    """The service that sells replies.

    ``artifacts`` is the workers' artifacts folder, in which stored replies are looked up;
    ``kill`` kills the worker with a number.
    """

    seed: int
    push: Push
    artifacts: Path
    kill: Callable[[int], bool]
    is_broken: bool = True
    newest: dict[int, RunKey] = field(default_factory=dict)
    """Job -> the newest run that works on its issue or its pull request."""
    reviews: dict[int, Review] = field(default_factory=dict)
    """Job -> the review of its pull request."""
    sales: list[Sale] = field(default_factory=list)
    """The reply with the serial number n is the n-th sale."""
    requests: dict[RunKey, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Run -> the distinct requests, in order."""
    paid_twice: int = 0
    faults: Counter[Mode] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        super().__init__()
        self._rng = random.Random(f"seller/{self.seed}")

    def _handle(self, request: Request, reply: Reply) -> None:
        content = json.loads(request.body)
        mode = self._strike()
        if mode is Mode.LIMITED:
            reply(Answer(429, b"{}"))
            return
        if mode is Mode.CUT:
            reply(None)
            return
        text = "OK"
        if content["number"] is not None:
            text = self._sell(content["number"], content["request"])
        if mode is Mode.KILLED_AFTER:
            self.kill(content["worker"])
        if mode is not None:
            reply(None)
            return
        reply(Answer(200, json.dumps({"text": text}).encode()))

    def _strike(self) -> Mode | None:
        if not self.is_broken or self._rng.random() >= FAILING:
            return None
        mode = draw(self._rng, MODES)
        self.faults[mode] += 1
        return mode

    def _sell(self, number: int, request: str) -> str:
        plan = Plan.of(self.seed, number, self.push)
        run = self.newest.get(number, plan.runs[0].key)
        sale = Sale(number, run, request)
        if self._is_stored(sale):
            self.paid_twice += 1
        self.sales.append(sale)
        requests = self.requests[run]
        if request not in requests:
            requests.append(request)
        review = self.reviews.get(number)
        if review is not None and run == review.run.key:
            return _answer(review, len(self.sales))
        return _text(plan, requests.index(request) + 1, len(self.sales))

    def _is_stored(self, sale: Sale) -> bool:
        """Return whether an earlier sale of the same reply is among the run's stored replies."""
        earlier = [serial for serial, sold in enumerate(self.sales, 1) if sold == sale]
        if not earlier:
            return False
        folder = self.artifacts / sale.run.prefix / "replies"
        stored = [file.read_text() for file in folder.glob("*.json")]
        return any(mark(serial) in text for serial in earlier for text in stored)


def mark(serial: int) -> str:
    return f"# Sale {serial}."


def _text(plan: Plan, round: int, serial: int) -> str:
    """Return the reply to the job's request of a round."""
    signature = mark(serial)
    if plan.kind == "unclear":
        return f"NEEDS_INFO: what should it return? {signature}"
    if round < plan.rounds or plan.kind == "not fixed":
        return f"I can't find it, {round} times now. {signature}"
    return _edit(signature)


def _answer(review: Review, serial: int) -> str:
    """Return the reply to a review: the whole change again, and an answer to each comment."""
    lines = [_edit(mark(serial))]
    for index in range(1, len(review.comments) + 1):
        lines.append(f"REPLY C{index}: Done, as sale {serial}.")
    return "\n".join(lines)


def _edit(signature: str) -> str:
    after = f"    return 42  {signature}"
    lines = ["calc.py", "<<<<<<< SEARCH", FIRST_LINE, "=======", after, ">>>>>>> REPLACE", ""]
    return "\n".join(lines)


class SoldReplies:
    """The workers' client, a ModelClient."""

    def __init__(self, url: str, worker: int):
        self._url = url
        self._worker = worker

    def profile(self, model: str) -> ModelProfile:
        return ModelProfile(protocol="text")

    def worst_case(self, request: ModelRequest) -> WorstCase:
        return WorstCase(WORST)

    def record_usage(self, request: ModelRequest, reply: ModelReply) -> None:
        """Costs don't depend on usage."""

    async def complete(self, request: ModelRequest) -> ModelReply:
        content = {
            "worker": self._worker,
            "number": _job_number(request),
            "request": request.hash,
        }
        answer = await asyncio.to_thread(self._ask, json.dumps(content).encode())
        return ModelReply(
            content=answer["text"],
            finish_reason="stop",
            model=request.model,
            prompt_tokens=1,
            completion_tokens=1,
            cost_usd=PRICE,
        )

    def _ask(self, body: bytes) -> dict[str, Any]:
        try:
            with urllib.request.urlopen(self._url, body, PATIENCE) as response:
                answer: dict[str, Any] = json.loads(response.read())
                return answer
        except urllib.error.HTTPError as error:
            raise ModelError(Failure.RATE_LIMIT, str(error), charged=False, delay=0.0) from error
        except OSError as error:  # the connection broke, perhaps after the sale
            raise ModelError(Failure.OVERLOAD, str(error), charged=True, delay=0.0) from error


def _job_number(request: ModelRequest) -> int | None:
    """Return the number of the job; None for the short question after a lost reply."""
    if is_question(request):
        return None
    text = "\n".join(message.content for message in request.messages)
    return int(text.partition(JOB)[2].split()[0])
