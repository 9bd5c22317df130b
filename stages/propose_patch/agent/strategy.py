"""One round of the agent: render the prompt, run the loop, propose the workspace's change."""

import asyncio
from dataclasses import replace
from functools import partial

from pydantic import TypeAdapter

from pipeline.errors import Halt
from pipeline.model import Message
from pipeline.outcome import Facts
from pipeline.stage import Back, Stop
from repository.edits.model import EditFailed
from repository.workspace import WorkspaceFacts
from stages.propose_patch.agent.asker import Asker
from stages.propose_patch.agent.attempt_workspace import AttemptWorkspace
from stages.propose_patch.agent.execution import Executor
from stages.propose_patch.agent.limits import MAX_STEPS, RoundLimits
from stages.propose_patch.agent.loop import Loop
from stages.propose_patch.agent.prompt import PromptLimits, agent_variables
from stages.propose_patch.agent.protocol import Protocol
from stages.propose_patch.agent.steps import reviewed_calls
from stages.propose_patch.agent.transcript import make_transcript
from stages.propose_patch.agent.workspace_tools import COMMAND_SECONDS
from stages.propose_patch.results import TRANSCRIPT, Proposal, Proposals, ProposedFiles
from stages.propose_patch.task import AttemptPlan, Task, another_round

_FACTS = TypeAdapter(WorkspaceFacts)


async def propose(task: Task, attempt: AttemptPlan) -> Proposals | Back | Stop:
    """Let the model work until it submits or reaches a limit; propose its change.

    The transcript is always stored.
    """
    limits = await RoundLimits.open(task.run, attempt.number)
    workspace = await AttemptWorkspace.open(task, attempt, limits)
    loop = await _make_loop(task, attempt, workspace, limits)
    try:
        ending = await loop.work()
    except Halt as halt:
        return await _halted(task, attempt, loop, halt)
    except BaseException:
        await _save_transcript(task, attempt, loop, "interrupted")
        raise
    transcript_key = await _save_transcript(task, attempt, loop, ending)
    task.run.progress(f"{len(loop.records)} steps: {ending}")
    if loop.run_end is not None:
        return _stop(loop.run_end, transcript_key)
    answer = await _conclude(task, attempt, workspace, loop, ending, transcript_key)
    if loop.halt is not None and isinstance(answer, Back):
        return _stop(Stop(loop.halt.outcome, loop.halt.reason), transcript_key)
    return answer


async def _make_loop(
    task: Task, attempt: AttemptPlan, workspace: AttemptWorkspace, limits: RoundLimits
) -> Loop:
    profile = await asyncio.to_thread(task.session.profile, attempt.model)
    prompt = await _render_prompt(task, attempt, workspace.facts, profile.protocol)
    asker = Asker(task.session, attempt, prompt, profile)
    executor = Executor(task, workspace, profile.protocol)
    return Loop(task, attempt, asker, workspace, executor, limits)


async def _halted(task: Task, attempt: AttemptPlan, loop: Loop, halt: Halt) -> Stop:
    transcript_key = await _save_transcript(task, attempt, loop, halt.reason)
    return _stop(Stop(halt.outcome, halt.reason), transcript_key)


def _stop(stop: Stop, transcript_key: str) -> Stop:
    facts = stop.facts.merged(Facts(artifacts={TRANSCRIPT: transcript_key}))
    return replace(stop, facts=facts)


async def _render_prompt(
    task: Task, attempt: AttemptPlan, facts: WorkspaceFacts, protocol: Protocol
) -> tuple[Message, ...]:
    """Return the messages that begin the conversation, the same in every round and on any machine.

    They do not include the feedback of later rounds, which follows the steps that it is about.
    """
    name = f"attempt-{attempt.number}/facts"
    stored = await task.run.remember(name, partial(_dump_facts, facts))
    limits = PromptLimits(
        steps=MAX_STEPS,
        command_seconds=int(COMMAND_SECONDS),
        minutes=int(task.run.limits.max_minutes),
        usd=task.run.limits.max_cost_usd,
    )
    variables = {
        **task.variables,
        "feedback": None,
        **agent_variables(_FACTS.validate_json(stored), limits, protocol),
    }
    return await asyncio.to_thread(task.session.render_prompt, "agent_system", "agent", variables)


async def _dump_facts(facts: WorkspaceFacts) -> str:
    return _FACTS.dump_json(facts).decode()


async def _conclude(
    task: Task,
    attempt: AttemptPlan,
    workspace: AttemptWorkspace,
    loop: Loop,
    ending: str,
    transcript_key: str,
) -> Proposals | Back:
    if not loop.records:
        return another_round(f"No change was submitted: {ending}.")
    await workspace.restore(loop.records)
    summary = loop.summary
    try:
        files = await workspace.submissions.final(summary, reviewed_calls(loop.records))
    except EditFailed as error:
        return another_round(f"No change was submitted ({ending}). {error}")
    proposal = Proposal(
        reply=summary,
        title=loop.title,
        exchange_key=loop.records[0].exchange_key,
        model=loop.records[-1].reply.model or task.session.model,
        attempt=attempt.number,
        changes_key=await _save_files(task, files),
        transcript_key=transcript_key,
    )
    return task.proposals([proposal])


async def _save_files(task: Task, files: ProposedFiles) -> str:
    return await task.run.save("changes.json", files.model_dump_json())


async def _save_transcript(task: Task, attempt: AttemptPlan, loop: Loop, ending: str) -> str:
    transcript = make_transcript(attempt.number, loop.records, ending, task.session.redact)
    return await task.run.save("transcript.json", transcript.model_dump_json(indent=1))
