"""Ask the model for a change. Prompts are rendered from templates; the exchange is kept as an artifact."""

import asyncio
import json
from typing import Any

from pydantic import BaseModel, ConfigDict

from pipeline.model import Message, ModelClient, ModelReply, ModelRequest
from pipeline.stage import Back, RunContext
from pipeline.template_sets import Templates
from prompts import TemplateSet
from prompts.filters import clip
from stages.build_context import Context
from stages.checkout import Checkout
from stages.fetch_issue import Issue
from stages.prepare_tests import Suite

SYSTEM, USER = "propose_system", "propose"
MAX_FEEDBACK = 16_000
"""Characters of the last round's reason that are shown: about 4,000 tokens."""


class Proposal(BaseModel):
    model_config = ConfigDict(frozen=True)

    reply: str
    """The model's text, raw."""
    exchange_key: str
    """Artifact: what was sent and what came back, with usage and cost."""
    model: str


class Proposals(BaseModel):
    model_config = ConfigDict(frozen=True)

    proposals: tuple[Proposal, ...]
    templates: dict[str, str]
    """template name -> hash, of those that were used"""
    template_set: str
    """hash of the whole set"""


class ProposePatch:
    """The strategy ``cheap``: one call a round."""

    name = "propose_patch"

    def __init__(self, model_client: ModelClient, templates: Templates, *, model: str):
        """``model``: the default; what a job asks for instead was checked when the run was admitted."""
        self._client, self._templates, self._model = model_client, templates, model

    async def run(
        self, issue: Issue, checkout: Checkout, context: Context, suite: Suite, run: RunContext
    ) -> Proposals | Back:
        replay = run.job.replay
        model = (replay and replay.model) or run.job.options.model or self._model
        # Without this machine's path of the run: another one must send the same.
        feedback = run.feedback and run.feedback.replace(str(run.workspace), ".")
        templates = await self._templates.of(run)
        request = self.request(templates, issue, context, suite, feedback=feedback, model=model)
        run.progress(f"asking {model}")
        reply = await run.ledger.buy(
            f"{run.round}/{self.name}/0",
            model=model,
            worst_usd=await asyncio.to_thread(self._client.worst_case_usd, request),
            call=lambda: self._client.complete(request),
        )
        exchange = {"request": request.model_dump(mode="json"), "reply": reply.model_dump(mode="json")}
        key = await run.save("exchange.json", json.dumps(exchange, indent=1, ensure_ascii=False))
        run.progress(f"{reply.prompt_tokens} tokens in, {reply.completion_tokens} out, ${reply.cost_usd:.4f}")
        if because := _unusable(reply):
            return Back(to=self.name, because=because)
        return Proposals(
            proposals=(Proposal(reply=reply.content, exchange_key=key, model=model),),
            templates={name: templates.hash(name) for name in (SYSTEM, USER)},
            template_set=templates.set_hash,
        )

    def request(
        self, templates: TemplateSet, issue: Issue, context: Context, suite: Suite, *, feedback: str | None, model: str
    ) -> ModelRequest:
        """What is sent: the same work makes the same bytes, on any machine and at any time."""
        said = prompt_variables(issue, context, suite, feedback)
        parts = (("system", SYSTEM), ("user", USER))
        messages = tuple(Message(role=role, content=templates.render(name, **said)) for role, name in parts)
        return ModelRequest(model=model, messages=messages)


def prompt_variables(issue: Issue, context: Context, suite: Suite, feedback: str | None) -> dict[str, Any]:
    """What the prompt templates may use; ``feedback`` is cut to size."""
    because = clip(feedback, MAX_FEEDBACK) if feedback else None
    return {"issue": issue, "files": context.files, "listing": context.listing, "suite": suite, "feedback": because}


def _unusable(reply: ModelReply) -> str | None:
    if not reply.content.strip():
        return f"The reply was empty (finish reason: {reply.finish_reason or 'none given'})."
    from stages.apply_patch.readers import read_reply  # here: apply_patch reads this module's results

    if read_reply(reply.content).edits:
        return None
    if reply.finish_reason == "length":
        return "The reply was cut off at its maximum length before an edit was whole: answer shorter, edits first."
    if reply.finish_reason == "content_filter":
        return "The provider's content filter stopped the reply before it held an edit."
    return None
