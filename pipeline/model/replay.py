"""A model that answers from recorded exchanges: ``CODING_AGENT_MODEL=replay:DIR``.

DIR is searched, with its folders, for files whose name ends in ``exchange.json``, as runs leave
them among their artifacts: ``{"request": ..., "reply": ...}``, or a ``failure`` where the prompt
was too long. An artifacts folder is itself such a DIR. A request is found by its hash, the model's
name left out; the reply costs what it cost when it was recorded."""

import difflib
import json
from pathlib import Path
from typing import Self

from pydantic import ValidationError

from pipeline.model import ModelReply, ModelRequest
from pipeline.model.failures import Failure, ModelError

PATTERN = "*exchange.json"
_SHOWN_LINES = 24
_SHOWN_WIDTH = 160


class ReplayError(ValueError):
    """The recording can't be used; the text says which file, and why."""


class ReplayClient:
    def __init__(
        self, recorded: dict[str, tuple[ModelRequest, ModelReply | Failure]], *, name: str
    ):
        """``recorded``: request hash -> exchange."""
        self._recorded = recorded
        self._name = name

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Raises ReplayError where there is nothing to answer from."""
        recorded: dict[str, tuple[ModelRequest, ModelReply | Failure]] = {}
        try:
            for file in sorted(folder.rglob(PATTERN)):
                kept = json.loads(file.read_text(encoding="utf-8"))
                request = ModelRequest.model_validate(kept["request"])
                answer = (
                    Failure[kept["failure"]]
                    if "failure" in kept
                    else ModelReply.model_validate(kept["reply"])
                )
                if isinstance(recorded.setdefault(request.hash, (request, answer))[1], Failure):
                    recorded[request.hash] = (
                        request,
                        answer,
                    )  # the same words, asked again, were answered
        except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
            raise ReplayError(
                f"{file} is no recorded exchange: {' '.join(str(error).split())[:200]}"
            ) from error
        if not recorded:
            raise ReplayError(f"{folder} holds no {PATTERN}: give a folder with a run's artifacts")
        return cls(recorded, name=str(folder))

    def worst_case_usd(self, request: ModelRequest) -> float:
        """0 for a request that will be a miss, or that failed."""
        found = self._recorded.get(request.hash)
        return found[1].cost_usd if found and isinstance(found[1], ModelReply) else 0.0

    async def complete(self, request: ModelRequest) -> ModelReply:
        """Raises ModelError for a request that was not recorded; it shows how it differs from the
        nearest one.
        """
        found = self._recorded.get(request.hash)
        if found is None:
            raise ModelError(Failure.REFUSED, self._miss(request), charged=False)
        answer = found[1]
        if not isinstance(answer, ModelReply):
            raise ModelError(answer, "as it did when it was recorded", charged=False)
        return answer.model_copy(update={"model": request.model})

    def _miss(self, request: ModelRequest) -> str:
        nearest = max(self._recorded.values(), key=lambda kept: _alike(kept[0], request))[0]
        lines = difflib.unified_diff(
            _lines(nearest), _lines(request), "recorded", "asked", n=1, lineterm=""
        )
        shown = [line[:_SHOWN_WIDTH] for line in lines]
        cut = (
            [f"... and {len(shown) - _SHOWN_LINES} lines more"] if len(shown) > _SHOWN_LINES else []
        )
        told = "\n".join([*shown[:_SHOWN_LINES], *cut])
        return (
            f"{self._name} holds no exchange for request {request.hash[:12]}; against the"
            f" nearest:\n{told}"
        )


def _lines(request: ModelRequest) -> list[str]:
    head = [f"{name}: {value}" for name, value in request if name not in ("model", "messages")]
    return [
        *head,
        *(line for m in request.messages for line in (f"[{m.role}]", *m.content.splitlines())),
    ]


def _alike(one: ModelRequest, other: ModelRequest) -> tuple[int, int]:
    """The longer they begin alike the nearer; then the more lines they share."""
    a = _lines(one)
    b = _lines(other)
    same = next(
        (at for at, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))
    )
    return same, len(set(a) & set(b))
