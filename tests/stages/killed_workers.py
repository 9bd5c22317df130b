"""A worker that is killed at chosen points of an agent's steps, and its run."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from pipeline.leased_run import LeasedRun
from pipeline.model import ModelReply, ModelRequest
from pipeline.model.scripted import Entry
from stages.propose_patch import Plan
from stages.propose_patch.agent.attempt_workspace import AttemptWorkspace
from stages.propose_patch.model_session import ModelSession
from tests.stages.conversation import (
    SUBMIT,
    Client,
    Conversation,
    Prepared,
    bash,
    replace,
    tool,
)

#: Commands that leave something in each part of the workspace: the tree, tracked, new and ignored
#: files, git's index, the home and the temporary folder.
STEPS = (
    bash("echo 1 > $TMPDIR/n; echo note > ~/notes; echo ignored > .gitignore; echo 1 > ignored"),
    bash("sed -i 's/a - b/a + b/' calc.py; echo 2 >> $TMPDIR/n; git add -A"),
    replace("calc.py", "return a + b", "return b + a"),
    tool("edit", command="undo_edit", path="calc.py"),
    bash("rm -rf .git; ls -a; git log 2>&1 | head -1"),
    bash("rm .gitignore; cat $TMPDIR/n ~/notes ignored; git status --short; git log --oneline"),
    SUBMIT,
    SUBMIT,
)
#: The points of a step at which a worker can be killed: before the reply is stored, after that,
#: after its calls are executed, after the snapshot is stored, after the step is stored.
POINTS = ("asking", "replied", "executed", "snapshot", "stored")
SetAttribute = Callable[[Any, str, Any], None]
#: Called at each point of each step, with the step's number.
Reach = Callable[[str, int], None]


class StepClient(Client):
    """A model that answers by the number of replies so far, so that it can be restarted."""

    def __init__(self, record: Callable[[ModelRequest], None]):
        """``record`` is called with each request."""
        super().__init__((Entry(reply="", cost_usd=0.01),))
        self._record = record

    async def complete(self, request: ModelRequest) -> ModelReply:
        self._record(request)
        replies = sum(message.role == "assistant" for message in request.messages)
        reply = await super().complete(request)
        return reply.model_copy(update={"content": STEPS[replies]})


def conversation(folder: Path, prepared: Prepared, client: StepClient) -> Conversation:
    return Conversation(folder, prepared, client, plan=Plan("agent"), same_paths=True)


def watch(set_attribute: SetAttribute, reach: Reach) -> None:
    """Call ``reach`` at each point of each step; its exception ends the delivery."""
    after = _After(set_attribute, reach)
    after(StepClient, "complete", "asking", _number_of_request)
    after(ModelSession, "ask", "replied", lambda question: _number(question.label))
    after(AttemptWorkspace, "save_snapshot", "snapshot", lambda record: record.number)
    after(LeasedRun, "remember", "stored", lambda name, _: _number(name))
    save_snapshot = AttemptWorkspace.save_snapshot

    async def reach_first(workspace: AttemptWorkspace, record: Any) -> str | None:
        reach("executed", record.number)
        return await save_snapshot(workspace, record)

    set_attribute(AttemptWorkspace, "save_snapshot", reach_first)


class _After:
    def __init__(self, set_attribute: SetAttribute, reach: Reach):
        self._set_attribute = set_attribute
        self._reach = reach

    def __call__(
        self, owner: type, name: str, place: str, number: Callable[..., int | None]
    ) -> None:
        original: Callable[..., Awaitable[Any]] = getattr(owner, name)

        async def then_reach(target: object, *arguments: Any) -> Any:
            result = await original(target, *arguments)
            step = number(*arguments)
            if step is not None:
                self._reach(place, step)
            return result

        self._set_attribute(owner, name, then_reach)


def _number_of_request(request: ModelRequest) -> int:
    return 1 + sum(message.role == "assistant" for message in request.messages)


def _number(label: str) -> int | None:
    """Return the number of a step's label; None if it is no step's."""
    digits = label.rpartition("step-")[2]
    return int(digits) if digits.isdecimal() else None
