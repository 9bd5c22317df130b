"""No secret of the deployment is anywhere but where it belongs, after a run of each type of job.

A worker process runs both with real git, a sandbox and HTTP, and logs everything that its libraries
log, without the redaction of logs. The repository's tests print all that they can see.
"""

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.github.app import PERMISSIONS
from tests.end_to_end.process_record import read_processes
from tests.end_to_end.service import FILES, FIX, REPOSITORY, WEBHOOK_SECRET, Service
from tests.stand_ins.app_keys import keys
from tests.stand_ins.aws import Aws
from tests.stand_ins.github import WRITE_TOKEN, GithubStandIn
from tests.stand_ins.github.reviews import OnLine

__all__ = ["keys"]

API_KEY = "planted-key-of-the-api-0001"
PLANTED = {
    "CODING_AGENT_API_KEYS": f"ops={API_KEY}",
    "OPENAI_API_KEY": "sk-plantedKeyOfTheModel0002",
    "ANTHROPIC_API_KEY": "sk-ant-plantedKeyOfTheModel0003",
    "AWS_SECRET_ACCESS_KEY": "plantedKeyOfAws0004",
}
OWNER = "octo"
#: The variable in which git gets its token, for the helper that it asks.
GIT_TOKEN = "CODING_AGENT_GIT_TOKEN"
SPY = "what the tests see:"
SPYING_TEST = f"""import os
import pathlib

print({SPY!r}, dict(os.environ))
for path in pathlib.Path("/proc").glob("[0-9]*/*"):
    if path.name in ("environ", "cmdline"):
        try:
            print(path, path.read_bytes())
        except OSError as error:
            print(path, error)
{FILES["tests/test_calc.py"]}"""
FOLLOW_UP = FIX.replace("return a + b", "return a + b  # the sum") + "\nREPLY C1: Done.\n"


@pytest.fixture(params=["token", "app"])
def service(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    github: GithubStandIn,
    aws_server: Aws,
    keys: tuple[str, str],
) -> Iterator[Service]:
    """A service that reaches GitHub with a token, or as an App."""
    service = Service.start(tmp_path, github, aws_server)
    github.commit(REPOSITORY, {"tests/test_calc.py": SPYING_TEST})
    script = [{"reply": reply, "times": 1, "cost_usd": 0.01} for reply in (FIX, FOLLOW_UP)]
    (tmp_path / "script.json").write_text(json.dumps(script))
    service.log_level = "DEBUG"
    service.variables = {
        **PLANTED,
        "CODING_AGENT_MODEL": f"scripted:{tmp_path}/script.json",
        "PATH": f"{traced_git(tmp_path)}:{os.environ['PATH']}",
    }
    if request.param == "app":
        github.install_app(OWNER, app_id="7", public_key=keys[1], permissions=PERMISSIONS)
        service.variables |= {
            "GITHUB_TOKEN": "",
            "GITHUB_APP_ID": "7",
            "GITHUB_APP_PRIVATE_KEY": keys[0],
        }
    yield service
    service.kill_workers()


def traced_git(folder: Path) -> Path:
    """Return a folder with a git that also logs the arguments of the processes that it starts."""
    programs = folder / "bin"
    programs.mkdir()
    git = programs / "git"
    git.write_text(f'#!/bin/sh\nGIT_TRACE="{folder}/git.trace" exec {shutil.which("git")} "$@"\n')
    git.chmod(0o755)
    return programs


def secrets(service: Service, private_key: str) -> dict[str, bytes]:
    """Return each secret, and each form in which it could be found, by a name."""
    plain = {
        "the token": WRITE_TOKEN,
        "an installation's token": "ghs_standInApp",
        # The lines of a key are found whatever ends them.
        "the App's key": private_key.splitlines()[5],
        "the API's key": API_KEY,
        "the webhook's secret": WEBHOOK_SECRET,
        **{name: value for name, value in PLANTED.items() if name != "CODING_AGENT_API_KEYS"},
    }
    forms = {name: secret.encode() for name, secret in plain.items()}
    for token in [secret for secret in plain.values() if secret.startswith("gh")]:
        # As in the header by which git sends it, as far as its beginning is known.
        header = base64.b64encode(f"x-access-token:{token}".encode())[:-4]
        forms[f"{token[:4]} in base64"] = header
    return forms


