"""SQS and SNS on loopback, stricter than moto, and with faults on demand.

Where it is stricter: a receipt handle is one receive's, and an older one deletes nothing; a message
that is visible can't be extended; the 12 hours count from each receive; a long poll whose client
died still takes messages. Requests must be signed, but the signature is not checked."""

import asyncio
import json
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self
from xml.sax.saxutils import escape

from tests.stand_ins.strict_aws import sns as sns_rules
from tests.stand_ins.strict_aws.faults import FaultPlan, Faults
from tests.stand_ins.strict_aws.http import Answer, LoopbackServer, Reply, Request
from tests.stand_ins.strict_aws.sns import Published, Sns
from tests.stand_ins.strict_aws.sqs import MAX_VISIBILITY, Queue, Refused, Sqs

__all__ = ["FaultPlan", "Published", "StrictAws"]

#: Operations that set a test up, or look: no fault befalls them.
_SPARED = {"CreateQueue", "CreateTopic", "Subscribe", "GetQueueAttributes", "GetTopicAttributes"}


@dataclass
class _Poll:
    """A receive that waits. Its client may be dead: SQS does not know."""

    count: int
    hide: float
    asked: dict[str, Any]
    reply: Reply
    timer: asyncio.TimerHandle | None = None


class StrictAws:
    """Serves while entered as a context. ``endpoint`` is for AWS_ENDPOINT_URL; ``calls`` counts each operation.

    State lives on the server's thread: read it through ``look``, or once the context is left.
    """

    def __init__(
        self,
        plan: FaultPlan | None = None,
        *,
        seed: int = 0,
        max_visibility: float = MAX_VISIBILITY,
        clock: Callable[[], float] = time.time,
    ):
        self._clock = clock
        self._passed = 0.0
        self.faults = Faults(plan, seed)
        self.sqs = Sqs(self.now, self.faults, max_visibility=max_visibility)
        self.sns = Sns(self.sqs, self.faults)
        self.calls: Counter[str] = Counter()
        self._server = LoopbackServer(self._handle)
        self._polls: dict[str, deque[_Poll]] = defaultdict(deque)
        self._alarms: dict[str, asyncio.TimerHandle] = {}
        self._due: set[str] = set()
        self.sqs.arrived = self._arrived

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    @property
    def endpoint(self) -> str:
        return self._server.endpoint

    def now(self) -> float:
        return self._clock() + self._passed

    def look(self, function: Callable[[], Any]) -> Any:
        """Call it on the server's thread."""
        return self._server.call(function)

    def pass_time(self, seconds: float) -> None:
        """Let time pass at once: what is hidden for less is seen again. Long polls keep to real
        time.
        """

        def forward() -> None:
            self._passed += seconds
            for queue in self.sqs.queues.values():
                self._serve(queue)

        self.look(forward)

    # Requests

    def _handle(self, request: Request, reply: Reply) -> None:
        target = request.headers.get("x-amz-target", "")
        if request.path == "/_strict":  # for a process that asks from outside
            return reply(Answer(200, json.dumps(self._counts()).encode()))
        service, _, operation = target.partition(".")
        asked = sns_rules.parameters(request.body) if not target else json.loads(request.body)
        operation = operation or asked.get("Action", "")
        refuse = _json_error if target else _xml_error
        try:
            if not request.headers.get("authorization", "").startswith("AWS4-HMAC-SHA256 "):
                raise Refused(
                    "MissingAuthenticationToken", "Request is missing Authentication Token", 403
                )
            if service not in ("AmazonSQS", ""):
                raise Refused("UnknownOperationException", target)
            self.calls[operation] += 1
            if operation not in _SPARED:
                self._misfortune()
                if self.faults.drawn("dropped"):
                    return reply(None)
                if self.faults.drawn("reply_lost"):
                    reply = _lost(reply)
            if operation == "ReceiveMessage":
                return self._receive(asked, reply)
            if target:
                reply(_json(self.sqs.call(operation, asked, self.endpoint)))
            else:
                reply(_xml(operation, self.sns.call(operation, asked)))
        except Refused as error:
            reply(refuse(error))
        except (KeyError, TypeError, ValueError) as error:
            reply(refuse(Refused("MissingParameter", f"the request is malformed: {error!r}")))

    def _counts(self) -> dict[str, Any]:
        return {
            "calls": self.calls,
            "faults": self.faults.counts,
            "handed_out": self.sqs.handed_out,
            "deleted": sum(queue.deleted for queue in self.sqs.queues.values()),
            "published": len(self.sns.published),
        }

    def _misfortune(self) -> None:
        if self.faults.drawn("throttled"):
            raise Refused("ThrottlingException", "Rate exceeded")
        if self.faults.drawn("unavailable"):
            name, status = (
                ("ServiceUnavailable", 503) if self.faults.coin() else ("InternalError", 500)
            )
            raise Refused(name, "We encountered an internal error. Please try again.", status)

    # Long polls

    def _receive(self, asked: dict[str, Any], reply: Reply) -> None:
        queue, count, hide, wait = self.sqs.check_receive(asked)
        poll = _Poll(count, hide, asked, reply)
        if self._hand_out(queue, poll):
            return
        if not wait:
            return reply(_json({}))
        polls = self._polls[queue.name]
        polls.append(poll)

        def give_up() -> None:
            polls.remove(poll)
            reply(_json({}))

        poll.timer = asyncio.get_running_loop().call_later(wait, give_up)
        self._set_alarm(queue)

    def _hand_out(self, queue: Queue, poll: _Poll) -> bool:
        messages = self.sqs.receive(queue, poll.count, poll.hide, poll.asked)
        if messages:
            poll.reply(_json({"Messages": messages}))
        return bool(messages)

    def _arrived(self, queue: Queue) -> None:
        """After the current request: it may be in the middle of a change."""
        if self._polls[queue.name] and queue.name not in self._due:
            self._due.add(queue.name)
            asyncio.get_running_loop().call_soon(self._serve, queue)

    def _serve(self, queue: Queue) -> None:
        """Hand out to the polls that wait, the oldest first."""
        self._due.discard(queue.name)
        polls = self._polls[queue.name]
        while polls and self._hand_out(queue, polls[0]):
            timer = polls.popleft().timer
            if timer is not None:
                timer.cancel()
        self._set_alarm(queue)

    def _set_alarm(self, queue: Queue) -> None:
        """Be woken when the next hidden message may be seen, while a poll waits."""
        if (alarm := self._alarms.pop(queue.name, None)) is not None:
            alarm.cancel()
        if self._polls[queue.name] and (due := queue.next_change()) is not None:
            wait = max(due - self.now(), 0.0) + 0.001
            self._alarms[queue.name] = asyncio.get_running_loop().call_later(
                wait, self._serve, queue
            )


