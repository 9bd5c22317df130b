"""A small world in which the examples of the help make sense: a repository with runs that ended,
failed and wait, dead letters, a queue, a topic, and files of the names that the examples use.
"""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.model.scripted import Script
from pipeline.outcome import Outcome
from pipeline.queue import REASON
from pipeline.store.contract import Submission
from pipeline.store.sqlite import SqliteStore
from prompts.template_set import SHIPPED
from tests.cli.console import Console, git, new_console, write
from tests.end_to_end.service import FILES, FIX, ISSUE
from tests.stand_ins.aws import Aws, Queue, Topic
from tests.stand_ins.dead_letters import Dead
from tests.stand_ins.github import WRITE_TOKEN, GithubStandIn
from tests.stand_ins.model_server import ModelServer
from tests.stand_ins.runs import claim, finish, job, park

REPOSITORY = "octo/repo"
NUMBER = 42
ISSUE_URL = f"https://github.com/{REPOSITORY}/issues/{NUMBER}"
#: The folder of another project, beside the current one.
SHOP = "shop"
#: The issue of the run that waits.
WAITING = 17
#: The issue that the label asks to fix.
LABELED = 7
#: The issue of a run whose event is refused, where there is one.
REFUSED = 46
MODEL_KEY = "stand-in-model-key"
#: The issue of the run that failed, and the job, whose message is a dead letter.
FAILED = 44
DEAD_JOB = "5c0b7e9c-6d34-5f6a-9d21-0c1f2a3b4c5d"
#: The hash of a published set in the examples.
EXAMPLE_HASH = "9f86d081884c"
_SUBMIT = '<tool name="submit">\n<summary>The sign was wrong.</summary>\n</tool>'
_REPLIES = (FIX, _SUBMIT, _SUBMIT)
_REASON = "GitHub's rate limit"
_REFUSAL = "NotFound: the topic does not exist"


@dataclass(frozen=True)
class FinishedRun:
    """A run of issue 42 through the whole pipeline, and the files around it, made once for all
    worlds.
    """

    console: Console
    github: GithubStandIn
    published_hash: str
    """Of a set of templates that is published."""


@contextmanager
def finished_run(folder: Path) -> Iterator[FinishedRun]:
    """Fix issue 42 on a stand-in of GitHub, with the strategy ``agent`` and a scripted model."""
    with GithubStandIn(folder / "github") as github:
        github.add_repository(REPOSITORY, FILES)
        for number in range(1, NUMBER):
            github.add_issue(REPOSITORY, f"Another thing, number {number}", "")
        github.add_issue(REPOSITORY, *ISSUE)
        with pytest.MonkeyPatch.context() as monkeypatch:
            console = new_console(folder, monkeypatch)
            _write_files(console, github)
            _set_github(monkeypatch, github)
            monkeypatch.setenv("CODING_AGENT_STRATEGY", "agent")
            result = console.run("fix", ISSUE_URL, "--model", "scripted:replies.yaml")
            assert result.exit_code == 0, result.output
            published_hash = _publish_templates(console)
        yield FinishedRun(console, github, published_hash)


@dataclass(frozen=True)
class World:
    """Everything that an example may ask for."""

    console: Console
    aws: Aws
    queue: Queue
    topic: Topic
    published_hash: str
    """Of a set of templates that is published."""

    def fill_in(self, line: str) -> str:
        """Return an example with this world's names for what it leaves open."""
        digits = self.published_hash[: len(EXAMPLE_HASH)]
        names = {
            rf"{EXAMPLE_HASH}|HASH": digits,
            "JOB(_ID)?": f"{REPOSITORY}#{NUMBER}",
            "OWNER/NAME": REPOSITORY,
        }
        for placeholder, name in names.items():
            line = re.sub(rf"\b({placeholder})\b", name, line)
        return line

    def move_dead_letters_to_file(self) -> None:
        """Write the file that an import reads; what it imports must not be in the queue."""
        result = self.console.run("dlq", "discard", "--export", "dead.jsonl", "--yes")
        assert result.exit_code == 0, result.output

    def refuse_event(self) -> None:
        """Store a run whose event was refused until it was given up; ``doctor`` complains of it."""
        store = SqliteStore(self.console.data_dir / "store.sqlite")
        park(store, finish(store, claim(store, job(REFUSED))), _REFUSAL)
        store.close()


