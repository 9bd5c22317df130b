"""Reply to remarks on GitHub, each once: planned, looked for, posted, recorded."""

import asyncio
import re

from pydantic import BaseModel, ConfigDict

from pipeline.github.conversation import Conversation, Discussion, Remark
from pipeline.job import PullRef
from pipeline.stage import RunContext
from prompts.filters import one_line
from prompts.inert_text import inert

#: Prefix of the names of the effects that post a reply.
REPLY = "reply:"
_MARKER = re.compile(r"<!-- coding-agent:reply=([^\s>]+) -->")


class PlannedReply(BaseModel):
    """A reply that a run intends to post."""

    model_config = ConfigDict(frozen=True)

    key: str
    """Of the remark that it answers."""
    thread_id: int | None
    """The thread that it belongs to; None if it goes below the pull request."""
    body: str


def reply_marker(key: str) -> str:
    """Return the hidden line by which the reply to a remark is recognized."""
    return f"<!-- coding-agent:reply={key} -->"


def is_reply(remark: Remark) -> bool:
    """Return whether a remark looks like a reply of this program, perhaps of another deployment."""
    return _MARKER.search(remark.body) is not None


def find_answered(discussion: Discussion, own_login: str) -> frozenset[str]:
    """Return the keys of everything that has a reply of ours."""
    keys: set[str] = set()
    for remark in discussion.remarks():
        if remark.author.lower() == own_login.lower():
            keys.update(_MARKER.findall(remark.body))
    return frozenset(keys)


def notice(key: str, text: str) -> PlannedReply:
    """Return a comment that says why nothing was done; ``text`` may quote strangers.

    Of notices with the same key, a pull request gets one.
    """
    return PlannedReply(key=key, thread_id=None, body=inert(one_line(text)))


class ReplyPoster:
    """Posts the replies of one run."""

    def __init__(self, run: RunContext, conversation: Conversation, pull: PullRef, own_login: str):
        self._run = run
        self._conversation = conversation
        self._pull = pull
        self._own_login = own_login
        self._discussion: Discussion | None = None

    async def post(self, reply: PlannedReply) -> None:
        """Post a reply, unless the page has one to the same remark already.

        Raises:
            pipeline.github.ForgeRefused: it can't be posted.
        """
        effect = f"{REPLY}{reply.key}"
        intention = await self._run.intend(effect, reply.model_dump())
        planned = PlannedReply.model_validate(intention)
        url = await self._find(planned.key)
        if url is None:
            posted = await asyncio.to_thread(self._post, planned)
            url = posted
        await self._run.record(effect, {"url": url})

    async def _find(self, key: str) -> str | None:
        """Return the address of the reply that an earlier delivery, or another run, has posted."""
        if self._discussion is None:
            self._discussion = await asyncio.to_thread(self._conversation.discussion, self._pull)
        existing = self._discussion.find_marked(reply_marker(key), self._own_login)
        return existing.url if existing is not None else None

    def _post(self, reply: PlannedReply) -> str:
        body = f"{reply.body.rstrip()}\n\n{reply_marker(reply.key)}\n"
        if reply.thread_id is None:
            return self._conversation.comment(self._pull, body).url
        return self._conversation.reply(self._pull, reply.thread_id, body).url
