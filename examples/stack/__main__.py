"""``make up`` and ``make down``: the whole service on this machine, kept running without docker.

ministack stands in for SQS and SNS, the tests' strict stand-in for GitHub, a script for the model;
``--github real`` and ``--model NAME`` take the real ones. supervisord starts the parts, and starts
again what ends. Everything is below ``.stack``: removing the folder resets the stack.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from examples.stack.layout import ROOT, Ports, Stack
from examples.stack.supervision import StackFailed, Supervision

HOME = ROOT / ".stack"


def main() -> int:
    arguments = _parser().parse_args()
    stack = Stack(
        home=arguments.home.absolute(),
        ports=Ports(
            arguments.api_port, arguments.console_port, arguments.github_port, arguments.aws_port
        ),
        real_github=arguments.github == "real",
        model=arguments.model,
    )
    try:
        if arguments.action == "down":
            stop(stack)
        else:
            start(stack)
    except StackFailed as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m examples.stack", description=__doc__)
    parser.add_argument("action", choices=["up", "down"])
    parser.add_argument("--home", type=Path, default=HOME, help="folder of the stack")
    parser.add_argument("--api-port", type=int, default=8080, help="the worker's HTTP intake")
    parser.add_argument("--github-port", type=int, default=8081)
    parser.add_argument("--console-port", type=int, default=8082)
    parser.add_argument("--aws-port", type=int, default=4566)
    parser.add_argument(
        "--github", choices=["stand-in", "real"], default="stand-in", help="real needs GITHUB_TOKEN"
    )
    parser.add_argument("--model", help="a LiteLLM model name, with its key in the environment")
    return parser


def start(stack: Stack) -> None:
    """Start what does not run yet, wait until it answers, and say how to use it.

    Raises:
        StackFailed: a setting is missing, a port is in use, a part does not start, or the stack
            runs with other options.
    """
    _check_choice(stack)
    supervision = Supervision(stack)
    if supervision.is_running():
        if not supervision.has_these_options():
            raise StackFailed(
                f"the stack runs with other options: stop it first with {_stop_command(stack)}"
            )
        print(
            f"the stack runs already, with {stack.settings_file}: {_stop_command(stack)} stops it"
        )
        return
    stack.write_settings()
    supervision.start()
    for name, value in describe(stack).items():
        print(f"{name:12} {value}")


def _check_choice(stack: Stack) -> None:
    if not stack.real_github:
        return
    if not os.environ.get("GITHUB_TOKEN"):
        raise StackFailed("--github real needs GITHUB_TOKEN in the environment")
    if stack.model is None:
        raise StackFailed("--github real needs --model: the scripted model knows only the sample")


def stop(stack: Stack) -> None:
    if Supervision(stack).stop():
        print(f"stopped; the data stay in {stack.home}")
    else:
        print("nothing runs")


def _stop_command(stack: Stack) -> str:
    return "make down" if stack.home == HOME else f"make down ARGUMENTS='--home {stack.home}'"


def describe(stack: Stack) -> dict[str, str]:
    """Return where the stack listens, and the commands that use it."""
    program = f"{Path(sys.executable).with_name('coding-agent')} --data-dir {stack.data_dir}"
    preceding = [f"-u {name}" for name in stack.settings if os.environ.get(name)]
    if preceding:  # the shell's variables would take precedence over the settings file
        program = f"env {' '.join(preceding)} {program}"
    issue = "https://github.com/OWNER/NAME/issues/N" if stack.real_github else stack.sample_issue
    lines = {
        "HTTP intake": f"http://127.0.0.1:{stack.ports.api}",
        "console": f"http://127.0.0.1:{stack.ports.console}",
        "SQS and SNS": f"http://127.0.0.1:{stack.ports.aws}",
    }
    if not stack.real_github:
        lines["GitHub"] = f"http://127.0.0.1:{stack.ports.github} (a stand-in, without pages)"
    lines |= {
        "settings": str(stack.settings_file),
        "logs": str(stack.logs),
        "send a job": f"{program} submit --wait {issue}",
        "look at it": f"{program} jobs list",
        "parts": " ".join(Supervision(stack).control_command("status")),
        "stop": _stop_command(stack),
    }
    return lines


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(f"Error: {error}")
