"""One round's task, as every strategy gets it: what is known, whom to ask, and how what comes back
is read.
"""

import asyncio
import json
import re
from dataclasses import dataclass, field
from typing import Any

from pipeline.model import Message, ModelReply, ModelRequest
from pipeline.model.buyer import Buyer
from pipeline.model.failures import ModelError
from pipeline.outcome import Facts, Outcome
from pipeline.stage import Back, RunContext, Stop
from prompts import TemplateSet
from prompts.filters import clip, one_line
from repository.edits.policy import EditPolicy
from repository.edits.readers import read_reply
from repository.git import Mirror
from repository.testing.models import Suite
from repository.testing.run.bed import TestBed, suite_seconds
from sandbox import Sandbox
from stages.build_context import Context
from stages.checkout import Checkout
from stages.fetch_issue import Issue
from stages.propose_patch.results import Proposal, Proposals, Reproduction

SYSTEM = "propose_system"
USER = "propose"
STAGE = "propose_patch"
MAX_FEEDBACK = 16_000
"""Characters of the last round's reason that are shown: about 4,000 tokens."""
MAX_REASON = 600
LESS = (Outcome.BUDGET_EXHAUSTED, Outcome.NO_FIX)
"""Ends that a call may bring, at which what was bought before goes on: no money is left, or the model refuses this
prompt."""
_NEEDS_INFO = re.compile(r"^\W*NEEDS_INFO\W*:\s*(?P<what>\S.*)", re.M | re.S)


