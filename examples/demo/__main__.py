"""``make demo``: one issue from the queue to a pull request and an event, with every part real but
the services.

SQS and SNS are ministack, GitHub is the tests' strict stand-in (REST, and git over HTTP), the model
is a scripted server that LiteLLM talks to over HTTP. The worker is the same process that a
deployment runs. With ``--issue URL`` and real keys it runs on that issue instead."""

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.rule import Rule
from rich.syntax import Syntax

from pipeline.model.scripted import Script
from tests.stand_ins.aws import Aws, Topic, ministack_server
from tests.stand_ins.github import WRITE_TOKEN, GithubStandIn
from tests.stand_ins.model_server import ModelServer

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
REPOSITORY = "acme/hourglass"
MODEL = "openai/gpt-4o-mini"
#: Seconds that the whole demo may take before it is called hung.
PATIENCE = 300.0

console = Console(highlight=False, soft_wrap=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m examples.demo", description=__doc__)
    parser.add_argument(
        "--issue", help="a real issue's address; needs GITHUB_TOKEN, CODING_AGENT_MODEL and its key"
    )
    issue = parser.parse_args().issue
    return fix_for_real(issue) if issue else show()


def fix_for_real(issue: str) -> int:
    missing = [name for name in ("GITHUB_TOKEN", "CODING_AGENT_MODEL") if not os.environ.get(name)]
    if missing:
        console.print(
            f"set {' and '.join(missing)} for a real issue, or run `make demo` without ISSUE"
        )
        return 2
    return subprocess.run([_command(), "fix", issue], check=False).returncode


def show() -> int:
    home = ROOT / ".demo"
    for stale in ("data", "github"):
        shutil.rmtree(home / stale, ignore_errors=True)
    home.mkdir(exist_ok=True)
    script = Script.load(HERE / "replies.yaml")
    with (
        ministack_server(home / "ministack.log") as aws,
        GithubStandIn(home / "github") as github,
        ModelServer(script, key="demo-model-key") as model,
    ):
        github.add_repository(REPOSITORY, sample_files())
        title, _, body = (HERE / "issue.md").read_text().partition("\n")
        issue_url = github.issue_url(
            REPOSITORY, github.add_issue(REPOSITORY, title, body.strip(), author="ada")
        )
        queue = aws.make_queue()
        topic = aws.make_topic()
        environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
            **aws.environment,
            "CODING_AGENT_QUEUE_URL": queue.url,
            "CODING_AGENT_TOPIC_ARN": topic.arn,
            "CODING_AGENT_DATA_DIR": str(home / "data"),
            "CODING_AGENT_MODEL": MODEL,
            "CODING_AGENT_PORT": "0",
            "GITHUB_API_URL": github.api_url,
            "GITHUB_TOKEN": WRITE_TOKEN,
            "OPENAI_API_BASE": model.api_base,
            "OPENAI_API_KEY": "demo-model-key",
            # The sample's own dependencies come from wheels that `make setup` kept: the demo needs
            # no network.
            "UV_FIND_LINKS": str(ROOT / ".wheelhouse"),
            "UV_NO_INDEX": "1",
        }
        console.print(Rule("1. a backend puts a job on the queue"))
        subprocess.run(
            [_command(), "submit", issue_url, "--metadata", "ticket=OPS-7"],
            env=environment,
            check=True,
        )
        console.print(Rule("2. a worker takes it"))
        event = run_worker(environment, aws, topic, home / "worker.log")
        if event is None:
            return 1
        console.print(Rule("3. the pull request"))
        show_pull(github)
        console.print(Rule("4. the event that the backend receives"))
        console.print_json(json.dumps(event))
    return 0 if event["data"]["outcome"] == "pr_opened" else 1


def run_worker(
    environment: dict[str, str], aws: Aws, topic: Topic, log_file: Path
) -> dict[str, Any] | None:
    """Run the worker until its run.finished event arrives; its log lines become what a person wants
    to see.
    """
    with log_file.open("w") as log:
        worker = subprocess.Popen([_command(), "worker"], env=environment, stderr=log)
    deadline = time.monotonic() + PATIENCE
    shown = 0
    try:
        while time.monotonic() < deadline and worker.poll() is None:
            # Each look is a long poll of a second, so that this loop neither sleeps nor spins.
            received = aws.sqs.receive_message(
                QueueUrl=topic.queue_url, WaitTimeSeconds=1, MaxNumberOfMessages=10
            )
            shown = show_log(log_file, shown)
            for message in received.get("Messages", []):
                aws.sqs.delete_message(
                    QueueUrl=topic.queue_url, ReceiptHandle=message["ReceiptHandle"]
                )
                event: dict[str, Any] = json.loads(json.loads(message["Body"])["Message"])
                console.print(f"  event [bold]{event['type']}[/]")
                if event["type"] == "run.finished":
                    return event
    finally:
        # Nothing is lost by it; a polite stop would wait for the end of its long poll, 20 s.
        worker.kill()
        worker.wait()
        show_log(log_file, shown)
    console.print(f"no run.finished event within {PATIENCE:g} s; the worker's log is {log_file}")
    return None


def show_log(log_file: Path, shown: int) -> int:
    """Print the log's new lines about stages. Gives how many lines have been shown."""
    lines = log_file.read_text().splitlines()
    for line in lines[shown:]:
        told: dict[str, Any] = {}
        with contextlib.suppress(ValueError):
            told = json.loads(line)
        kind = told.get("kind")
        stage = f"{told.get('stage', ''):<14}"
        detail = escape(str(told.get("message", "")).partition(f"{kind} ")[2][:110])
        if kind in ("finished", "back", "restored"):
            mark = {"finished": "[green]✓[/]", "back": "[yellow]↩[/]", "restored": "↺"}[kind]
            console.print(
                f"{mark} round {told['round']}  {stage} {told['seconds']:6.2f} s  {detail}"
            )
        elif kind == "note":
            console.print(f"    [dim]{stage} {detail}[/]")
    return len(lines)


def show_pull(github: GithubStandIn) -> None:
    (pull,) = github.pulls(REPOSITORY)
    console.print(
        f"#{pull.number} [bold]{escape(pull.issue.title)}[/]  {pull.head} -> {pull.base}\n"
    )
    console.print(textwrap.indent(escape(pull.issue.body), "  "))
    diff = subprocess.run(
        ["git", f"--git-dir={github.path(REPOSITORY)}", "diff", pull.base, pull.head],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    console.print(Syntax(diff, "diff", theme="ansi_dark", background_color="default"))


def sample_files() -> dict[str, str]:
    sample = HERE / "sample"
    return {
        file.relative_to(sample).as_posix(): file.read_text()
        for file in sorted(sample.rglob("*"))
        if file.is_file() and "__pycache__" not in file.parts
    }


def _command() -> str:
    """The console script beside this Python."""
    return str(Path(sys.executable).with_name("coding-agent"))


if __name__ == "__main__":
    sys.exit(main())
