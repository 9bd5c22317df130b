"""SQS and SNS on loopback, stricter than moto and with faults on demand.

It is stricter in that a receipt handle belongs to one receive, and an older one deletes nothing; a
visible message can't be extended; the 12 hours count from each receive; and a long poll whose
client died still receives messages. Requests must be signed, but the signature is not checked.
"""

import asyncio
import json
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Self
from xml.sax.saxutils import escape

from tests.stand_ins.strict_aws import sns as sns_rules
from tests.stand_ins.strict_aws.faults import FaultPlan, Faults
from tests.stand_ins.strict_aws.http import Answer, LoopbackServer, Reply, Request
from tests.stand_ins.strict_aws.sns import Published, Sns
from tests.stand_ins.strict_aws.sqs import MAX_VISIBILITY, Queue, ReceiveRequest, Refused, Sqs

__all__ = ["FaultPlan", "Published", "StrictAws"]

#: Operations that set up a test or only read, and never fail.
_SPARED = {"CreateQueue", "CreateTopic", "Subscribe", "GetQueueAttributes", "GetTopicAttributes"}


@dataclass
class _Poll:
    """A waiting receive. Its client may be dead, but SQS does not know."""

    request: ReceiveRequest
    reply: Reply
    timer: asyncio.TimerHandle | None = None


class StrictAws:
    """The server, running while entered as a context.

    ``endpoint`` is for AWS_ENDPOINT_URL; ``calls`` counts each operation. The state belongs to the
    server's thread: read it through ``look``, or after leaving the context.
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
        self.on_lost_reply: Callable[[str, Request], None] = _ignore
        """Called with the operation and its request after a reply was lost."""
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
        """Call a function on the server's thread, and return its result."""
        return self._server.call(function)

    def pass_time(self, seconds: float) -> None:
        """Advance the clock: messages that are hidden for less become visible. Long polls still use
        real time.
        """

        def forward() -> None:
            self._passed += seconds
            for queue in self.sqs.queues.values():
                self._serve(queue)

        self.look(forward)

    # Requests

    def _handle(self, request: Request, reply: Reply) -> None:
        if request.path == "/_strict":  # for other processes
            reply(Answer(200, json.dumps(self._counts()).encode()))
            return
        is_json = "x-amz-target" in request.headers
        refuse = _json_error if is_json else _xml_error
        try:
            self._check_signature(request)
            if is_json:
                self._handle_sqs(request, reply)
            else:
                self._handle_sns(request, reply)
        except Refused as error:
            reply(refuse(error))
        except (KeyError, TypeError, ValueError) as error:
            reply(refuse(Refused("MissingParameter", f"the request is malformed: {error!r}")))

    def _handle_sqs(self, request: Request, reply: Reply) -> None:
        target = request.headers["x-amz-target"]
        service, _, operation = target.partition(".")
        if service != "AmazonSQS":
            raise Refused("UnknownOperationException", target)
        parameters = json.loads(request.body)
        struck = self._strike(operation, request, reply)
        if struck is None:
            return
        if operation == "ReceiveMessage":
            self._receive(parameters, struck)
        else:
            struck(_json(self.sqs.call(operation, parameters, self.endpoint)))

    def _handle_sns(self, request: Request, reply: Reply) -> None:
        parameters = sns_rules.parse_parameters(request.body)
        operation = parameters.get("Action", "")
        struck = self._strike(operation, request, reply)
        if struck is not None:
            struck(_xml(operation, self.sns.call(operation, parameters)))

    def _check_signature(self, request: Request) -> None:
        if not request.headers.get("authorization", "").startswith("AWS4-HMAC-SHA256 "):
            message = "Request is missing Authentication Token"
            raise Refused("MissingAuthenticationToken", message, 403)

    def _strike(self, operation: str, request: Request, reply: Reply) -> Reply | None:
        """Count the call, and inject faults.

        Returns a function for the reply; None if the connection has been cut.
        """
        self.calls[operation] += 1
        if operation in _SPARED:
            return reply
        if self.faults.strikes("throttled"):
            raise Refused("ThrottlingException", "Rate exceeded")
        if self.faults.strikes("unavailable"):
            is_busy = self.faults.toss_coin()
            code, status = ("ServiceUnavailable", 503) if is_busy else ("InternalError", 500)
            raise Refused(code, "We encountered an internal error. Please try again.", status)
        if self.faults.strikes("dropped"):
            reply(None)
            return None
        if self.faults.strikes("reply_lost"):
            return partial(self._lose, operation, request, reply)
        return reply

    def _lose(self, operation: str, request: Request, reply: Reply, answer: Answer | None) -> None:
        reply(None)
        self.on_lost_reply(operation, request)

    def _counts(self) -> dict[str, Any]:
        return {
            "calls": self.calls,
            "faults": self.faults.counts,
            "handed_out": self.sqs.handed_out,
            "deleted": sum(queue.deleted for queue in self.sqs.queues.values()),
            "published": len(self.sns.published),
        }

    # Long polls

    def _receive(self, parameters: dict[str, Any], reply: Reply) -> None:
        request = self.sqs.check_receive(parameters)
        poll = _Poll(request, reply)
        if self._hand_out(poll):
            return
        if not request.wait:
            reply(_json({}))
            return
        polls = self._polls[request.queue.name]
        polls.append(poll)

        def give_up() -> None:
            polls.remove(poll)
            reply(_json({}))

        poll.timer = asyncio.get_running_loop().call_later(request.wait, give_up)
        self._set_alarm(request.queue)

    def _hand_out(self, poll: _Poll) -> bool:
        messages = self.sqs.receive(poll.request)
        if messages:
            poll.reply(_json({"Messages": messages}))
        return bool(messages)

    def _arrived(self, queue: Queue) -> None:
        """Serve the polls after the current request, which may be in the middle of a change."""
        if self._polls[queue.name] and queue.name not in self._due:
            self._due.add(queue.name)
            asyncio.get_running_loop().call_soon(self._serve, queue)

    def _serve(self, queue: Queue) -> None:
        """Hand out messages to the waiting polls, oldest first."""
        self._due.discard(queue.name)
        polls = self._polls[queue.name]
        while polls and self._hand_out(polls[0]):
            timer = polls.popleft().timer
            if timer is not None:
                timer.cancel()
        self._set_alarm(queue)

    def _set_alarm(self, queue: Queue) -> None:
        """If a poll is waiting, serve it when the next hidden message becomes visible."""
        alarm = self._alarms.pop(queue.name, None)
        if alarm is not None:
            alarm.cancel()
        due = queue.next_change()
        if self._polls[queue.name] and due is not None:
            wait = max(due - self.now(), 0.0) + 0.001
            loop = asyncio.get_running_loop()
            self._alarms[queue.name] = loop.call_later(wait, self._serve, queue)


