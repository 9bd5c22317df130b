"""One round of the agent: render the prompt, run the loop, propose the workspace's change."""

import asyncio
from dataclasses import replace

from pipeline.errors import Halt
from pipeline.outcome import Facts
from pipeline.stage import Back, Stop
from repository.edits.model import EditFailed
from stages.propose_patch.agent.asker import Asker
from stages.propose_patch.agent.attempt_workspace import AttemptWorkspace
from stages.propose_patch.agent.execution import Executor
from stages.propose_patch.agent.limits import RoundLimits
from stages.propose_patch.agent.loop import Loop
from stages.propose_patch.agent.opening import StoredConversation, open_conversation
from stages.propose_patch.agent.protocol import REVIEW_TOOL_SPECS, TOOL_SPECS
from stages.propose_patch.agent.steps import replies_to_comments, reviewed_calls
from stages.propose_patch.agent.transcript import make_transcript
from stages.propose_patch.results import TRANSCRIPT, Proposal, Proposals, ProposedFiles
from stages.propose_patch.task import AttemptPlan, Task, another_round


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
    task.run.progress(f"{len(loop.own_records)} steps: {ending}")
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
    opening = await open_conversation(task, attempt, workspace.facts, profile.protocol)
    specs = TOOL_SPECS if task.follow_up is None else REVIEW_TOOL_SPECS
    tools = specs if profile.protocol == "native" else ()
    asker = Asker(task.session, attempt, opening.prompt, profile, tools)
    executor = Executor(task, workspace, profile.protocol)
    return Loop(task, attempt, asker, workspace, executor, limits, opening)


async def _halted(task: Task, attempt: AttemptPlan, loop: Loop, halt: Halt) -> Stop:
    transcript_key = await _save_transcript(task, attempt, loop, halt.reason)
    return _stop(Stop(halt.outcome, halt.reason), transcript_key)


def _stop(stop: Stop, transcript_key: str) -> Stop:
    facts = stop.facts.merged(Facts(artifacts={TRANSCRIPT: transcript_key}))
    return replace(stop, facts=facts)


async def _conclude(
    task: Task,
    attempt: AttemptPlan,
    workspace: AttemptWorkspace,
    loop: Loop,
    ending: str,
    transcript_key: str,
) -> Proposals | Back:
    if not loop.own_records:
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
        exchange_key=loop.own_records[0].exchange_key,
        model=loop.records[-1].reply.model or task.session.model,
        attempt=attempt.number,
        changes_key=await _save_files(task, files),
        transcript_key=transcript_key,
        conversation_key=await _save_conversation(task, loop),
        replies=replies_to_comments(loop.own_records),
    )
    return task.proposals([proposal])


async def _save_files(task: Task, files: ProposedFiles) -> str:
    return await task.run.save("changes.json", files.model_dump_json())


async def _save_conversation(task: Task, loop: Loop) -> str:
    """Store the conversation for a run that continues it."""
    conversation = StoredConversation(prompt=loop.opening.prompt, records=tuple(loop.records))
    text = task.session.redact(conversation.model_dump_json())
    return await task.run.save("conversation.json", text)


async def _save_transcript(task: Task, attempt: AttemptPlan, loop: Loop, ending: str) -> str:
    transcript = make_transcript(attempt.number, loop.own_records, ending, task.session.redact)
    return await task.run.save("transcript.json", transcript.model_dump_json(indent=1))
