"""Four recorded runs that people look at: a pull request, a failure, four rounds, and an agent that
takes many steps.
"""

from pathlib import Path

from pipeline.model import Message, ModelReply
from pipeline.outcome import Outcome, Verification
from pipeline.pushes import PUSH
from repository.testing.models import Recipe, Suite, TestReport
from stages.apply_patch import Candidate, Candidates
from stages.build_context import Context, ContextFile, NotShown
from stages.checkout import Checkout
from stages.fetch_issue import Issue, IssueComment
from stages.open_pr import PULL_REQUEST, PlannedCommit, PlannedPull
from stages.propose_patch import Proposal, Proposals
from stages.propose_patch.agent.steps import Observation, StepRecord, Usage
from stages.propose_patch.round_note import SentBack, SentBackNote
from stages.run_tests import Verdict
from tests.stand_ins.recorded_run import MODEL, OpenStore, RecordedRun, open_sqlite

BASE_SHA = "b" * 40
TITLE = "Night shifts are counted as negative time"
BODY = """An entry that ends after midnight has a negative duration:

    2024-03-01 22:30-01:15 on-call

I expect 2:45 hours; `hourglass report` prints -21:15."""
FAILING = "tests.test_entries::test_an_entry_goes_past_midnight"
BROKEN = "tests.test_old::test_broken"
OTHER = "tests.test_sheet::test_totals"
PATCH = """\
diff --git a/hourglass/entries.py b/hourglass/entries.py
index 1111111..2222222 100644
--- a/hourglass/entries.py
+++ b/hourglass/entries.py
@@ -31,4 +31,7 @@ def parse_entry(line: str) -> Entry:
     day = date.fromisoformat(match["day"])
     start = _at(day, match["start"])
-    end = _at(day, match["end"])
+    end = _at(day, match["end"])  # perhaps of the next day
+    if end < start:
+        # The shift goes past midnight.
+        end += timedelta(days=1)
     return Entry(day, start, end, match["task"].strip())
"""


def opened_pull_request(folder: Path, *, title: str = TITLE, body: str = BODY) -> RecordedRun:
    """A run of the strategy ``single`` that opened a pull request in its first round."""
    run = RecordedRun(folder)
    _begin(run, title, body)
    _propose(run, "The end is on the day after the start.", cost_usd=0.0123, body=body)
    _apply(run)
    _judge(run, Verification.RED_TO_GREEN)
    _open_pull(run)
    return run


def at_work(folder: Path) -> RecordedRun:
    """A run whose first change is being tested."""
    run = RecordedRun(folder)
    _begin(run, TITLE, BODY)
    _propose(run, "The end is on the day after the start.", cost_usd=0.0123)
    _apply(run)
    return run


def four_rounds(folder: Path) -> RecordedRun:
    """A run whose first three changes were sent back, and whose fourth was not verified."""
    run = RecordedRun(folder)
    _begin(run, TITLE, BODY)
    for number in range(1, 4):
        _propose(run, f"Try {number}: compare the times.", cost_usd=0.02 * number)
        _apply(run)
        candidate = SentBack(
            tree=_tree(number),
            patch_key=run.facts.artifacts["patch"],
            regressions=1,
            failing=(OTHER,),
            failing_count=1,
            log_key=run.artifact("run_tests", "tests.log", f"1 failed in round {number}\n"),
        )
        note = SentBackNote(candidates=(candidate,))
        because = f"With your change, tests fail that must pass (1):\n\n`{OTHER}`:\n\nassert 1 == 2"
        run.send_back(because, note, seconds=12.0)
    _propose(run, "Add a day if the end is before the start.", cost_usd=0.09)
    _apply(run)
    _judge(run, Verification.NOT_VERIFIED)
    _open_pull(run)
    return run


def failed(folder: Path) -> RecordedRun:
    """A run that failed after tries and waits, before a model was asked."""
    run = RecordedRun(folder)
    _begin(run, TITLE, BODY, with_tests=False)
    run.wait(600.0, "GitHub is down (502): it may recover")
    for number in range(5):
        run.fail_try(f"the disk is full: OSError 28, try {number + 1}", seconds=3.0)
    reason = "the disk is full (after 5 tries); replay with a new replay id when fixed"
    run.finish(Outcome.FAILED, reason)
    return run