@contextmanager
def prepared_world(
    console: Console, finished: FinishedRun, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """Prepare the world around a console."""
    _copy_folders(finished.console, console)
    _store_other_runs(console)
    queue = aws.make_queue()
    topic = aws.make_topic()
    _send_dead_letters(aws, queue)
    with ModelServer(Script.load(console.folder / "replies.yaml"), key=MODEL_KEY) as model:
        _set_github(monkeypatch, finished.github)
        settings = {
            "CODING_AGENT_QUEUE_URL": queue.url,
            "CODING_AGENT_TOPIC_ARN": topic.arn,
            "CODING_AGENT_MODEL": f"scripted:{console.folder / 'reply.md'}",
            "CODING_AGENT_API_KEYS": "ops=a-key-of-the-operators",
            "CODING_AGENT_PORT": "0",
            "OPENAI_API_BASE": model.api_base,
            "OPENAI_API_KEY": MODEL_KEY,
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        yield World(console, aws, queue, topic, finished.published_hash)


def _copy_folders(source: Console, target: Console) -> None:
    """Copy the current folder, the one beside it, and the home folder with the data directory."""
    shutil.copytree(source.folder, target.folder, dirs_exist_ok=True)
    shutil.copytree(source.folder.parent / SHOP, target.folder.parent / SHOP)
    shutil.copytree(source.home, target.home, dirs_exist_ok=True)


def _set_github(monkeypatch: pytest.MonkeyPatch, github: GithubStandIn) -> None:
    monkeypatch.setenv("GITHUB_API_URL", github.api_url)
    monkeypatch.setenv("GITHUB_TOKEN", WRITE_TOKEN)


def _script() -> str:
    """Return the replies of the model, each once; JSON is YAML."""
    return json.dumps([{"reply": reply, "times": 1} for reply in _REPLIES])


def _event(github: GithubStandIn) -> str:
    """Return the payload of an event that asks for a fix just now."""
    event = github.webhooks.issue_labeled(REPOSITORY, LABELED, "coding-agent", sender="octo")
    event.payload["issue"]["updated_at"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return event.body.decode()


def _write_files(console: Console, github: GithubStandIn) -> None:
    """Write the files that the examples name, into a clone of the repository."""
    here = write(console.folder, {**FILES, "Makefile": "test:\n\ttrue\n"})
    # Without git's sample hooks: all of this is copied for each world.
    git(here, "init", "--quiet", "--template=", "--initial-branch=main")
    git(here, "add", "--all")
    git(here, "commit", "--quiet", "--message=first")
    git(here, "tag", "v2.1")
    shutil.copytree(here, here.parent / SHOP)
    shutil.copytree(here, console.home / "src/project")
    write(
        here,
        {
            "bug.md": "# " + "\n\n".join(ISSUE),
            "reply.md": FIX,
            "replies.yaml": _script(),
            "jobs.jsonl": json.dumps({"issue_url": ISSUE_URL}) + "\n",
            "jobs.json": json.dumps([{"issue_url": ISSUE_URL}]),
            "event.json": _event(github),
            "values.json": json.dumps({"title": ISSUE[0], "title_prefix": ""}),
            "docs/README.md": "",
            # Stand-ins for what a user's machine has.
            "pytest.py": "print('1 passed')\n",
            ".venv/bin/pip": "#!/bin/sh\necho installed\n",
        },
    )
    (here / ".venv/bin/pip").chmod(0o755)
    shutil.copytree(SHIPPED, here / "mine")
    shutil.copytree(SHIPPED, here / "prompts/templates")


def _publish_templates(console: Console) -> str:
    """Publish a set whose first template is of an earlier version; return its hash."""
    earlier = shutil.copytree(SHIPPED, console.home / "earlier")
    template = earlier / "propose.md.j2"
    text, count = re.subn(
        r"^version: \d+$", "version: 1", template.read_text(), count=1, flags=re.M
    )
    assert count == 1
    template.write_text(text)
    result = console.run("prompts", "publish", earlier)
    assert result.exit_code == 0, result.output
    shutil.rmtree(earlier)
    return result.stdout.split()[0]


def _store_other_runs(console: Console) -> None:
    """Store a run that waits for a worker, and one that failed."""
    store = SqliteStore(console.data_dir / "store.sqlite")
    store.register(Submission.of(job(WAITING)))
    failed = claim(store, job(FAILED, job_id=DEAD_JOB))
    finish(store, failed, Outcome.FAILED, topic=None)
    store.close()


def _send_dead_letters(aws: Aws, queue: Queue) -> None:
    """Send a failed job, one whose workers died, and a message that is no job."""
    dead = Dead(aws, queue)
    dead.failed(FAILED, job_id=DEAD_JOB, reason=_REASON)
    dead.put(job(FAILED + 1).to_json())
    dead.put("hello", **{REASON: "the message is not JSON"})
