import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.budget import EffectiveLimits
from pipeline.errors import Halt
from pipeline.job import FixIssueJob
from pipeline.leased_run import STATED_FACTS
from pipeline.model import ModelReply, ModelRequest
from pipeline.model.buyer import Buyer
from pipeline.model.scripted import Entry, Script, ScriptedClient
from pipeline.outcome import Facts, Outcome
from pipeline.stage import Back, Stop
from pipeline.store.contract import Call, Round
from prompts.template_set import TemplateSet
from repository.git import Mirrors
from repository.testing.models import Suite
from sandbox.unconfined import UnconfinedSandbox
from stages.build_context import Context, ContextFile
from stages.checkout import Checkout
from stages.fetch_issue import Issue
from stages.propose_patch import MAX_FEEDBACK, EditSettings, Plan, Proposals, ProposePatch
from tests.stand_ins.runs import FixedTemplates, StageRun

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
    """Do not wait for the provider."""


class Client(ScriptedClient):
    """A scripted model that keeps what it was sent."""

    def __init__(self, *entries: Entry):
        super().__init__(Script(entries))
        self.sent: list[ModelRequest] = []

    async def complete(self, request: ModelRequest) -> ModelReply:
        self.sent.append(request)
        return await super().complete(request)


class Bench:
    """A run of one job, and the stage with a scripted model."""

    def __init__(self, folder: Path, *entries: Entry, max_usd: float = 1.0, **job: Any):
        parsed_job = FixIssueJob.model_validate({"issue_url": URL} | job)
        self.stage_run = StageRun(folder, parsed_job, limits=EffectiveLimits(max_usd, 30, 4))
        self.client = Client(*entries)
        buyer = Buyer(self.client, model="default", sleep=no_wait)
        self.stage = ProposePatch(
            buyer,
            FixedTemplates(),
            Mirrors(folder / "mirrors", lambda: None),
            UnconfinedSandbox(),
            plan=Plan("single"),
            edits=EditSettings(),
        )

    async def propose(
        self, *rounds: Round, workspace: Path | None = None
    ) -> Proposals | Back | Stop:
        context = self.stage_run.context(rounds=rounds, workspace=workspace)
        return await self.stage.run(ISSUE, CHECKOUT, CONTEXT, SUITE, context)

    @property
    def calls(self) -> list[Call]:
        run = self.stage_run
        return run.store.calls(run.claimed.lease.key)

    def stated_facts(self) -> Facts:
        run = self.stage_run
        for checkpoint in run.store.checkpoints(run.claimed.lease.key):
            if checkpoint.stage.startswith(STATED_FACTS):
                return Facts.model_validate_json(checkpoint.result)
        raise AssertionError("no facts were stated")

    def exchange(self) -> dict[str, Any]:
        """Return the only stored exchange."""
        (path,) = self.stage_run.artifacts.root.rglob("*-exchange.json")
        exchange: dict[str, Any] = json.loads(path.read_text())
        return exchange


MakeBench = Callable[..., Bench]


@pytest.fixture
def make_bench(tmp_path: Path) -> MakeBench:
    def make(*entries: Entry, **options: Any) -> Bench:
        return Bench(tmp_path, *entries, **options)

    return make


async def test_a_reply_becomes_a_proposal_with_the_hashes_of_its_templates(
    make_bench: MakeBench,
) -> None:
    bench = make_bench(Entry(reply=EDIT, cost_usd=0.01))
    result = await bench.propose()
    assert isinstance(result, Proposals)
    assert [(p.reply, p.model) for p in result.proposals] == [(EDIT, "default")]
    assert result.templates == {
        name: TEMPLATES.hash(name) for name in ("propose", "propose_system")
    }
    assert result.template_set == TEMPLATES.set_hash


async def test_the_strategy_and_the_template_set_are_known_before_a_reply(
    make_bench: MakeBench,
) -> None:
    bench = make_bench(Entry(reply=EDIT, cost_usd=0.5), max_usd=0.1)
    with pytest.raises(Halt):
        await bench.propose()
    stated = bench.stated_facts()
    assert (stated.strategy, stated.template_set) == ("single", TEMPLATES.set_hash)


async def test_the_whole_exchange_is_stored(make_bench: MakeBench) -> None:
    bench = make_bench(Entry(reply=EDIT, cost_usd=0.01))
    result = await bench.propose()
    assert isinstance(result, Proposals)
    key = result.proposals[0].exchange_key
    exchange = json.loads(bench.stage_run.artifacts.get(key))
    assert ModelRequest.model_validate(exchange["request"]) == bench.client.sent[0]
    assert exchange["reply"]["content"] == EDIT and exchange["reply"]["cost_usd"] == 0.01


async def test_a_stored_reply_is_not_bought_again(make_bench: MakeBench) -> None:
    bench = make_bench(Entry(reply=EDIT, cost_usd=0.01, times=1))
    first = await bench.propose()
    assert await bench.propose() == first
    assert len(bench.client.sent) == 1
    assert [(call.state, call.micro_usd) for call in bench.calls] == [("settled", 10_000)]


async def test_each_round_buys_a_reply_and_shows_the_feedback(
    make_bench: MakeBench,
) -> None:
    bench = make_bench(Entry(when="test_x still fails", reply="second\n" + EDIT), Entry(reply=EDIT))
    await bench.propose()
    result = await bench.propose(Round(2, "propose_patch", "test_x still fails"))
    assert isinstance(result, Proposals) and result.proposals[0].reply.startswith("second")