def long_agent_run(
    folder: Path, *, steps: int = 60, output: str = "", open_store: OpenStore = open_sqlite
) -> RecordedRun:
    """A run of the strategy ``agent`` with this many steps; each prints ``output``."""
    run = RecordedRun(folder, open_store=open_store)
    _begin(run, TITLE, BODY)
    prompt = (
        Message(role="system", content="You mend bugs."),
        Message(role="user", content=f"# {TITLE}\n\n{BODY}"),
    )
    first_exchange = ""
    for number in range(1, steps + 1):
        label = f"attempt-1-step-{number:03}"
        reply = _reply(f"I look at part {number} of the code.", cost_usd=0.004)
        run.call(f"run/{label}", reply, seconds=4.0)
        exchange_key = run.exchange(label, prompt if number == 1 else (), reply)
        first_exchange = first_exchange or exchange_key
        run.step(_step(number, steps, label, exchange_key, output))
    transcript_key = run.artifact("propose_patch", "transcript.json", "{}")
    proposal = Proposal(
        reply="The end is on the day after the start.",
        exchange_key=first_exchange,
        model=MODEL,
        transcript_key=transcript_key,
    )
    run.stage("propose_patch", _proposals(proposal), seconds=1.0)
    _apply(run)
    _judge(run, Verification.RED_TO_GREEN)
    _open_pull(run)
    return run


def _begin(run: RecordedRun, title: str, body: str, *, with_tests: bool = True) -> None:
    """Store the results of the stages before the first proposal."""
    run.stage("fetch_issue", _issue(title, body), seconds=0.8)
    checkout = Checkout(
        repository="octo/repo",
        clone_url="https://github.com/octo/repo.git",
        base_branch="main",
        base_sha=BASE_SHA,
        committed_at=999_000_000,
        described=None,
    )
    run.stage("checkout", checkout, seconds=2.1, base_sha=BASE_SHA)
    run.stage("build_context", _context(), seconds=0.4)
    if with_tests:
        run.stage("prepare_tests", _suite(run), seconds=14.0)


def _issue(title: str, body: str) -> Issue:
    comment = IssueComment(author="ada", association="MEMBER", body="I see this, too.")
    return Issue(
        url="https://github.com/octo/repo/issues/42",
        repository="octo/repo",
        number=42,
        title=title,
        body=body,
        author="mallory",
        association="NONE",
        comments=(comment,),
        omitted=("1 comment of a stranger",),
        clone_url="https://github.com/octo/repo.git",
        default_branch="main",
        private=False,
        snapshot_sha256="0" * 64,
        hidden=("the body hides a comment of 12 characters",),
    )


def _context() -> Context:
    shown = ContextFile(
        path="hourglass/entries.py",
        content="def parse_entry(line: str) -> Entry:\n    ...\n",
        whole=False,
        why="the issue names parse_entry",
    )
    return Context(
        files=(shown,),
        ranking=("hourglass/entries.py", "hourglass/sheet.py"),
        listing=("README.md", "hourglass/sheet.py"),
        tokens=1_234,
        not_shown=(NotShown(path="data.bin", reason="it is no text"),),
    )


def _suite(run: RecordedRun) -> Suite:
    log_key = run.artifact("prepare_tests", "tests-base.log", "2 passed, 1 failed\n")
    base = TestReport(
        results={OTHER: "passed", "tests.test_sheet::test_empty": "passed", BROKEN: "failed"},
        completed=True,
        failures={},
        seconds=2.0,
        log_key=log_key,
    )
    recipe = Recipe(repository="octo/repo", base_sha=BASE_SHA, committed_at=1, runner="pytest")
    return Suite(
        runnable=True,
        reason="pytest, as pyproject.toml says",
        runner="pytest",
        python="3.11",
        tests=(),
        whole=True,
        base=base,
        log_key=run.artifact("prepare_tests", "environment.log", "$ uv venv\n"),
        recipe=recipe,
    )