@dataclass(frozen=True)
class Task:
    issue: Issue
    checkout: Checkout
    context: Context
    suite: Suite
    run: RunContext
    feedback: str | None
    model: str
    temperature: float
    """Of a first or only candidate: 0, unless the last rounds went in circles."""
    buyer: Buyer
    templates: TemplateSet
    mirror: Mirror
    sandbox: Sandbox
    policy: EditPolicy
    """What a proposal may write."""
    used: dict[str, str] = field(default_factory=dict)
    """Template -> hash, of those that were rendered."""

    def open_test_bed(self) -> TestBed | None:
        """Open the environment that prepare_tests made; None if the tests can't be run.

        Raises:
            OSError: it is not on this machine; the run can be tried again.
        """
        if not self.suite.runnable or self.suite.recipe is None:
            return None
        return TestBed.open(
            self.sandbox,
            self.run.workspace,
            self.suite.recipe,
            seconds=suite_seconds(self.run.limits.max_minutes),
            save=self.run.save,
        )

    def messages(self, system: str, user: str, **more: Any) -> tuple[Message, ...]:
        """The same work makes the same bytes, on any machine and at any time. Blocks: call it in a
        thread.
        """
        said = prompt_variables(self.issue, self.context, self.suite, self.feedback) | more
        texts = self.render((system, said), (user, said))
        return tuple(
            Message(role=role, content=text)
            for role, text in zip(("system", "user"), texts, strict=True)
        )

    def render(self, *jobs: tuple[str, dict[str, Any]]) -> list[str]:
        """Texts of (template, variables)."""
        self.used.update(
            {name: self.templates.hash(name) for name, _ in jobs if name not in self.used}
        )
        return self.templates.render_all(jobs)

    async def ask(
        self,
        label: str,
        messages: tuple[Message, ...],
        *,
        model: str | None = None,
        temperature: float | None = None,
        sample: int = 0,
        key: str | None = None,
        hints: str = USER,
    ) -> tuple[ModelReply, str]:
        """The reply, and the key of the exchange, which is stored as soon as the reply is.

        ``label`` names the exchange, and the call within the round; ``key`` names one that is made once a run;
        ``hints`` the template that says how long a reply may be.

        Raises:
            ModelError: the prompt is too long.
            Halt: the run is over, such as for want of money.
        """
        request = self.buyer.redacted(
            ModelRequest(
                model=model or self.model,
                messages=messages,
                sample=sample,
                **self.templates.front_matter(hints).hints,
                temperature=self.temperature if temperature is None else temperature,
            )
        )
        self.run.progress(f"asking {request.model}{f' ({label})' if label else ''}")
        name = f"{label}-exchange.json" if label else "exchange.json"

        async def keep(sent: ModelRequest, **answer: object) -> str:
            exchange = {"request": sent.model_dump(mode="json"), **answer}
            return await self.run.save(name, json.dumps(exchange, indent=1, ensure_ascii=False))

        try:
            reply = await self.buyer.buy(
                self.run.ledger, key or f"{self.run.round}/{STAGE}/{label or 0}", request
            )
        except ModelError as error:
            await keep(request, failure=error.failure.name)  # who replays it must meet the same
            raise
        kept = await keep(
            request.model_copy(update={"model": reply.model}), reply=reply.model_dump(mode="json")
        )
        self.run.progress(
            f"{reply.prompt_tokens} tokens in, {reply.completion_tokens} out, ${reply.cost_usd:.4f}"
        )
        return reply, kept

    async def ask_for_change(
        self,
        label: str,
        *,
        model: str | None = None,
        temperature: float | None = None,
        sample: int = 0,
        reproduction: Reproduction | None = None,
        reused: bool = False,
    ) -> tuple[ModelReply, str]:
        """Where the prompt is longer than the model's context, with half of the files, and half of those again.
        ``reused``: the same prompt is sent to the same model several times."""
        user = "candidate" if reproduction else USER
        for parts, suffix in ((1, ""), (2, "half"), (4, "quarter")):
            files = self.context.files[: -(-len(self.context.files) // parts)]
            listing = self.context.listing if parts == 1 else ()
            shown = {"files": files, "listing": listing, "reproduction": reproduction}
            messages = await asyncio.to_thread(self.messages, SYSTEM, user, **shown)
            marked = tuple(message.model_copy(update={"reused": reused}) for message in messages)
            asked = "-".join(filter(None, (label, suffix)))
            try:
                return await self.ask(
                    asked, marked, model=model, temperature=temperature, sample=sample, hints=user
                )
            except ModelError as error:
                self.run.progress("the prompt is longer than the model's context")
                too_long = error
        raise too_long.verdict()

    def proposals(
        self,
        proposals: list[Proposal],
        *,
        reproduction: Reproduction | None = None,
        transcript_key: str | None = None,
    ) -> Proposals:
        return Proposals(
            proposals=tuple(proposals),
            templates=dict(self.used),
            template_set=self.templates.set_hash,
            reproduction=reproduction,
            transcript_key=transcript_key,
        )


def prompt_variables(
    issue: Issue, context: Context, suite: Suite, feedback: str | None
) -> dict[str, Any]:
    """What the prompt templates may use; ``feedback`` is cut to size."""
    because = clip(feedback, MAX_FEEDBACK) if feedback else None
    return {
        "issue": issue,
        "files": context.files,
        "listing": context.listing,
        "suite": suite,
        "feedback": because,
    }


def holds_edit(text: str, *, whole: bool = True) -> bool:
    """Whether apply_patch may find a whole edit in it; not ``whole``: or one that it can't read."""
    read = read_reply(text)
    return bool(read.edits or (not whole and read.problems))


def unusable(reply: ModelReply) -> str | None:
    """Why a reply can hold no change; None where the next stage may find one in it."""
    if not reply.content.strip():
        return f"The reply was empty (finish reason: {reply.finish_reason or 'none given'})."
    if holds_edit(reply.content):
        return None
    if reply.finish_reason == "length":
        return (
            "The reply was cut off at its maximum length before an edit was whole: answer shorter,"
            " edits first."
        )
    if reply.finish_reason == "content_filter":
        return "The provider's content filter stopped the reply before it held an edit."
    return None


def needs_info(text: str, exchange_key: str) -> Stop | None:
    """The end of a run whose model says what the issue lacks, and proposes nothing."""
    said = None if holds_edit(text) else _NEEDS_INFO.search(text)
    return lacking(said["what"], exchange_key) if said else None


def lacking(what: str, exchange_key: str) -> Stop:
    reason = f"the model says that the issue lacks: {clip(one_line(what), MAX_REASON)}"
    return Stop(Outcome.NEEDS_INFO, reason, Facts(artifacts={"exchange": exchange_key}))


def back(because: str) -> Back:
    return Back(to=STAGE, because=because)
