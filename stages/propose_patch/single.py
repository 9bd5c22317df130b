"""The strategy ``single``: one model call per round."""

import asyncio

from pipeline.model.failures import ModelError
from pipeline.stage import Back, Stop
from prompts.filters import clip
from stages.propose_patch.follow_up import MAX_COMMENT_REPLY, REVIEW, FollowUp
from stages.propose_patch.model_session import SYSTEM, USER, Exchange, Question, room_after
from stages.propose_patch.replies import (
    holds_edit,
    read_needs_info,
    split_comment_replies,
    unusable_reason,
)
from stages.propose_patch.results import STAGE, Proposals
from stages.propose_patch.round_note import CutOffNote, count_cut_replies
from stages.propose_patch.task import Task, another_round

#: (divisor, label): a prompt that is too long is sent with 1/divisor of its files.
_SHORTER_PROMPTS = ((1, ""), (2, "half"), (4, "quarter"))
NOTHING_ANSWERED = "The reply had neither edits nor an answer to a comment."


async def propose(task: Task) -> Proposals | Back | Stop:
    exchange = await _ask_for_change(task)
    because = unusable_reason(exchange.reply)
    if because is not None:
        note = CutOffNote(cut_off=exchange.reply.cut_off, exchange_key=exchange.key)
        return Back(to=STAGE, because=because, note=note)
    if task.follow_up is not None:
        return await _answer_review(task, task.follow_up, exchange)
    stop = read_needs_info(exchange.reply.content, exchange.key)
    if stop is not None:
        return stop
    return task.proposals([exchange.proposal()])


async def _answer_review(task: Task, follow_up: FollowUp, exchange: Exchange) -> Proposals | Back:
    """Propose the reply's edits; if it has only answers to comments, the pull request as it is."""
    text, written = split_comment_replies(exchange.reply.content)
    replies: dict[str, str] = {}
    for name, reply in written.items():
        known = follow_up.find_comment(name)
        if known is not None:
            replies[known] = clip(task.session.redact(reply), MAX_COMMENT_REPLY)
    update: dict[str, object] = {"reply": text, "replies": replies}
    if not holds_edit(text):
        if not replies:
            return another_round(NOTHING_ANSWERED)
        files = await asyncio.to_thread(task.base.files_of, follow_up.tree)
        update["changes_key"] = await task.run.save("changes.json", files.model_dump_json())
    return task.proposals([exchange.proposal().model_copy(update=update)])


async def _ask_for_change(task: Task) -> Exchange:
    """Ask for a change; if the prompt exceeds the model's context, with fewer files.

    Raises:
        Halt: the run is over.
    """
    for divisor, label in _SHORTER_PROMPTS:
        try:
            return await _ask_with_files(task, divisor, label)
        except ModelError as error:
            task.run.progress("the prompt is longer than the model's context")
            too_long = error
    raise too_long.verdict()


async def _ask_with_files(task: Task, divisor: int, label: str) -> Exchange:
    files = task.context.files
    count = -(-len(files) // divisor)  # rounded up
    variables = {
        **task.variables,
        "files": files[:count],
        "listing": task.context.listing if divisor == 1 else (),
        "follow_up": await _describe_review(task),
    }
    messages = await asyncio.to_thread(task.session.render_prompt, SYSTEM, USER, variables)
    room = room_after(count_cut_replies(task.run))
    return await task.session.ask(Question(label=label, messages=messages, room=room))


async def _describe_review(task: Task) -> str | None:
    """Return the part of the prompt about a review; None if the run fixes an issue."""
    follow_up = task.follow_up
    if follow_up is None:
        return None
    diff = await asyncio.to_thread(task.base.mirror.diff, task.base.sha, follow_up.tree)
    variables = follow_up.variables(diff=diff.decode(errors="replace"))
    (text,) = await asyncio.to_thread(task.session.render, [(REVIEW, variables)])
    return text