def _lost(reply: Reply) -> Reply:
    return lambda answer: reply(None)


def _json(told: dict[str, Any], status: int = 200, **headers: str) -> Answer:
    return Answer(
        status, json.dumps(told).encode(), {"Content-Type": "application/x-amz-json-1.0"} | headers
    )


def _json_error(error: Refused) -> Answer:
    shape = f"com.amazonaws.sqs#{error.code.rsplit('.', 1)[-1]}"
    query = {"x-amzn-query-error": f"{error.code};{'Sender' if error.status < 500 else 'Receiver'}"}
    return _json({"__type": shape, "message": error.message}, error.status, **query)


_NAMESPACE = 'xmlns="http://sns.amazonaws.com/doc/2010-03-31/"'
_METADATA = "<ResponseMetadata><RequestId>stand-in</RequestId></ResponseMetadata>"


def _xml(action: str, inside: str) -> Answer:
    text = (
        f"<{action}Response"
        f" {_NAMESPACE}><{action}Result>{inside}</{action}Result>{_METADATA}</{action}Response>"
    )
    return Answer(200, text.encode(), {"Content-Type": "text/xml"})


def _xml_error(error: Refused) -> Answer:
    told = f"<Type>{'Sender' if error.status < 500 else 'Receiver'}</Type><Code>{error.code}</Code>"
    message = escape(error.message)
    text = (
        "<ErrorResponse"
        f" {_NAMESPACE}><Error>{told}<Message>{message}</Message></Error></ErrorResponse>"
    )
    return Answer(error.status, text.encode(), {"Content-Type": "text/xml"})
