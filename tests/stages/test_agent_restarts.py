"""A killed agent goes on at its last stored step, on an empty disk, and nothing tells the runs
apart.
"""

import re
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.engine import Ended
from pipeline.errors import Interrupted
from pipeline.leased_run import LeasedRun
from pipeline.model.scripted import Entry
from pipeline.outcome import Outcome, RunResult
from pipeline.run_key import RunKey
from stages.propose_patch import Plan
from stages.propose_patch.agent.desk import Desk
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

STEPS = (
    bash(
        "echo 1 > $TMPDIR/count; echo note > ~/notes; echo 'ignored' > .gitignore; echo 1 > ignored"
    ),
    bash("sed -i 's/a - b/a + b/' calc.py; echo 2 >> $TMPDIR/count; git add -A; date +%s%N"),
    replace("calc.py", "return a + b", "return b + a"),
    tool("edit", command="undo_edit", path="calc.py"),
    bash("rm .gitignore; cat $TMPDIR/count ~/notes ignored; git status --short; git log --oneline"),
    SUBMIT,
    SUBMIT,
)
#: Where a worker can die in a step: after the reply is stored, after its calls are executed, after
#: the snapshot is stored, after the step is stored.
PLACES = ("replied", "executed", "snapshot", "stored")


class Deaths:
    """Kills the worker once in each step: at the first place in the first step, and so on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.died: dict[int, str] = {}
        """Step -> place."""
        self._after(monkeypatch, ModelSession, "ask", "replied", lambda asked: asked.label)
        self._before(monkeypatch)
        self._after(monkeypatch, Desk, "save_snapshot", "snapshot", lambda record: record.label)
        self._after(monkeypatch, LeasedRun, "remember", "stored", lambda name, _: name)

    def _after(
        self,
        monkeypatch: pytest.MonkeyPatch,
        owner: type,
        name: str,
        place: str,
        label: Callable[..., str],
    ) -> None:
        original: Callable[..., Awaitable[Any]] = getattr(owner, name)

        async def then_die(target: object, *arguments: Any) -> Any:
            result = await original(target, *arguments)
            self._die_once(place, label(*arguments))
            return result

        monkeypatch.setattr(owner, name, then_die)

    def _before(self, monkeypatch: pytest.MonkeyPatch) -> None:
        original = Desk.save_snapshot

        async def die_first(desk: Desk, record: Any) -> str | None:
            self._die_once("executed", record.label)
            return await original(desk, record)

        monkeypatch.setattr(Desk, "save_snapshot", die_first)

    def _die_once(self, place: str, label: str) -> None:
        _, _, number = label.rpartition("step-")
        if not number.isdecimal() or int(number) in self.died:
            return
        if place == PLACES[int(number) % len(PLACES)]:
            self.died[int(number)] = place
            raise Interrupted(f"{place} {label}")


def make(folder: Path, prepared: Prepared) -> Conversation:
    entries = tuple(Entry(reply=reply, times=1, cost_usd=0.01) for reply in STEPS)
    return Conversation(folder, prepared, Client(entries), plan=Plan("agent"), same_paths=True)


def sent(dialogue: Conversation) -> list[str]:
    """Return each request, without what the one command printed that no run prints again."""
    return [re.sub(r"\d{19}", "N", request.model_dump_json()) for request in dialogue.client.sent]


async def survive(dialogue: Conversation) -> RunResult:
    """Deliver the job until its run ends."""
    while True:
        try:
            answer = await dialogue.deliver()
        except Interrupted:
            continue
        assert isinstance(answer, Ended)
        return answer.result


async def test_a_run_killed_in_every_step_is_the_same_as_an_undisturbed_one(
    tmp_path: Path, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    undisturbed = make(folder, prepared)
    expected = await undisturbed.run()
    patch = undisturbed.artifact(expected)
    shutil.rmtree(folder)

    deaths = Deaths(monkeypatch)
    dialogue = make(folder, prepared)
    result = await survive(dialogue)
    assert sorted(deaths.died) == list(range(1, len(STEPS) + 1))
    assert set(deaths.died.values()) == set(PLACES)
    assert expected.outcome is result.outcome is Outcome.PROPOSED
    assert sent(dialogue) == sent(undisturbed)
    last = [message.content for message in dialogue.client.sent[-1].messages]
    for request in dialogue.client.sent:
        contents = [message.content for message in request.messages]
        assert contents == last[: len(contents)], "what a model has seen stays the same"
    assert dialogue.artifact(result) == patch
    assert result.cost_usd == expected.cost_usd
    assert len(dialogue.store.calls(RunKey(result.job_id, 0))) == len(STEPS)
