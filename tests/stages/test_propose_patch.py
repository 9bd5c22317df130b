import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from pipeline.artifacts.folder import FolderArtifacts
from pipeline.errors import Halt
from pipeline.job import FixIssueJob
from pipeline.model import ModelReply, ModelRequest
from pipeline.model.buyer import Buyer
from pipeline.model.ledger import Ledger
from pipeline.model.scripted import Entry, Script, ScriptedClient
from pipeline.outcome import Outcome
from pipeline.run_key import RunKey
from pipeline.stage import Back, EffectiveLimits, RunContext, Stop
from pipeline.store.contract import Claimed, MoneyCaps, Submission
from pipeline.store.sqlite import SqliteStore
from prompts import TemplateSet
from repository.git import Mirrors
from repository.testing.models import Suite
from sandbox import Sandbox
from stages.build_context import Context, ContextFile
from stages.checkout import Checkout
from stages.fetch_issue import Issue
from stages.propose_patch import MAX_FEEDBACK, Proposals, ProposePatch
from tests.stand_ins.runs import FixedTemplates

URL = "https://github.com/octo/repo/issues/4"
EDIT = "It summed wrongly.\n\na.py\n<<<<<<< SEARCH\nx = 1\n=======\nx = 2\n>>>>>>> REPLACE\n"
ISSUE = Issue(
    url=URL,
    repository="octo/repo",
    number=4,
    title="x is wrong",
    body="x should be 2",
    author="ann",
    association="NONE",
    comments=(),
    clone_url="https://github.com/octo/repo.git",
    default_branch="main",
    private=False,
    snapshot_sha256="0" * 64,
    hidden=(),
)
CHECKOUT = Checkout(
    repository="octo/repo",
    clone_url=ISSUE.clone_url,
    base_branch="main",
    base_sha="b" * 40,
    committed_at=1,
    described=None,
)
CONTEXT = Context(
    files=(ContextFile(path="a.py", content="x = 1\n", whole=True, why="named"),),
    ranking=("a.py",),
    listing=("a.py", "b.py"),
    tokens=10,
)
SUITE = Suite(
    runnable=False,
    reason="no tests",
    runner=None,
    python=None,
    tests=(),
    whole=False,
    base=None,
    log_key=None,
    recipe=None,
)
TEMPLATES = TemplateSet.load()


async def no_wait(seconds: float) -> None:
    """The provider is not kept waiting for."""


class Client(ScriptedClient):
    """A scripted model that keeps what it was sent."""

    def __init__(self, *entries: Entry):
        super().__init__(Script(entries))
        self.sent: list[ModelRequest] = []

    async def complete(self, request: ModelRequest) -> ModelReply:
        self.sent.append(request)
        return await super().complete(request)


class Desk:
    """A run of one job with a real store and real artifacts, and a stage with a scripted model."""

    def __init__(self, tmp_path: Path, *entries: Entry, max_usd: float = 1.0):
        self.client = Client(*entries)
        buyer = Buyer(self.client, model="default", sleep=no_wait)
        self.stage = ProposePatch(
            buyer,
            FixedTemplates(),
            Mirrors(tmp_path / "mirrors", lambda: None),
            cast(Sandbox, None),
        )
        self.store = SqliteStore(tmp_path / "store.db", clock=lambda: 1_000.0)
        self.artifacts = FolderArtifacts(tmp_path / "artifacts")
        self.max_usd = max_usd
        self.workspace = tmp_path / "workspace"

    def run(self, **job: Any) -> RunContext:
        made = FixIssueJob.model_validate({"issue_url": URL} | job)
        claimed = self.store.claim(Submission.of(made), lease_seconds=60)
        assert isinstance(claimed, Claimed)
        caps = MoneyCaps(run=int(self.max_usd * 1e6), repository_day=10**9, day=10**9)

        async def save(name: str, data: bytes | str) -> str:
            self.artifacts.put(f"run/{name}", data.encode() if isinstance(data, str) else data)
            return f"run/{name}"

        async def unused(*_: Any) -> Any:
            raise AssertionError("this stage has no effects")

        return RunContext(
            job=made,
            job_id=made.id,
            generation=0,
            round=1,
            stage="propose_patch",
            feedback=None,
            limits=EffectiveLimits(self.max_usd, 30, 4),
            workspace=self.workspace,
            save=save,
            load=unused,
            intend=unused,
            record=unused,
            keep=unused,
            past=unused,
            progress=lambda _: None,
            ledger=Ledger(self.store, self.artifacts, claimed.lease, caps, lambda: 1_000.0),
        )

    async def propose(self, run: RunContext) -> Proposals | Back | Stop:
        return await self.stage.run(ISSUE, CHECKOUT, CONTEXT, SUITE, run)


MakeDesk = Callable[..., Desk]


@pytest.fixture
def desk(tmp_path: Path) -> MakeDesk:
    return lambda *entries, **more: Desk(tmp_path, *entries, **more)


async def test_a_reply_becomes_one_proposal_with_the_hashes_of_what_asked_for_it(
    desk: MakeDesk,
) -> None:
    it = desk(Entry(reply=EDIT, cost_usd=0.01))
    result = await it.propose(it.run())
    assert isinstance(result, Proposals)
    assert [(p.reply, p.model) for p in result.proposals] == [(EDIT, "default")]
    assert result.templates == {
        name: TEMPLATES.hash(name) for name in ("propose", "propose_system")
    }
    assert result.template_set == TEMPLATES.set_hash