def _ignore(operation: str, request: Request) -> None:
    """Do nothing about a lost reply."""


def _json(content: dict[str, Any], status: int = 200, **headers: str) -> Answer:
    headers["Content-Type"] = "application/x-amz-json-1.0"
    return Answer(status, json.dumps(content).encode(), headers)


def _fault(error: Refused) -> str:
    return "Sender" if error.status < 500 else "Receiver"


def _json_error(error: Refused) -> Answer:
    shape = f"com.amazonaws.sqs#{error.code.rsplit('.', 1)[-1]}"
    headers = {"x-amzn-query-error": f"{error.code};{_fault(error)}"}
    return _json({"__type": shape, "message": error.message}, error.status, **headers)


_NAMESPACE = 'xmlns="http://sns.amazonaws.com/doc/2010-03-31/"'
_METADATA = "<ResponseMetadata><RequestId>stand-in</RequestId></ResponseMetadata>"


def _xml(action: str, inside: str) -> Answer:
    result = f"<{action}Result>{inside}</{action}Result>"
    text = f"<{action}Response {_NAMESPACE}>{result}{_METADATA}</{action}Response>"
    return Answer(200, text.encode(), {"Content-Type": "text/xml"})


def _xml_error(error: Refused) -> Answer:
    code = f"<Type>{_fault(error)}</Type><Code>{error.code}</Code>"
    message = f"<Message>{escape(error.message)}</Message>"
    text = f"<ErrorResponse {_NAMESPACE}><Error>{code}{message}</Error></ErrorResponse>"
    return Answer(error.status, text.encode(), {"Content-Type": "text/xml"})
