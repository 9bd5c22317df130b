"""The dead-letter queue: its messages with their reasons, and the replay of failed jobs."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from console.queues.dead_letters import DeadLetters
from console.queues.dead_messages import DeadMessage, Kind, MessageFilter
from console.queues.replays import Overrides, Replay, plan_replay
from console.queues.unavailable import QueueUnavailable
from console.web.visits import Visit
from pipeline.api.problem import Refusal

#: Messages that are shown, and that one replay may have; the command line has no such limit.
MAX_MESSAGES = 200


@dataclass(frozen=True)
class Cause:
    """Messages that died of the same cause."""

    repository: str
    pattern: str
    """The reason, with ``*`` for numbers and identifiers."""
    number: int


@dataclass(frozen=True)
class MessageList:
    """The messages of the queue that match a filter."""

    messages: tuple[DeadMessage, ...]
    """Oldest first, at most ``MAX_MESSAGES``."""
    causes: tuple[Cause, ...]
    """Of all that match, the most frequent first."""
    number: int
    """How many match."""
    unseen: int
    """How many more the queue has that could not be seen."""

    @property
    def failed(self) -> int:
        """How many of the shown ones can be replayed."""
        return sum(message.kind is Kind.FAILED for message in self.messages)


@dataclass(frozen=True)
class Plan:
    """What a replay will send."""

    replays: tuple[Replay, ...]
    causes: tuple[Cause, ...]
    worst_case_usd: float
    """The most that all of the runs may cost."""


async def show(visit: Visit) -> Response:
    """Show the messages, perhaps only those with a text in their reason or of a repository."""
    visit.check_operator()
    chosen = MessageFilter(
        reason=visit.parameter("reason") or None,
        repository=visit.parameter("repository") or None,
    )
    dead_letters = visit.services.dead_letters
    problem = ""
    listed = None
    if dead_letters is not None:
        try:
            listed = await _list_messages(dead_letters, chosen)
        except QueueUnavailable as error:
            problem = str(error)
    return visit.page(
        "dead_letters",
        chosen=chosen,
        listed=listed,
        problem=problem,
        choose_all=visit.parameter("choose") == "all",
    )


async def plan(visit: Visit) -> Response:
    """Show what a replay of the chosen messages will send, and ask."""
    visit.check_operator()
    visit.check_actions()
    replays = await _chosen_replays(visit)
    messages = [replay.message for replay in replays]
    plan = Plan(replays, _causes(messages), _worst_case(visit, replays))
    return visit.page("dead_letters_plan", plan=plan)


async def replay(visit: Visit) -> Response:
    """Replay the chosen messages, and show what became of each."""
    visit.check_operator()
    visit.check_actions()
    dead_letters = _dead_letters(visit)
    replays = await _chosen_replays(visit)
    return visit.page("dead_letters_replayed", replayed=await dead_letters.replay(replays))


async def _list_messages(dead_letters: DeadLetters, chosen: MessageFilter) -> MessageList:
    snapshot = await dead_letters.read()
    matches = [message for message in snapshot.messages if chosen.matches(message)]
    return MessageList(
        messages=tuple(matches[:MAX_MESSAGES]),
        causes=_causes(matches),
        number=len(matches),
        unseen=snapshot.unseen,
    )


async def _chosen_replays(visit: Visit) -> tuple[Replay, ...]:
    """Return the replays of the messages that the form names.

    Raises:
        Refusal: 422 for none, too many, or one that can't be replayed; 503 if they can't be read.
    """
    ids = list(dict.fromkeys(visit.form.all("message")))
    if not ids or len(ids) > MAX_MESSAGES:
        message = f"choose between 1 and {MAX_MESSAGES} messages"
        raise Refusal(422, "invalid_choice", message)
    try:
        snapshot = await _dead_letters(visit).read()
    except QueueUnavailable as error:
        raise Refusal(503, "queue", str(error)) from error
    by_id = {message.message_id: message for message in snapshot.messages}
    missing = [message_id for message_id in ids if message_id not in by_id]
    if missing:
        message = f"{len(missing)} of the chosen messages are no longer seen: choose again"
        raise Refusal(409, "gone", message)
    try:
        return tuple(plan_replay(by_id[message_id], Overrides()) for message_id in ids)
    except ValueError as error:
        raise Refusal(422, "invalid_choice", str(error)) from error


def _dead_letters(visit: Visit) -> DeadLetters:
    if visit.services.dead_letters is None:
        raise Refusal(404, "no_queue", "no queue is configured: set CODING_AGENT_QUEUE_URL")
    return visit.services.dead_letters


def _causes(messages: Sequence[DeadMessage]) -> tuple[Cause, ...]:
    counts = Counter((message.repository or "", message.pattern) for message in messages)
    return tuple(
        Cause(repository, pattern, number) for (repository, pattern), number in counts.most_common()
    )


def _worst_case(visit: Visit, replays: Sequence[Replay]) -> float:
    ceiling = visit.services.ceiling
    return sum(ceiling.lowered_to(replay.job.limits).max_cost_usd for replay in replays)
