"""A service of the crash benchmark's main process, which the workers call over HTTP."""

from abc import ABC, abstractmethod
from typing import Self

from tests.stand_ins.strict_aws.http import LoopbackServer, Reply, Request


class LoopbackService(ABC):
    """Serves while entered as a context. Its state belongs to the server's thread."""

    def __init__(self) -> None:
        self.server = LoopbackServer(self._handle)

    def __enter__(self) -> Self:
        self.server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.__exit__()

    @abstractmethod
    def _handle(self, request: Request, reply: Reply) -> None:
        """Answer a request, or cut its connection."""
