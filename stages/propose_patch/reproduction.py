"""Ask for a reproduction test and accept it only if it fails on the base because of the issue."""

import asyncio
import re

from pydantic import BaseModel, ConfigDict

from pipeline.model import Message
from pipeline.model.failures import ModelError
from pipeline.outcome import Facts, Outcome
from pipeline.stage import Stop
from prompts.filters import clip, clip_framed, one_line
from repository.edits.model import EditFailed
from repository.edits.readers.thoughts import without_thoughts
from stages.propose_patch.base_tests import (
    MAX_EXPLANATION,
    BaseResult,
    run_on_base,
    stop_for_passing_tests,
)
from stages.propose_patch.model_session import Exchange, Question, room_after
from stages.propose_patch.replies import describe_cut, holds_edit, read_needs_info
from stages.propose_patch.results import Reproduction
from stages.propose_patch.task import Task

MAX_CALLS = 2
_ALREADY_FIXED = re.compile(r"^\W*ALREADY_FIXED\W*:\s*(?P<why>\S.*)", re.M | re.S)


class ReproductionOutcome(BaseModel):
    """Result of trying to reproduce the issue; by default, neither a test nor an end of the run."""

    model_config = ConfigDict(frozen=True)

    test: Reproduction | None = None
    stop_outcome: Outcome | None = None
    stop_reason: str = ""
    stop_artifacts: dict[str, str] = {}
    templates: dict[str, str] = {}
    """Template -> hash, for the templates used."""

    @classmethod
    def stopping(cls, stop: Stop) -> "ReproductionOutcome":
        return cls(
            stop_outcome=stop.outcome,
            stop_reason=stop.reason,
            stop_artifacts=stop.facts.artifacts,
        )

    @property
    def stop(self) -> Stop | None:
        """The end of the run; None if it continues."""
        if self.stop_outcome is None:
            return None
        return Stop(self.stop_outcome, self.stop_reason, Facts(artifacts=self.stop_artifacts))


async def reproduce(task: Task) -> ReproductionOutcome:
    """Reproduce the issue once per run; later rounds and other machines reuse the result."""
    if not task.suite.runnable:
        return ReproductionOutcome()

    async def ask() -> str:
        outcome = await _ask_for_test(task)
        used = dict(task.session.used_templates)
        return outcome.model_copy(update={"templates": used}).model_dump_json()

    remembered = await task.run.remember("reproduction", ask)
    outcome = ReproductionOutcome.model_validate_json(remembered)
    task.session.used_templates.update(outcome.templates)
    return outcome


async def _ask_for_test(task: Task) -> ReproductionOutcome:
    messages: tuple[Message, ...] = await asyncio.to_thread(
        task.session.render_prompt, "reproduce_system", "reproduce", task.variables
    )
    previous: BaseResult | None = None
    cut_replies = 0
    for number in range(MAX_CALLS):
        label = f"reproduce-{number}"
        exchange = await _ask(task, label, messages, room_after(cut_replies))
        if exchange is None or exchange.reply.refused:
            break
        if exchange.reply.cut_off:
            cut_replies += 1
            messages = _after_cut(messages, exchange)
            continue
        if not holds_edit(exchange.reply.content):
            return _without_test(exchange, previous)
        result = await _try_out(task, exchange, label)
        if result is None:
            return ReproductionOutcome()
        if result.kind == "fails":
            task.run.progress(f"reproduced: {len(result.tests)} new tests fail on the base")
            return ReproductionOutcome(test=_reproduction(result))
        explanation = one_line(clip(result.explanation, 200))
        task.run.progress(f"the reproduction test was rejected: {explanation}")
        messages = await _with_failure(task, messages, exchange, result)
        previous = result
    return ReproductionOutcome()


def _after_cut(messages: tuple[Message, ...], exchange: Exchange) -> tuple[Message, ...]:
    """Return the request again, with a sentence about the reply that was cut off."""
    *before, last = messages
    cut = describe_cut(exchange.reply.completion_tokens)
    return (*before, last.model_copy(update={"content": f"{last.content}\n\n{cut}"}))


async def _ask(task: Task, label: str, messages: tuple[Message, ...], room: int) -> Exchange | None:
    """Ask for a test; return None if the prompt is too long."""
    question = Question(
        label=label, messages=messages, template="reproduce", once_a_run=True, room=room
    )
    try:
        return await task.session.ask(question)
    except ModelError:
        task.run.progress("no reproduction test: the prompt is longer than the model's context")
        return None


async def _try_out(task: Task, exchange: Exchange, label: str) -> BaseResult | None:
    """Run the tests in a reply on the base; return None if it changes more than tests."""
    try:
        tree = await asyncio.to_thread(task.base.apply, exchange.reply.content)
    except EditFailed as error:
        return BaseResult("proves nothing", str(error))
    if not task.are_tests(tree.paths):
        return None
    return await run_on_base(task, tree, label)


async def _with_failure(
    task: Task, messages: tuple[Message, ...], exchange: Exchange, result: BaseResult
) -> tuple[Message, ...]:
    """Return the conversation so far, with the reply and its test's result on the base."""
    failure = clip_framed(result.explanation, MAX_EXPLANATION)
    jobs = [("reproduce_again", {"failure": failure})]
    (text,) = await asyncio.to_thread(task.session.render, jobs)
    return (
        *messages,
        exchange.reply.as_message(),
        Message(role="user", content=text),
    )


def _reproduction(result: BaseResult) -> Reproduction:
    return Reproduction(
        files=result.files,
        tests=result.tests,
        failure=result.explanation,
        log_key=result.log_key,
    )


def _without_test(exchange: Exchange, previous: BaseResult | None) -> ReproductionOutcome:
    """Read a reply without a test.

    The run ends if the model says that the issue lacks something, or that it is already fixed and
    the previous test, which passed on the base, shows it.
    """
    text = exchange.reply.content
    stop = read_needs_info(text, exchange.key)
    if stop is not None:
        return ReproductionOutcome.stopping(stop)
    match = _ALREADY_FIXED.search(without_thoughts(text))
    if match is not None and previous is not None and previous.kind == "passes":
        return ReproductionOutcome.stopping(stop_for_passing_tests(previous, match["why"]))
    return ReproductionOutcome()
