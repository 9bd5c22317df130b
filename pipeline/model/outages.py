"""Which models have stopped answering.

A call whose answer never came may have been charged, so it must not be repeated without end. Until
such a model answers again, it is only asked a short question, which costs next to nothing.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from pipeline.errors import waiting_time
from pipeline.model import Message, ModelRequest

#: Seconds within which the question should be answered.
QUESTION_TIMEOUT = 60.0
#: The shortest reply that every provider can be asked for: OpenAI's Responses API takes no less.
_SHORTEST_REPLY = 16


@dataclass
class _Outage:
    questions: int = 0
    """Questions in a row that the model did not answer."""
    ask_at: float = 0.0
    """When to ask it again."""


class Outages:
    """The models that did not answer their last call, for all runs of a process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        """``clock`` is monotonic, in seconds."""
        self._clock = clock
        self._outages: dict[str, _Outage] = {}

    def __contains__(self, model: str) -> bool:
        return model in self._outages

    def begin(self, model: str) -> None:
        """Record that the model did not answer a call. It may be asked at once."""
        self._outages.setdefault(model, _Outage(ask_at=self._clock()))

    def go_on(self, model: str) -> float:
        """Record that the model did not answer a question either.

        Returns the seconds until it should be asked again.
        """
        outage = self._outages.setdefault(model, _Outage())
        outage.questions += 1
        pause = waiting_time(outage.questions, None)
        outage.ask_at = self._clock() + pause
        return pause

    def end(self, model: str) -> None:
        """Record that the model answers."""
        self._outages.pop(model, None)

    def pause(self, model: str) -> float:
        """Return the seconds until the model should be asked again; 0 if it answers."""
        outage = self._outages.get(model)
        if outage is None:
            return 0.0
        return max(outage.ask_at - self._clock(), 0.0)


def short_question(model: str) -> ModelRequest:
    """Return a request that any model can answer at once."""
    message = Message(role="user", content="Reply with the word OK.")
    return ModelRequest(model=model, messages=(message,), max_tokens=_SHORTEST_REPLY)
