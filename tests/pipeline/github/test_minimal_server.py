"""A server that speaks GitHub's API, but leaves out fields that a run can do without."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from pydantic import SecretStr

from pipeline.github.connection import Connection
from pipeline.github.rest import GithubForge
from pipeline.github.write_pace import WritePace
from pipeline.job import IssueRef

ISSUE = IssueRef.parse("https://github.com/octo/repo/issues/1")


class MinimalGithub(BaseHTTPRequestHandler):
    """The repository octo/repo with one issue."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: Any) -> None:
        """Keep standard error clean."""

    def do_GET(self) -> None:
        address = f"http://{self.headers['Host']}/repos/octo/repo"
        repository = {
            "full_name": "octo/repo",
            "url": address,
            "clone_url": "https://git.example.com/octo/repo.git",
            "default_branch": "main",
            "private": False,
            "archived": False,
        }
        issue = {
            "number": 1,
            "title": "Sums are wrong",
            "body": None,
            "state": "open",
            "locked": False,
            "comments": 0,
            "url": f"{address}/issues/1",
            "repository_url": address,
            "html_url": ISSUE.url,
            "user": {"login": "ada"},
        }
        answers = {"/repos/octo/repo": repository, "/repos/octo/repo/issues/1": issue}
        body = json.dumps(answers[self.path]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def forge() -> Iterator[GithubForge]:
    with ThreadingHTTPServer(("127.0.0.1", 0), MinimalGithub) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        token = SecretStr("a-token")
        yield GithubForge(Connection(api_url=address, token=token, pace=WritePace(0.0)))
        server.shutdown()


def test_a_repository_of_unknown_size_counts_as_small(forge: GithubForge) -> None:
    assert forge.repository(ISSUE).size_kb == 0


def test_an_issue_without_labels_and_assignees_has_none(forge: GithubForge) -> None:
    issue = forge.issue(ISSUE)
    assert (issue.labels, issue.assignees) == ((), ())
