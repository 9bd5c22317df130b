"""Render templates in a separate process: bounded in time and memory, and without secrets.

Every set except the shipped one is rendered this way. A template with a giant loop, or one that
doubles a text forty times, kills that process rather than the worker.

    worker                                   renderer (python -I, no environment)
      (seconds, bodies, jobs) as JSON ──stdin──►  renders one job after another
                    ◄──stderr── the name of each template before it is rendered
                    ◄──stdout── {"texts": [...]} or {"error": {...}} as JSON
"""

import json
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prompts import rendering
from prompts.rendering import RenderError

MAX_CPU_SECONDS = 5
"""Seconds of processor time; a prompt takes a few milliseconds."""
MAX_BYTES = 1 << 30
_MAX_WALL_SECONDS = 30.0
_PROGRAM = (Path(__file__).parent / "renderer.py").read_text(encoding="utf-8")


def render(
    bodies: Mapping[str, str],
    jobs: Sequence[tuple[str, Mapping[str, Any]]],
    *,
    seconds: int = MAX_CPU_SECONDS,
) -> list[str]:
    """Render ``jobs``, each a template's file name and its variables as plain data.

    Raises:
        RenderError: a job fails, or together they take more than ``seconds`` or ``MAX_BYTES``.
    """
    first_template = jobs[0][0]
    try:
        process = subprocess.run(
            [sys.executable, "-I", "-c", _PROGRAM, str(Path(__file__).parent)],
            env={},
            cwd="/",
            capture_output=True,
            input=json.dumps([seconds, bodies, jobs]).encode(),
            timeout=_MAX_WALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RenderError(f"took longer than {_MAX_WALL_SECONDS:g} s", first_template) from None
    if process.returncode:
        template = _last_template(process.stderr, bodies) or first_template
        limits = f"{seconds} s or {MAX_BYTES >> 20} MiB"
        raise RenderError(f"needs more than {limits} to render", template)
    reply = json.loads(process.stdout)
    if "error" in reply:
        raise RenderError(**reply["error"])
    return [str(text) for text in reply["texts"]]


def _last_template(stderr: bytes, bodies: Mapping[str, str]) -> str | None:
    """Return the template that was being rendered when the process ended."""
    for line in reversed(stderr.decode(errors="replace").split("\n")):
        if line in bodies:
            return line
    return None


def main() -> None:
    """Serve one request in the renderer's process."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_BYTES, MAX_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    seconds, bodies, jobs = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    environment = rendering.create_environment(bodies)
    texts: list[str] = []
    for name, variables in jobs:
        sys.stderr.write(f"{name}\n")
        sys.stderr.flush()
        try:
            texts.append(rendering.render(environment, name, variables))
        except RenderError as error:
            json.dump({"error": vars(error)}, sys.stdout)
            return
    json.dump({"texts": texts}, sys.stdout)
