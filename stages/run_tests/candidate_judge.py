"""Ask a model which of several changes to propose if their tests don't decide."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.errors import Halt
from pipeline.model.buyer import Buyer
from pipeline.model.failures import ModelError
from pipeline.stage import RunContext
from pipeline.template_sets import Templates
from repository.edits.readers.thoughts import without_thoughts
from stages.fetch_issue import Issue
from stages.propose_patch.model_session import ModelSession, Question
from stages.run_tests.results import Passed

SYSTEM = "judge_system"
USER = "judge"
_CHOICE = re.compile(r"^\W*CHOICE\W*:\W*(?P<number>\d+)\W*$", re.MULTILINE)


@dataclass(frozen=True)
class Choice:
    """A judge's answer."""

    result: Passed | None
    """None if it names none of the changes, or the call failed."""
    exchange_key: str | None = None
    """Artifact: the request and the reply."""
    templates: dict[str, str] = field(default_factory=dict)
    """Template -> hash, for the templates used."""


class CandidateJudge:
    """Compares changes by their diffs and test results, with one model call per round."""

    def __init__(self, buyer: Buyer, templates: Templates):
        self._buyer = buyer
        self._templates = templates

    async def choose(self, issue: Issue, results: Sequence[Passed], run: RunContext) -> Choice:
        """Return the model's choice among results of different changes.

        Raises:
            Retry: the run can continue later.
        """
        session = await ModelSession.open(run, self._buyer, self._templates)
        run.progress(f"choosing among {len(results)} changes")
        variables = {"issue": issue, "changes": [_describe(result) for result in results]}
        messages = await asyncio.to_thread(session.render_prompt, SYSTEM, USER, variables)
        question = Question(label="judge", messages=messages, template=USER)
        templates = dict(session.used_templates)
        try:
            exchange = await session.ask(question)
        except (Halt, ModelError) as error:
            # The changes have passed their tests: one of them is proposed in any case.
            run.progress(f"the model made no choice: {error}")
            return Choice(None, templates=templates)
        number = _read_choice(exchange.reply.content) if exchange.reply.is_whole else None
        chosen = next((result for result in results if _number(result) == number), None)
        return Choice(chosen, exchange.key, templates)


def _number(result: Passed) -> int:
    """Return a change's number as the model sees it, from 1."""
    return result.change.number + 1


def _describe(result: Passed) -> dict[str, Any]:
    """Return the template's variables of a change."""
    verdict = result.verdict
    return {
        "number": _number(result),
        "verification": verdict.verification.value,
        "ran": verdict.ran,
        "fixed": verdict.fixed,
        "still_failing": verdict.still_failing,
        "diff": result.change.patch.decode(errors="replace"),
    }


def _read_choice(text: str) -> int | None:
    """Return the number in the last line that names one; None if there is no such line."""
    numbers = [match["number"] for match in _CHOICE.finditer(without_thoughts(text))]
    return int(numbers[-1]) if numbers else None
