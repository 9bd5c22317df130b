"""``make demo``: one issue from the queue to a pull request and an event.

Everything but the outside services is real: the worker is the process that a deployment runs. SQS
and SNS are ministack, GitHub is the tests' strict stand-in (REST, and git over HTTP), the model is
a scripted server that LiteLLM calls over HTTP. With ``--issue URL`` and real keys it runs on that
issue instead.
"""

import argparse
import contextlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
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
MODEL_KEY = "demo-model-key"
#: Seconds that the whole demo may take.
TIMEOUT = 300.0
_DETAIL_WIDTH = 110

console = Console(highlight=False, soft_wrap=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m examples.demo", description=__doc__)
    parser.add_argument(
        "--issue", help="a real issue's address; needs GITHUB_TOKEN, CODING_AGENT_MODEL and its key"
    )
    issue = parser.parse_args().issue
    return fix_real_issue(issue) if issue else run_demo()


def fix_real_issue(issue: str) -> int:
    missing = [name for name in ("GITHUB_TOKEN", "CODING_AGENT_MODEL") if not os.environ.get(name)]
    if missing:
        console.print(
            f"set {' and '.join(missing)} for a real issue, or run `make demo` without ISSUE"
        )
        return 2
    return subprocess.run([_command(), "fix", issue], check=False).returncode


def run_demo() -> int:
    home = ROOT / ".demo"
    for stale in ("data", "github"):
        shutil.rmtree(home / stale, ignore_errors=True)
    home.mkdir(exist_ok=True)
    script = Script.load(HERE / "replies.yaml")
    with (
        ministack_server(home / "ministack.log") as aws,
        GithubStandIn(home / "github") as github,
        ModelServer(script, key=MODEL_KEY) as model,
    ):
        queue = aws.make_queue()
        topic = aws.make_topic()
        environment = {
            **base_environment(home),
            **aws.environment,
            "CODING_AGENT_QUEUE_URL": queue.url,
            "CODING_AGENT_TOPIC_ARN": topic.arn,
            "GITHUB_API_URL": github.api_url,
            "OPENAI_API_BASE": model.api_base,
        }
        console.print(Rule("1. a backend puts a job on the queue"))
        submit(add_issue(github), environment)
        console.print(Rule("2. a worker takes it"))
        event = run_worker(environment, aws, topic, home / "worker.log")
        if event is None:
            return 1
        console.print(Rule("3. what the agent did"))
        show_steps(event["data"]["job_id"], environment)
        console.print(Rule("4. the pull request"))
        show_pull(github)
        console.print(Rule("5. the event that the backend receives"))
        console.print_json(json.dumps(event))
    return 0 if event["data"]["outcome"] == "pr_opened" else 1


def base_environment(home: Path) -> dict[str, str]:
    """Return the worker's variables that don't depend on the services' addresses."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {
        **inherited,
        **telemetry_environment(),
        "CODING_AGENT_DATA_DIR": str(home / "data"),
        "CODING_AGENT_MODEL": MODEL,
        "CODING_AGENT_PORT": "0",
        "GITHUB_TOKEN": WRITE_TOKEN,
        "OPENAI_API_KEY": MODEL_KEY,
        # The sample's dependencies come from wheels that `make setup` stored: the demo needs no
        # network.
        "UV_FIND_LINKS": str(ROOT / ".wheelhouse"),
        "UV_NO_INDEX": "1",
    }


def telemetry_environment() -> dict[str, str]:
    """Return OpenTelemetry's variables, with which the run can be looked at as a trace."""
    return {name: value for name, value in os.environ.items() if name.startswith("OTEL_")}


def add_issue(github: GithubStandIn) -> str:
    """Add the sample's repository and issue to GitHub; return the issue's address."""
    github.add_repository(REPOSITORY, sample_files())
    title, _, body = (HERE / "issue.md").read_text().partition("\n")
    number = github.add_issue(REPOSITORY, title, body.strip(), author="ada")
    return github.issue_url(REPOSITORY, number)


def submit(issue_url: str, environment: dict[str, str]) -> None:
    command = [_command(), "submit", issue_url, "--metadata", "ticket=OPS-7"]
    subprocess.run(command, env=environment, check=True)


def run_worker(
    environment: dict[str, str], aws: Aws, topic: Topic, log_file: Path
) -> dict[str, Any] | None:
    """Run the worker until its run.finished event arrives; show what happens in the run."""
    with log_file.open("w") as log:
        worker = subprocess.Popen([_command(), "worker"], env=environment, stderr=log)
    deadline = time.monotonic() + TIMEOUT
    try:
        while time.monotonic() < deadline and worker.poll() is None:
            for event in receive_events(aws, topic):
                console.print(f"  event [bold]{event['type']}[/]")
                if event["type"] == "run.finished":
                    return event
                follow_run(event["data"]["job_id"], environment)
    finally:
        # A clean stop waits up to 20 s for the end of its long poll; only traces would be lost.
        end = worker.terminate if telemetry_environment() else worker.kill
        end()
        worker.wait()
    console.print(f"no run.finished event within {TIMEOUT:g} s; the worker's log is {log_file}")
    return None


def follow_run(job_id: str, environment: dict[str, str]) -> None:
    """Print the run's progress until it ends."""
    command = [_command(), "jobs", "watch", job_id]
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(command, env=environment, check=False, timeout=TIMEOUT)


def receive_events(aws: Aws, topic: Topic) -> Iterator[dict[str, Any]]:
    """Receive the topic's events with a long poll of one second, so that the caller's loop neither
    sleeps nor spins.
    """
    response = aws.sqs.receive_message(
        QueueUrl=topic.queue_url, WaitTimeSeconds=1, MaxNumberOfMessages=10
    )
    for message in response.get("Messages", []):
        aws.sqs.delete_message(QueueUrl=topic.queue_url, ReceiptHandle=message["ReceiptHandle"])
        envelope = json.loads(message["Body"])
        yield json.loads(envelope["Message"])


def show_steps(job_id: str, environment: dict[str, str]) -> None:
    """Print the agent's steps, each with its calls and how they ended."""
    command = [_command(), "jobs", "transcript", job_id]
    printed = subprocess.run(
        [*command, "--json"], env=environment, capture_output=True, text=True, check=True
    ).stdout
    for step in json.loads(printed)["steps"]:
        console.print(f"[bold]{step['number']:2}[/]  {escape(step['reply'])}")
        for call in step["calls"]:
            show_call(call)
    data = shlex.quote(environment["CODING_AGENT_DATA_DIR"])
    console.print(f"\none a screen:  CODING_AGENT_DATA_DIR={data} {shlex.join(command)}")


def show_call(call: dict[str, Any]) -> None:
    lines = [line for line in call["call"].splitlines() if line.strip()]
    first = lines[0] if call["tool"] == "bash" else " ".join(lines[:3])
    ended = f"exit code {call['exit_code']}" if call["exit_code"] is not None else ""
    if not ended:
        ended = call["result"].removeprefix("Harness: ").partition("\n")[0]
    console.print(f"      [cyan]{escape(first[:_DETAIL_WIDTH])}[/]")
    console.print(f"      [dim]{escape(ended[:_DETAIL_WIDTH])}[/]")


def show_pull(github: GithubStandIn) -> None:
    (pull,) = github.pulls(REPOSITORY)
    title = escape(pull.issue.title)
    console.print(f"#{pull.number} [bold]{title}[/]  {pull.head} -> {pull.base}\n")
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
    """Return the console script beside this Python."""
    return str(Path(sys.executable).with_name("coding-agent"))


if __name__ == "__main__":
    sys.exit(main())