def work(service: Service) -> list[bytes]:
    """Run a job of each type to its end; return what the service said to its callers."""
    service.start_worker("worker")
    intake = service.webhook_url("worker").removesuffix("/webhook/github")
    asked = {"X-API-Key": API_KEY}
    body = {"issue_url": service.issue_url}
    accepted = httpx.post(f"{intake}/fix-issue", json=body, headers=asked)
    assert accepted.status_code == 202, accepted.text
    fixed = ends(service, 1)[0]
    assert fixed["outcome"] == "pr_opened", fixed["reason"]
    number = fixed["pull_request_number"]
    service.github.reviews.submit(
        REPOSITORY, number, OWNER, comments=[OnLine("calc.py", 2, "Say so.")]
    )
    url = fixed["pull_request_url"]
    review = {"type": "address_review", "schema_version": 2, "pull_request_url": url}
    answered = httpx.post(
        f"{intake}/address-review", json={**review, "request": "review-1"}, headers=asked
    )
    assert answered.status_code == 202, answered.text
    (ended,) = [end for end in ends(service, 2) if end["job_id"] != fixed["job_id"]]
    assert ended["outcome"] == "pr_updated", ended["reason"]
    said = [accepted.content, answered.content]
    for job in (fixed, ended):
        said.append(httpx.get(f"{intake}/jobs/{job['job_id']}", headers=asked).content)
    said.append(httpx.get(f"{intake}/ready").content)
    return said


def ends(service: Service, count: int) -> list[dict[str, Any]]:
    """Wait until this number of runs have ended; return the data of their events."""
    events = service.wait_for_finished(count)
    return [event["data"] for event in events if "outcome" in event["data"]]


def left_behind(service: Service) -> Iterator[tuple[str, bytes]]:
    """Yield the name and content of everything that the runs left anywhere."""
    for file in service.folder.rglob("*"):
        if file.is_file() and file != service.processes:
            yield str(file.relative_to(service.folder)), file.read_bytes()
    for repository in service.folder.rglob("*.git"):
        arguments = ["git", "cat-file", "--batch", "--batch-all-objects"]
        objects = subprocess.run(arguments, cwd=repository, check=True, capture_output=True)
        yield f"the objects of {repository.name}", objects.stdout
    for number, (event, attributes) in enumerate(service.events):
        yield f"event {number}", f"{event} {attributes}".encode()
    for request in service.github.requests:
        yield f"the address of {request.method} {request.path}", request.path.encode()
    for pull in service.github.pulls(REPOSITORY):
        yield f"pull request {pull.number}", repr(pull).encode()


@pytest.mark.slow
def test_no_secret_is_left_anywhere(service: Service, keys: tuple[str, str]) -> None:
    said = work(service)
    service.kill_workers()
    found = dict(left_behind(service))
    found |= {f"response {number}": content for number, content in enumerate(said)}
    for name, secret in secrets(service, keys[0]).items():
        places = [place for place, content in found.items() if secret in content]
        assert places == [], name
    names = "\n".join(found)
    for place in ("store.sqlite", "artifacts/", "mirrors/", "worker.log", "git.trace", ".html"):
        assert place in names, place
    assert "remote-http" in found["git.trace"].decode(errors="replace")
    seen = [place for place, content in found.items() if SPY.encode() in content and "log" in place]
    assert any(place.startswith("shared/artifacts") for place in seen), "the tests' output is kept"


@pytest.mark.slow
def test_only_git_is_started_with_a_secret_and_only_in_its_environment(
    service: Service, keys: tuple[str, str]
) -> None:
    work(service)
    service.kill_workers()
    processes = list(read_processes(service.processes))
    with_token = 0
    for process in processes:
        arguments = "\0".join(process.arguments).encode()
        for name, secret in secrets(service, keys[0]).items():
            assert secret not in arguments, (name, process.arguments)
            holders = {
                variable
                for variable, value in process.environment.items()
                if secret in value.encode()
            }
            is_git = "git" in process.arguments
            assert holders <= ({GIT_TOKEN} if is_git else set()), (name, process.arguments)
            with_token += bool(holders)
    assert with_token > 0, "the record has git's processes"