async def test_the_same_work_sends_the_same_bytes_on_any_machine(
    make_bench: MakeBench,
) -> None:
    bench = make_bench(Entry(reply=EDIT))
    here = str(bench.stage_run.workspace)
    elsewhere = "/elsewhere"
    first = Round(2, "propose_patch", f"{here}/t.py failed")
    await bench.propose(first)
    second = Round(3, "propose_patch", f"{elsewhere}/t.py failed")
    await bench.propose(first, second, workspace=Path(elsewhere))
    assert bench.client.sent[0] == bench.client.sent[1]
    assert here not in bench.client.sent[0].model_dump_json()


async def test_long_feedback_is_cut_to_size(make_bench: MakeBench) -> None:
    bench = make_bench(Entry(reply=EDIT))
    await bench.propose()
    await bench.propose(Round(2, "propose_patch", "F" * 10 * MAX_FEEDBACK))
    plain, long = (
        sum(len(message.content) for message in request.messages) for request in bench.client.sent
    )
    assert MAX_FEEDBACK < long - plain < MAX_FEEDBACK + 1_000


async def test_a_template_may_set_the_length_of_a_reply(make_bench: MakeBench) -> None:
    bench = make_bench(Entry(reply=EDIT))
    text = TEMPLATES.files["propose.md.j2"].replace(
        "output: edits\n", "output: edits\nhints: {max_tokens: 1234}\n"
    )
    templates = FixedTemplates(TemplateSet(TEMPLATES.files | {"propose.md.j2": text}))
    bench.stage._templates = templates
    await bench.propose()
    assert bench.client.sent[0].max_tokens == 1234


@pytest.mark.parametrize(
    ("job", "model"),
    [
        ({}, "default"),
        ({"options": {"model": "other"}}, "other"),
        ({"options": {"model": "default"}, "replay": {"id": "r", "model": "other"}}, "other"),
    ],
)
async def test_the_replays_model_precedes_the_jobs_and_the_default(
    make_bench: MakeBench, job: dict[str, Any], model: str
) -> None:
    bench = make_bench(Entry(reply=EDIT), **job)
    await bench.propose()
    assert bench.client.sent[0].model == model


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (Entry(reply=""), "empty"),
        (Entry(reply=" \n"), "empty"),
        (Entry(reply="a.py\n<<<<<<< SEARCH\nx", finish_reason="length"), "cut off"),
        (Entry(reply=EDIT, finish_reason="length"), "cut off"),
        (Entry(reply=EDIT, finish_reason="content_filter"), "content filter"),
        (Entry(reply="NEEDS_INFO: what", finish_reason="length"), "cut off"),
    ],
)
async def test_an_unusable_reply_opens_another_round_and_is_stored(
    make_bench: MakeBench, entry: Entry, says: str
) -> None:
    bench = make_bench(entry)
    result = await bench.propose()
    assert isinstance(result, Back)
    assert result.to == "propose_patch" and says in result.because
    assert bench.exchange()["reply"]["content"] == entry.reply


@pytest.mark.parametrize("reply", [EDIT, "No."])
async def test_a_reply_that_may_hold_edits_is_a_proposal(make_bench: MakeBench, reply: str) -> None:
    bench = make_bench(Entry(reply=reply))
    assert isinstance(await bench.propose(), Proposals)


async def test_replies_that_were_cut_off_leave_more_room_for_the_next(
    make_bench: MakeBench,
) -> None:
    bench = make_bench(Entry(reply="", finish_reason="length", times=4), Entry(reply=EDIT))
    rounds: list[Round] = []
    for number in range(2, 6):
        result = await bench.propose(*rounds)
        assert isinstance(result, Back)
        opened = Round(
            number=number,
            to=result.to,
            because=result.because,
            note=result.note.model_dump(mode="json"),
        )
        rounds.append(opened)
    assert isinstance(await bench.propose(*rounds), Proposals)
    usual = bench.client.profile("default").max_tokens["single"]
    lengths = [sent.max_tokens for sent in bench.client.sent]
    assert lengths == [None, 2 * usual, 4 * usual, 4 * usual, 4 * usual]


async def test_a_budget_below_the_worst_case_ends_the_run_at_no_cost(
    make_bench: MakeBench,
) -> None:
    bench = make_bench(Entry(reply=EDIT, cost_usd=0.5), max_usd=0.4)
    with pytest.raises(Halt) as caught:
        await bench.propose()
    assert caught.value.outcome is Outcome.BUDGET_EXHAUSTED
    assert bench.client.sent == []


async def test_a_refused_call_releases_its_reservation_and_a_broken_one_keeps_it(
    make_bench: MakeBench,
) -> None:
    bench = make_bench(
        Entry(status=429, times=1), Entry(status=500, times=1), Entry(reply=EDIT, cost_usd=0.01)
    )
    assert isinstance(await bench.propose(), Proposals)
    states = [(call.key.rpartition("/")[2], call.state) for call in bench.calls]
    assert states == [
        ("0", "released"),
        ("0", "cut"),
        ("question-1", "settled"),
        ("0", "settled"),
    ]
