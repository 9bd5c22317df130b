"""``coding-agent fix`` with a model that calls tools natively, over the real litellm."""

import shutil

import pytest

from pipeline.model.scripted import Entry, Script, ScriptedCall
from tests.cli.console import Console, Sample, git
from tests.stand_ins.model_server import ModelServer

KEY = "sk-never-to-be-seen-0123456789"
MODEL = "openai/gpt-4o-mini"
TEST = """
class AddTest(unittest.TestCase):
    def test_add(self):
        self.assertEqual(add(2, 3), 5)
"""


def bash(command: str) -> ScriptedCall:
    return ScriptedCall(name="bash", arguments={"command": command})


def submit() -> ScriptedCall:
    return ScriptedCall(name="submit", arguments={"summary": "The sign was wrong."})


def calls(*scripted: ScriptedCall) -> Entry:
    """Return a reply with these calls, which is given once."""
    return Entry(tool_calls=scripted, times=1, cost_usd=0.001)


SCRIPT = (
    calls(bash("cat calc.py"), bash("sed -i 's/a - b/a + b/' calc.py")),
    calls(
        bash(f"cat >> tests/test_calc.py <<'EOF'\n{TEST}EOF\n"),
        bash("sed -i 's/import double/import add, double/' tests/test_calc.py"),
    ),
    calls(ScriptedCall(name="run_tests", arguments={"tests": ["tests/test_calc.py"]})),
    calls(submit()),
    calls(submit()),
)


def test_native_calls_fix_an_issue_and_are_replayed_without_the_model(
    console: Console, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODING_AGENT_STRATEGY", "agent")
    fix = sample.fix[:-1]
    with ModelServer(Script(SCRIPT), key=KEY) as server:
        monkeypatch.setenv("OPENAI_API_BASE", server.api_base)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        result = console.run(*fix, MODEL)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("proposed red to green")
    assert [exchange.status for exchange in server.exchanges] == [200] * len(SCRIPT)
    last = server.exchanges[-1].body["messages"]
    results = [message["content"] for message in last if message["role"] == "tool"]
    assert "return a - b" in results[0]
    assert len(results) == 6, "two calls in a reply have two results"
    branch = git(sample.repo, "for-each-ref", "--format=%(objectname)", "refs/heads/coding-agent")
    assert "+    return a + b" in git(sample.repo, "diff", "main", branch)

    (console.data_dir / "artifacts").rename(console.folder / "recorded")
    shutil.rmtree(console.data_dir)
    again = console.run(*fix, "replay:recorded", "--dry-run", "--patch", "again.diff")
    assert again.exit_code == 0, again.output
    git(sample.repo, "apply", str(console.folder / "again.diff"))
    assert git(sample.repo, "diff", branch) == "", "it is the same change"
