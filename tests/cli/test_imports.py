"""The packages that quick commands import: most of the time of such a command is importing."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass

import pytest

from pipeline.store.sqlite import SqliteStore
from tests.cli.console import ROOT, Console
from tests.stand_ins.aws import Aws
from tests.stand_ins.runs import claim

OURS = {"cli", "console", "pipeline", "prompts", "repository", "sandbox", "stages"}
#: What settings and the command line need.
BASE = {
    "annotated_types",
    "click",
    "dotenv",
    "platformdirs",
    "pydantic",
    "pydantic_core",
    "pydantic_settings",
    "typing_extensions",
    "typing_inspection",
}
TEMPLATES = {"jinja2", "markupsafe", "yaml"}
#: The queue with its synchronous clients alone.
AWS = {
    "anyio",
    "boto3",
    "botocore",
    "certifi",
    "dateutil",
    "jmespath",
    "s3transfer",
    "six",
    "urllib3",
}
#: What setuptools, botocore and urllib3 import if it is installed.
OPTIONAL = {"_distutils_hack", "awscrt", "brotli", "h2", "zstandard"}

_PROGRAM = """
import json, sys
from importlib.metadata import packages_distributions
from click.testing import CliRunner
from cli.main import main

result = CliRunner().invoke(main, sys.argv[1:])
names = {name.partition(".")[0] for name in sys.modules}
libraries = names & packages_distributions().keys()
print(json.dumps([result.exit_code, sorted(names), sorted(libraries)]))
"""


@dataclass(frozen=True)
class Imports:
    command: str
    ours: set[str]
    others: set[str]


@pytest.mark.parametrize(
    "expected",
    [
        Imports("jobs list", {"cli", "console", "pipeline"}, BASE),
        Imports("queue stats", {"cli", "console", "pipeline", "prompts", "repository"}, BASE | AWS),
        Imports(
            "prompts golden --model openai/gpt-4o",
            {"cli", "pipeline", "prompts", "repository", "sandbox"},
            BASE | TEMPLATES,
        ),
    ],
    ids=lambda expected: expected.command,
)
def test_a_quick_command_imports_only_what_it_needs(
    console: Console, aws: Aws, expected: Imports
) -> None:
    store = SqliteStore(console.data_dir / "store.sqlite")
    claim(store)
    store.close()
    process = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *expected.command.split()],
        cwd=ROOT,
        env={
            **aws.environment,
            "PATH": os.environ["PATH"],
            "CODING_AGENT_DATA_DIR": str(console.data_dir),
            "CODING_AGENT_QUEUE_URL": aws.make_queue().url,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    code, names, libraries = json.loads(process.stdout)
    assert code == 0, process.stderr
    assert OURS & set(names) - expected.ours == set()
    assert set(libraries) - OURS - OPTIONAL - expected.others == set()
