"""Render in a process of its own: bounded in time and memory, and with nothing to find for who
escapes the sandbox.

For every set but the shipped one. A template with a giant loop, or with a text doubled forty times,
ends that process and not the worker."""

import json
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prompts import rendering as environment
from prompts.rendering import RenderError

SECONDS = 5
"""Of processor time; a prompt takes some milliseconds."""
BYTES = 1 << 30
_WALL_SECONDS = 30.0
#: The package without its __init__, whose imports take longer than rendering.
_START = """
import sys, types
package = sys.modules["prompts"] = types.ModuleType("prompts")
package.__path__ = [sys.argv[1]]
from prompts.bounded import main
main()
"""


def render(
    bodies: Mapping[str, str],
    jobs: Sequence[tuple[str, Mapping[str, Any]]],
    *,
    seconds: int = SECONDS,
) -> list[str]:
    """The texts of ``jobs``: (template, its variables as plain data).

    Raises:
        RenderError: one fails, or they take more than ``seconds`` or ``BYTES`` together.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", _START, str(Path(__file__).parent)],
            env={},
            cwd="/",
            capture_output=True,
            input=json.dumps([seconds, bodies, jobs]).encode(),
            timeout=_WALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RenderError(f"took longer than {_WALL_SECONDS:g} s", jobs[0][0]) from None
    told = done.stderr.decode(errors="replace").split("\n")
    if done.returncode:
        at = next((name for name in reversed(told) if name in bodies), jobs[0][0])
        raise RenderError(f"needs more than {seconds} s or {BYTES >> 20} MiB to render", at)
    answer = json.loads(done.stdout)
    if "error" in answer:
        raise RenderError(**answer["error"])
    return [str(text) for text in answer["texts"]]


def main() -> None:
    """In the process: bodies and jobs as JSON on stdin; texts, or the first error, on stdout."""
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    seconds, bodies, jobs = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    sandbox = environment.environment(bodies)
    texts = list[str]()
    for name, variables in jobs:
        sys.stderr.write(f"{name}\n")
        sys.stderr.flush()
        try:
            texts.append(environment.render(sandbox, name, variables))
        except environment.RenderError as error:
            json.dump({"error": vars(error)}, sys.stdout)
            return
    json.dump({"texts": texts}, sys.stdout)
