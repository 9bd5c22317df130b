"""``coding-agent fix``: a local repository from its issue to a branch, and every way to get the
command wrong.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cli.uncommitted import describe_uncommitted
from pipeline.job import FIX_ISSUE
from pipeline.outcome import Event, RunResult
from pipeline.store.sqlite import SqliteStore
from stages.order import ORDERS
from tests.cli.console import Console, Sample, git, write
from tests.end_to_end.service import FIX
from tests.stand_ins.github import GithubStandIn
from tests.stand_ins.runs import claim

URL = "https://github.com/octo/repo/issues/42"


def branch_of(sample: Sample) -> str:
    return git(sample.repo, "for-each-ref", "--format=%(refname:short)", "refs/heads/coding-agent")


def suite_passes(folder: Path) -> bool:
    process = subprocess.run(
        [sys.executable, "-m", "unittest", "-q"], cwd=folder, capture_output=True, check=False
    )
    return process.returncode == 0


@pytest.mark.parametrize("strategy", ["agent", "single"])
def test_a_local_repository_gets_a_patch_and_a_branch_whose_tests_pass(
    console: Console, sample: Sample, monkeypatch: pytest.MonkeyPatch, strategy: str
) -> None:
    monkeypatch.setenv("CODING_AGENT_STRATEGY", strategy)
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_aSecretOfSomebody")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-aSecretOfSomebody")
    result = console.run(*sample.fix, "--patch", "fix.diff")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("proposed red to green; branch coding-agent/fix-")
    branch = branch_of(sample)
    assert "+    return a + b" in result.stdout
    assert result.stdout.endswith(f"\nNext: git -C {sample.repo} switch {branch}\n")
    message = git(sample.repo, "log", "-1", "--format=%B", branch)
    assert "#" not in message and "file:" not in message, "nothing that only this machine knows"
    for stage in ORDERS[FIX_ISSUE].names:
        assert f"✓ {stage}" in result.stderr
    assert git(sample.repo, "status", "--porcelain", "--branch") == "## main", (
        "the work tree is left alone"
    )
    git(sample.repo, "apply", "--check", str(console.folder / "fix.diff"))
    git(sample.repo, "switch", "--quiet", branch_of(sample))
    assert "return a + b" in (sample.repo / "calc.py").read_text()
    assert suite_passes(sample.repo)
    files = [
        path
        for folder in (console.home, console.folder)
        for path in folder.rglob("*")
        if path.is_file()
    ]
    assert [path for path in files if b"aSecretOf" in path.read_bytes()] == []


def test_a_second_call_prints_the_stored_event_unless_again_is_given(
    console: Console, sample: Sample
) -> None:
    first = console.run(*sample.fix, "--json")
    data = Event.model_validate_json(first.stdout).data
    assert isinstance(data, RunResult)
    assert data.outcome == "proposed"
    assert data.branch == branch_of(sample)
    page = Path(urlsplit(data.artifacts["page"]).path).read_text()
    assert "Proposed a fix without opening a pull request" in page
    with contextlib.closing(SqliteStore(console.data_dir / "store.sqlite")) as store:
        (row,) = store.runs()
    assert (first.stdout, first.stderr) == (
        f"{row.event}\n",
        "",
    ), "the event as it was stored, and nothing else"
    second = console.run(*sample.fix, "--json")
    assert second.stdout == first.stdout
    assert second.stderr == "this job has already ended; --again runs it once more\n"

    head = git(sample.repo, "rev-parse", branch_of(sample))
    rerun = console.run(*sample.fix, "--again", "--from-stage", "propose_patch")
    assert rerun.exit_code == 0
    assert "(generation 1)" in rerun.stdout
    assert "↺ prepare_tests" in rerun.stderr and "✓ propose_patch" in rerun.stderr, (
        "what came before is kept"
    )
    assert "fetch_issue" not in rerun.stderr
    assert git(sample.repo, "rev-parse", branch_of(sample)) != head, "the same branch, moved"
    assert "Coding-Agent-Run: 1" in git(sample.repo, "show", branch_of(sample))


def test_a_refused_token_ends_the_command_at_once(
    console: Console, sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with GithubStandIn(tmp_path / "github") as github:
        github.add_repository("octo/repo", {"a.py": "x\n"})
        monkeypatch.setenv("GITHUB_API_URL", github.api_url)
        monkeypatch.setenv("GITHUB_TOKEN", "ghp_revoked")
        error = console.refused("fix", URL, "--model", f"scripted:{sample.reply}")
    assert error == (
        "GitHub refused the credentials (401): check GITHUB_TOKEN, or GITHUB_APP_ID and"
        " GITHUB_APP_PRIVATE_KEY"
    )


def test_a_dry_run_only_writes_the_patch(console: Console, sample: Sample) -> None:
    result = console.run(*sample.fix, "--dry-run", "--patch", "fix.diff")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1].startswith(f"Next: git -C {sample.repo} apply /")
    assert branch_of(sample) == ""
    git(sample.repo, "apply", str(console.folder / "fix.diff"))
    assert suite_passes(sample.repo)


def test_uncommitted_changes_are_mentioned(console: Console, sample: Sample) -> None:
    with (sample.repo / "calc.py").open("a") as file:
        file.write("# not committed\n")
    (sample.repo / "new.py").write_text("")
    result = console.run(*sample.fix, "--json")
    assert result.stderr == (
        f"2 files with uncommitted changes in {sample.repo}:"
        " the run works on the last commit only\n"
    )
    bare = console.folder / "bare.git"
    git(console.folder, "clone", "--quiet", "--bare", str(sample.repo), str(bare))
    assert describe_uncommitted(bare) is None


def test_a_copied_repository_has_no_uncommitted_changes(console: Console, sample: Sample) -> None:
    copy = console.folder / "copy"
    git(console.folder, "clone", "--quiet", str(sample.repo), str(copy))
    file = copy / "calc.py"
    os.utime(file, (1, 1))
    assert describe_uncommitted(copy) is None
    text = file.read_text()
    file.write_text(text.swapcase())
    os.utime(file, (1, 1))
    assert "1 file with uncommitted changes" in (describe_uncommitted(copy) or "")
    file.write_text(text)
    file.chmod(0o755)
    assert "1 file with uncommitted changes" in (describe_uncommitted(copy) or "")
    file.unlink()
    assert "1 file with uncommitted changes" in (describe_uncommitted(copy) or "")


def test_a_run_without_a_fix_exits_with_3(console: Console, sample: Sample) -> None:
    sample.reply.write_text(
        "calc.py\n<<<<<<< SEARCH\n\x1b[2Jno such line\n=======\nx\n>>>>>>> REPLACE\n"
    )
    result = console.run(*sample.fix, "--max-rounds", "1", "--patch", "fix.diff")
    assert result.exit_code == 3
    assert result.stdout.startswith("no_fix no fix in 1 round; the last: ")
    assert "the run made no patch; fix.diff is not written" in result.stderr
    assert not Path("fix.diff").exists()
    assert "\x1b" not in result.output, "what a model says can't drive the terminal"


def test_a_patch_that_cannot_be_written_is_reported_with_its_address(
    console: Console, sample: Sample
) -> None:
    message = console.refused(*sample.fix, "--patch", "no/such/folder/fix.diff", code=1)
    assert message.startswith("--patch: ")
    assert "; the patch is stored at file:///" in message


def test_a_stopped_run_resumes(console: Console, sample: Sample) -> None:
    script = console.folder / "script.json"
    script.write_text(json.dumps([{"reply": FIX, "delay_s": 3600}]))
    command = [*sample.fix[:-1], f"scripted:{script}"]
    process = console.process(*command)
    assert process.stderr is not None
    message = ""
    while "asking scripted:" not in message:
        line = process.stderr.readline()
        assert line, f"it ended before it asked the model: {message}"
        message += line
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, ""), err
    assert err.splitlines()[-2:] == [
        "stopping",
        "Error: stopped; the same command resumes the run, coding-agent jobs cancel"
        f" {sample.job.id} ends it",
    ]

    script.write_text(json.dumps([{"reply": FIX}]))
    result = console.run(*command)
    assert result.exit_code == 0, result.output
    assert "↺ prepare_tests" in result.stderr
    assert "✓ checkout" not in result.stderr
    (row,) = console.lines("jobs", "list", "--json")
    assert row["deliveries"] == 2
    assert row["crashes"] == 0
    assert row["tries"] == 0


def test_an_interrupted_run_can_be_ended(console: Console, sample: Sample) -> None:
    with contextlib.closing(SqliteStore(console.data_dir / "store.sqlite")) as store:
        store.release(claim(store, sample.job).lease)
        result = console.run("jobs", "cancel", sample.job.id)
        assert result.stdout == f"cancelled {sample.job.id}\n"
        row = store.run(sample.job.id)
    assert row is not None
    assert (row.outcome, row.reason) == ("cancelled", "cancelled on request")
    assert row.result is not None
    assert "page" in RunResult.model_validate_json(row.result).artifacts
    assert console.run(*sample.fix).stdout.startswith("cancelled cancelled on request")


def test_a_run_that_has_pushed_is_not_ended_as_cancelled(console: Console, sample: Sample) -> None:
    with contextlib.closing(SqliteStore(console.data_dir / "store.sqlite")) as store:
        claimed = claim(store, sample.job)
        store.intend(claimed.lease, "push", {"sha": "abc"})
        store.release(claimed.lease)
        result = console.run("jobs", "cancel", sample.job.id)
        assert result.stdout == f"asked {sample.job.id} to stop\n"
        row = store.run(sample.job.id)
    assert row is not None
    assert row.outcome is None


def test_other_options_do_not_change_a_started_run(console: Console, sample: Sample) -> None:
    with contextlib.closing(SqliteStore(console.data_dir / "store.sqlite")) as store:
        store.release(claim(store, sample.job).lease)
        result = console.run(*sample.fix, "--dry-run")
    assert "this run was started with other options; they apply until it ends" in result.stderr
    assert branch_of(sample), "pushed, as first asked"


def test_a_run_in_progress_is_neither_joined_nor_replayed(console: Console, sample: Sample) -> None:
    with contextlib.closing(SqliteStore(console.data_dir / "store.sqlite")) as store:
        claimed = claim(store, sample.job)
        message = console.refused(*sample.fix, code=1)
        assert message == (
            "another process is working on this job, or died less than a minute ago while doing so"
        )
        store.release(claimed.lease)
        message = console.refused(*sample.fix, "--again", code=1)
        assert message == "generation 0 has not ended: continue it (without --again), or cancel it"


def test_a_branch_of_an_earlier_run_is_refused_as_base(console: Console, sample: Sample) -> None:
    git(sample.repo, "switch", "--quiet", "--create", "coding-agent/issue-1-abc")
    assert (
        console.refused(*sample.fix)
        == "--repo: it is on coding-agent/issue-1-abc, a branch of an earlier run: check out the"
        " branch to start from, or give --base-branch"
    )


def test_fix_may_run_without_a_sandbox_although_a_queue_is_set(
    console: Console, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``fix`` is local mode, also where a queue is set for the worker."""
    monkeypatch.setenv("CODING_AGENT_SANDBOX", "none")
    monkeypatch.setenv("CODING_AGENT_QUEUE_URL", "https://sqs.eu-central-1.amazonaws.com/1/q")
    monkeypatch.setenv("CODING_AGENT_STORE", f"sqlite:///{console.home}/s.sqlite")
    sample.reply.write_text("nothing")
    assert console.run(*sample.fix, "--max-rounds", "1").exit_code == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give an ISSUE_URL, or --repo PATH with --issue-file FILE"),
        (["--repo", "calc"], "give an ISSUE_URL, or --repo PATH with --issue-file FILE"),
        (["--issue-file", "bug.md"], "give an ISSUE_URL, or --repo PATH with --issue-file FILE"),
        (
            [URL, "--repo", "calc", "--issue-file", "bug.md"],
            "give an ISSUE_URL, or --repo PATH with --issue-file FILE",
        ),
        (
            ["octo/repo#42"],
            (
                "issue_url: 'octo/repo#42' is not an issue's address; it looks like"
                " https://github.com/"
            ),
        ),
        (
            ["https://github.com/o/r/pull/3"],
            "issue_url: 'https://github.com/o/r/pull/3' is a pull request's address",
        ),
        ([URL, "--from-stage", "open_pr"], "--from-stage needs --again"),
        (
            ["--repo", "nowhere", "--issue-file", "bug.md"],
            "'--repo': Directory 'nowhere' does not exist.",
        ),
        (
            ["--repo", "calc", "--issue-file", "no.md"],
            "Invalid value for '--issue-file': File 'no.md' does not exist.",
        ),
        (
            ["--repo", "calc", "--issue-file", "empty.md"],
            "empty.md is empty: write the issue's title",
        ),
        (["--repo", "calc", "--issue-file", "latin.md"], "latin.md is not UTF-8 text"),
        (
            ["--repo", "plain", "--issue-file", "bug.md"],
            "plain is not a readable git repository",
        ),
        (
            ["--repo", "fresh", "--issue-file", "bug.md"],
            "fresh has no commit on its current branch",
        ),
        (
            ["--repo", "calc", "--issue-file", "bug.md"],
            "CODING_AGENT_MODEL is not set: a LiteLLM model name",
        ),
        (
            [URL],
            "GITHUB_TOKEN is not set: a fine-grained token with Contents and Pull requests (write)",
        ),
        ([URL, "--max-cost", "0"], "Invalid value for '--max-cost': 0.0 is not in the range x>0"),
        ([URL, "--max-cost", "nan"], "max_cost_usd: Input should be"),
        (
            [URL, "--max-rounds", "five"],
            "Invalid value for '--max-rounds': 'five' is not a valid integer range",
        ),
        (
            [URL, "--max-cost", "50"],
            "max_cost_usd: 50 is over the limit of 3; set CODING_AGENT_MAX_COST_USD",
        ),
        (
            [URL, "--max-minutes", "61"],
            "max_minutes: 61 is over the limit of 60; set CODING_AGENT_MAX_MINUTES",
        ),
        (
            [URL, "--base-branch", "a..b"],
            "base_branch: 'a..b' is not a branch name that git accepts",
        ),
    ],
)
def test_a_mistake_is_reported_in_one_line_and_starts_no_run(
    console: Console, sample: Sample, arguments: list[str], message: str
) -> None:
    write(console.folder, {"empty.md": " \n", "plain/a.txt": "", "fresh/a.txt": ""})
    (console.folder / "latin.md").write_bytes("Größe".encode("latin-1"))
    git(console.folder / "fresh", "init", "--quiet")
    assert message in console.refused("fix", *arguments)
    assert console.run("jobs", "list", "--json").stdout == ""


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("missing.md", None, "missing.md can't be read: No such file or directory"),
        ("broken.json", "{", "broken.json: not JSON"),
        ("empty.yaml", "[]", "give a list with at least one entry"),
        ("wrong.json", '[{"reply": "a", "colour": "red"}]', "entry 1: colour: unknown field"),
    ],
)
def test_an_unusable_script_is_reported(
    console: Console, sample: Sample, name: str, text: str | None, message: str
) -> None:
    if text is not None:
        (console.folder / name).write_text(text)
    error = console.refused(*sample.fix[:-1], f"scripted:{name}")
    assert error.startswith("CODING_AGENT_MODEL: ")
    assert message in error


def test_an_unknown_stage_is_refused_before_anything_runs(console: Console, sample: Sample) -> None:
    message = console.refused(*sample.fix, "--again", "--from-stage", "magic")
    assert message.startswith("--from-stage: the stages are fetch_issue, checkout, ")
    assert console.run("jobs", "list", "--json").stdout == ""


def test_a_model_without_a_price_is_a_settings_error(
    console: Console, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker's tests ask litellm itself."""
    from pipeline.model.litellm_client import LiteLLMClient

    def check(self: LiteLLMClient, model: str) -> None:
        raise ValueError(f"model {model!r} has no price")

    monkeypatch.setattr(LiteLLMClient, "warm", lambda self: None)
    monkeypatch.setattr(LiteLLMClient, "check", check)
    message = console.refused(*sample.fix[:-1], "nobody/knows-me")
    assert message == "CODING_AGENT_MODEL: model 'nobody/knows-me' has no price"
    assert console.run("jobs", "list", "--json").stdout == ""
