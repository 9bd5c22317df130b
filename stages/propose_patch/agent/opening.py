"""How the conversation of a run begins: with its own prompt, or where an earlier run ended."""

import asyncio
from dataclasses import asdict, dataclass
from functools import partial
from typing import Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter

from pipeline.model import Message
from pipeline.stage import RunContext
from repository.workspace import WorkspaceFacts
from stages.propose_patch.agent.limits import MAX_STEPS
from stages.propose_patch.agent.prompt import PromptLimits, agent_variables
from stages.propose_patch.agent.protocol import Protocol, Reply, describe_text_tool
from stages.propose_patch.agent.steps import EARLIER_RUN, StepRecord
from stages.propose_patch.agent.workspace_tools import COMMAND_SECONDS
from stages.propose_patch.follow_up import REVIEW, FollowUp
from stages.propose_patch.task import AttemptPlan, Task

_FACTS = TypeAdapter(WorkspaceFacts)


class StoredConversation(BaseModel):
    """A conversation as an artifact, for a later run that continues it."""

    model_config = ConfigDict(frozen=True)

    version: Literal[1] = 1
    prompt: tuple[Message, ...]
    records: tuple[StepRecord, ...]

    @classmethod
    async def load(cls, run: RunContext, key: str) -> "StoredConversation":
        """Return the conversation that an earlier run has stored, with its steps marked so.

        Raises:
            FileNotFoundError: the artifact does not exist any more.
        """
        stored = cls.model_validate_json(await run.load(key))
        update = {"round": EARLIER_RUN}
        earlier = [record.model_copy(update=update) for record in stored.records]
        return stored.model_copy(update={"records": tuple(earlier)})


@dataclass(frozen=True)
class Opening:
    """What the first request of a run is made from."""

    prompt: tuple[Message, ...]
    """The messages that begin the conversation, the same in every round and on any machine."""
    records: tuple[StepRecord, ...] = ()
    """The steps of the earlier runs that this one continues."""
    message: str = ""
    """The harness's message after them; empty if there are none."""


async def open_conversation(
    task: Task, attempt: AttemptPlan, facts: WorkspaceFacts, protocol: Protocol
) -> Opening:
    """Return the opening of an attempt.

    It does not include the feedback of later rounds, which follows the steps that it is about.
    """
    name = f"attempt-{attempt.number}/facts"
    facts = _FACTS.validate_json(await task.run.remember(name, partial(_dump_facts, facts)))
    if task.follow_up is not None and task.follow_up.conversation_key is not None:
        return await _continue_conversation(
            task, task.follow_up, task.follow_up.conversation_key, facts, protocol
        )
    variables = {
        **task.variables,
        "feedback": None,
        **agent_variables(facts, _limits(task), protocol),
    }
    prompt = await asyncio.to_thread(task.session.render_prompt, "agent_system", "agent", variables)
    return Opening(prompt)


async def _continue_conversation(
    task: Task, follow_up: FollowUp, key: str, facts: WorkspaceFacts, protocol: Protocol
) -> Opening:
    """Continue the conversation of an earlier run with the review as the harness's next message."""
    stored = await StoredConversation.load(task.run, key)
    agent = {
        "tree": str(facts.tree),
        "home": str(facts.home),
        "temporary": str(facts.temporary),
        "limits": asdict(_limits(task)),
        "reply_tool": describe_text_tool(Reply) if protocol == "text" else None,
    }
    variables = follow_up.variables(agent=agent)
    (message,) = await asyncio.to_thread(task.session.render, [(REVIEW, variables)])
    return Opening(stored.prompt, stored.records, message)


def _limits(task: Task) -> PromptLimits:
    return PromptLimits(
        steps=MAX_STEPS,
        command_seconds=int(COMMAND_SECONDS),
        minutes=int(task.run.limits.max_minutes),
        usd=task.run.limits.max_cost_usd,
    )


async def _dump_facts(facts: WorkspaceFacts) -> str:
    return _FACTS.dump_json(facts).decode()