async def test_the_exchange_is_kept_whole(desk: MakeDesk) -> None:
    it = desk(Entry(reply=EDIT, cost_usd=0.01))
    result = await it.propose(it.run())
    assert isinstance(result, Proposals)
    kept = json.loads(it.artifacts.get(result.proposals[0].exchange_key))
    assert ModelRequest.model_validate(kept["request"]) == it.client.sent[0]
    assert kept["reply"]["content"] == EDIT and kept["reply"]["cost_usd"] == 0.01


async def test_a_stored_reply_is_not_bought_again(desk: MakeDesk) -> None:
    it = desk(Entry(reply=EDIT, cost_usd=0.01, times=1))
    run = it.run()
    first = await it.propose(run)
    assert await it.propose(run) == first
    assert len(it.client.sent) == 1
    assert [(call.state, call.micro_usd) for call in it.store.calls(RunKey(run.job_id, 0))] == [
        ("settled", 10_000)
    ]


async def test_each_round_buys_its_own_reply_and_shows_why_the_last_was_sent_back(
    desk: MakeDesk,
) -> None:
    it = desk(Entry(when="test_x still fails", reply="second\n" + EDIT), Entry(reply=EDIT))
    run = it.run()
    await it.propose(run)
    result = await it.propose(replace(run, round=2, feedback="test_x still fails"))
    assert isinstance(result, Proposals) and result.proposals[0].reply.startswith("second")


async def test_the_same_work_sends_the_same_bytes_wherever_it_is_done(desk: MakeDesk) -> None:
    it = desk(Entry(reply=EDIT))
    here = replace(it.run(), round=2, feedback=f"{it.workspace}/t.py failed")
    there = replace(here, round=3, workspace=Path("/elsewhere"), feedback="/elsewhere/t.py failed")
    await it.propose(here)
    await it.propose(there)
    assert it.client.sent[0] == it.client.sent[1]
    assert str(it.workspace) not in it.client.sent[0].model_dump_json()


async def test_long_feedback_is_cut_to_size(desk: MakeDesk) -> None:
    it = desk(Entry(reply=EDIT))
    run = it.run()
    await it.propose(run)
    await it.propose(replace(run, round=2, feedback="F" * 10 * MAX_FEEDBACK))
    plain, long = (
        sum(len(message.content) for message in request.messages) for request in it.client.sent
    )
    assert MAX_FEEDBACK < long - plain < MAX_FEEDBACK + 1_000


async def test_a_template_may_hint_at_how_long_a_reply_may_be(desk: MakeDesk) -> None:
    it = desk(Entry(reply=EDIT))
    text = TEMPLATES.files["propose.md.j2"].replace("max_tokens: 8000", "max_tokens: 1234")
    templates = FixedTemplates(TemplateSet(TEMPLATES.files | {"propose.md.j2": text}))
    it.stage._templates = templates
    await it.propose(it.run())
    assert it.client.sent[0].max_tokens == 1234


@pytest.mark.parametrize(
    ("job", "model"),
    [
        ({}, "default"),
        ({"options": {"model": "other"}}, "other"),
        ({"options": {"model": "default"}, "replay": {"id": "r", "model": "other"}}, "other"),
    ],
)
async def test_the_replays_model_goes_before_the_jobs_and_that_before_the_default(
    desk: MakeDesk, job: dict[str, Any], model: str
) -> None:
    it = desk(Entry(reply=EDIT))
    await it.propose(it.run(**job))
    assert it.client.sent[0].model == model


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (Entry(reply=""), "empty"),
        (Entry(reply=" \n"), "empty"),
        (Entry(reply="a.py\n<<<<<<< SEARCH\nx", finish_reason="length"), "cut off"),
        (Entry(reply="I", finish_reason="content_filter"), "content filter"),
    ],
)
async def test_a_reply_that_holds_nothing_usable_opens_another_round_and_is_kept(
    desk: MakeDesk, entry: Entry, says: str
) -> None:
    it = desk(entry)
    result = await it.propose(it.run())
    assert isinstance(result, Back)
    assert result.to == "propose_patch" and says in result.because
    assert json.loads(it.artifacts.get("run/exchange.json"))["reply"]["content"] == entry.reply


@pytest.mark.parametrize(
    "entry", [Entry(reply=EDIT + "b.py\n<<<<<<< SE", finish_reason="length"), Entry(reply="No.")]
)
async def test_what_may_hold_edits_is_left_to_the_next_stage(desk: MakeDesk, entry: Entry) -> None:
    it = desk(entry)
    assert isinstance(await it.propose(it.run()), Proposals)


async def test_a_budget_too_small_for_the_worst_case_ends_the_run_unpaid(desk: MakeDesk) -> None:
    it = desk(Entry(reply=EDIT, cost_usd=0.5), max_usd=0.4)
    with pytest.raises(Halt) as caught:
        await it.propose(it.run())
    assert caught.value.outcome is Outcome.BUDGET_EXHAUSTED
    assert it.client.sent == []


async def test_a_refused_call_gives_its_reservation_back_and_a_broken_one_keeps_it(
    desk: MakeDesk,
) -> None:
    it = desk(
        Entry(status=429, times=1), Entry(status=500, times=1), Entry(reply=EDIT, cost_usd=0.01)
    )
    run = it.run()
    assert isinstance(await it.propose(run), Proposals)
    assert [call.state for call in it.store.calls(RunKey(run.job_id, 0))] == [
        "released",
        "cut",
        "settled",
    ]