def _propose(run: RecordedRun, text: str, *, cost_usd: float, body: str = BODY) -> None:
    prompt = (
        Message(role="system", content="You mend bugs."),
        Message(role="user", content=f"# {TITLE}\n\n{body}\n\nround {run.round}"),
    )
    reply = _reply(text, cost_usd=cost_usd)
    run.call(f"{run.round}/propose_patch/0", reply, seconds=9.0)
    exchange_key = run.exchange("", prompt, reply)
    proposal = Proposal(reply=text, exchange_key=exchange_key, model=MODEL)
    run.stage("propose_patch", _proposals(proposal), seconds=0.2)


def _proposals(proposal: Proposal) -> Proposals:
    return Proposals(proposals=(proposal,), templates={"propose": "c" * 64}, template_set="d" * 64)


def _reply(text: str, *, cost_usd: float) -> ModelReply:
    return ModelReply(
        content=text,
        reasoning_text="The sign of the difference is wrong.",
        finish_reason="stop",
        model=MODEL,
        prompt_tokens=2_000,
        completion_tokens=150,
        cached_tokens=1_500,
        cost_usd=cost_usd,
    )


def _step(number: int, last: int, label: str, exchange_key: str, output: str) -> StepRecord:
    is_last = number == last
    observation = Observation(
        call_id=None,
        tool="submit" if is_last else "bash",
        call="submit" if is_last else f"sed -n '{number},+20p' hourglass/entries.py",
        text=output or f"line {number}",
        exit_code=None if is_last else number % 2,
    )
    return StepRecord(
        number=number,
        round=1,
        reply=Message(role="assistant", content=f"I look at part {number}.", model=MODEL),
        usage=Usage(
            thoughts="Where is the end computed?",
            prompt_tokens=2_000 + 300 * number,
            completion_tokens=80,
            cost_usd=0.004,
        ),
        label=label,
        exchange_key=exchange_key,
        history_limit=100_000,
        observations=(observation,),
        ending="the model submitted its change" if is_last else None,
        seconds=1.5,
    )


def _tree(number: int) -> str:
    return f"{number:040x}"


def _apply(run: RecordedRun) -> None:
    patch_key = run.artifact("apply_patch", "candidate-0.diff", PATCH)
    candidate = Candidate(
        proposal=0,
        patch_key=patch_key,
        tree=_tree(run.round),
        paths=("hourglass/entries.py",),
        summary="An entry that ends before it starts ends on the next day.",
        notices=("It removes no test.",),
    )
    candidates = Candidates(repository="octo/repo", base_sha=BASE_SHA, candidates=(candidate,))
    run.stage("apply_patch", candidates, seconds=0.1, artifacts={"patch": patch_key})


def _judge(run: RecordedRun, verification: Verification) -> None:
    is_proved = verification is Verification.RED_TO_GREEN
    log_key = run.artifact("run_tests", "tests.log", "3 passed\n")
    verdict = Verdict(
        candidate=0,
        verification=verification,
        reason=(
            "1 test failed before the change and passes with it; none that passed fails"
            if is_proved
            else "no test failed before and passes now; of 3 tests run, none fails"
        ),
        fixed=(FAILING,) if is_proved else (),
        still_failing=(BROKEN,),
        ran=3,
        log_key=log_key,
    )
    run.stage(
        "run_tests",
        verdict,
        seconds=11.0,
        verification=verification,
        artifacts={"test log": log_key},
    )


def _open_pull(run: RecordedRun) -> None:
    commit = PlannedCommit(
        branch="coding-agent/fix-42", seconds=1, message=f"{TITLE}\n", sha="e" * 40
    )
    run.effect(PUSH, commit, {"sha": commit.sha})
    url = "https://github.com/octo/repo/pull/7"
    pull = PlannedPull(title=f"Fix #42: {TITLE}", body="An entry that ends ...")
    run.effect(PULL_REQUEST, pull, {"number": 7, "url": url})
    verification = run.facts.verification
    run.finish(
        Outcome.PR_OPENED,
        f"pull request #7: {verification}",
        seconds=1.7,
        pull_request_url=url,
        pull_request_number=7,
        branch=commit.branch,
    )
