"""Check runs, commit statuses, which of them a branch requires, and the logs of jobs."""

import secrets
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from tests.stand_ins.github.answers import Refused, page
from tests.stand_ins.github.records import (
    CheckAnnotation,
    CheckRun,
    CommitStatus,
    RequiredCheck,
)
from tests.stand_ins.github.rest import Rest, Route
from tests.stand_ins.github.shapes import WEB, Json, Shapes
from tests.stand_ins.github.world import Repository, Token, World, git

ACTIONS = "github-actions"
"""The slug of the App that runs the jobs of GitHub Actions."""
ACTIONS_ID = 15368
_STAMP = "2026-01-05T09:00:00Z"
_MAX_SUMMARY = 65_535


class Checks:
    """The routes of this area, and what tests report as a CI system."""

    def __init__(self, world: World, shapes: Shapes, rest: Rest):
        self._world = world
        self._shapes = shapes
        self._rest = rest
        self._signed_logs: dict[str, str] = {}
        """The text of a log by the secret part of its signed address."""

    def attach(self, app: FastAPI) -> None:
        annotations = r"/check-runs/(?P<check_id>\d+)/annotations"
        routes: list[Route] = [
            ("GET", r"/commits/(?P<sha>[^/]+)/check-runs", self._list_runs),
            ("GET", annotations, self._list_annotations),
            ("GET", r"/commits/(?P<sha>[^/]+)/status", self._combined_status),
            ("GET", r"/branches/(?P<branch>.+)", self._branch),
            ("GET", r"/rules/branches/(?P<branch>.+)", self._rules),
            ("GET", r"/actions/jobs/(?P<job_id>\d+)/logs", self._log),
        ]
        self._rest.add(routes, open_to_readers=False)
        app.add_api_route("/signed-logs/{secret}", self._signed_log)

    # What a CI system reports, and what an administrator requires

    def add_run(
        self,
        full_name: str,
        sha: str,
        name: str,
        *,
        conclusion: str | None = "failure",
        app: str = ACTIONS,
        title: str | None = None,
        summary: str | None = None,
        annotations: Sequence[CheckAnnotation] = (),
        log: str | None = None,
    ) -> int:
        """Report a check run, which replaces an older one of the same name; return its id.

        It is still running if ``conclusion`` is None.
        """
        assert len(summary or "") <= _MAX_SUMMARY
        repository = self._world.get(full_name)
        run = CheckRun(
            self._world.next_id(),
            name,
            sha,
            "completed" if conclusion else "in_progress",
            conclusion,
            app,
            title,
            summary,
            list(annotations),
            log,
        )
        repository.check_runs.append(run)
        return run.id

    def add_status(
        self,
        full_name: str,
        sha: str,
        context: str,
        state: str,
        *,
        description: str | None = None,
    ) -> None:
        status = CommitStatus(self._world.next_id(), context, sha, state, description)
        self._world.get(full_name).statuses.append(status)

    def require(self, full_name: str, *contexts: str, branch: str = "main") -> None:
        """Require checks by the branch's classic protection."""
        required = self._world.get(full_name).protected_checks.setdefault(branch, [])
        required += [RequiredCheck(context) for context in contexts]

    def require_by_rule(
        self, full_name: str, context: str, *, branch: str = "main", app_id: int | None = None
    ) -> None:
        """Require a check by a ruleset."""
        required = self._world.get(full_name).rule_checks.setdefault(branch, [])
        required.append(RequiredCheck(context, app_id))

    # Routes

    def _list_runs(
        self, request: Request, repository: Repository, token: Token, body: Any, sha: str
    ) -> Response:
        """Return a commit's check runs, newest first: of each name only the latest, unless asked
        for all.
        """
        self._check_commit(repository, sha)
        runs: list[CheckRun] = []
        names: set[tuple[str, str]] = set()
        for run in reversed(repository.check_runs):
            is_older = (run.app, run.name) in names
            if run.sha != sha or (is_older and request.query_params.get("filter") != "all"):
                continue
            names.add((run.app, run.name))
            runs.append(run)
        rows = [self._run(repository, run) for run in runs]
        return page(request, rows, key="check_runs")

    def _list_annotations(
        self, request: Request, repository: Repository, token: Token, body: Any, check_id: int
    ) -> Response:
        run = _run_of(repository, check_id)
        return page(request, [self._annotation(repository, run, each) for each in run.annotations])

    def _combined_status(
        self, request: Request, repository: Repository, token: Token, body: Any, sha: str
    ) -> Response:
        self._check_commit(repository, sha)
        latest: dict[str, CommitStatus] = {}
        for status in repository.statuses:
            if status.sha == sha:
                latest[status.context] = status
        states = {status.state for status in latest.values()}
        state = "pending"
        if states & {"error", "failure"}:
            state = "failure"
        elif states == {"success"}:
            state = "success"
        url = f"{self._shapes.api}/repos/{repository.full_name}/commits/{sha}"
        combined: Json = {
            "state": state,
            "sha": sha,
            "repository": self._shapes.repository(repository, token),
            "commit_url": url,
            "url": f"{url}/status",
        }
        rows = [self._status(repository, status) for status in latest.values()]
        return page(request, rows, key="statuses", around=combined)

    def _branch(
        self, request: Request, repository: Repository, token: Token, body: Any, branch: str
    ) -> Response:
        sha = repository.sha(branch)
        if sha is None:
            raise Refused(404, "Branch not found")
        url = f"{self._shapes.api}/repos/{repository.full_name}/branches/{branch}"
        required = repository.protected_checks.get(branch, [])
        contexts = [check.context for check in required]
        checks = [{"context": check.context, "app_id": check.app_id} for check in required]
        shape: Json = {
            "name": branch,
            "commit": self._commit(repository, sha),
            "_links": {"self": url, "html": f"{WEB}/{repository.full_name}/tree/{branch}"},
            "protected": bool(required),
            "protection": {
                "enabled": bool(required),
                "required_status_checks": {
                    "enforcement_level": "non_admins" if required else "off",
                    "contexts": contexts,
                    "checks": checks,
                },
            },
            "protection_url": f"{url}/protection",
        }
        return JSONResponse(shape)

    def _rules(
        self, request: Request, repository: Repository, token: Token, body: Any, branch: str
    ) -> Response:
        """Return the active rules for a branch, which need not exist."""
        rows: list[Json] = []
        for number, check in enumerate(repository.rule_checks.get(branch, [])):
            configuration: Json = {"context": check.context}
            if check.app_id is not None:
                configuration["integration_id"] = check.app_id
            rule: Json = {
                "type": "required_status_checks",
                "parameters": {
                    "required_status_checks": [configuration],
                    "strict_required_status_checks_policy": False,
                },
                "ruleset_source_type": "Repository",
                "ruleset_source": repository.full_name,
                "ruleset_id": number + 1,
            }
            rows.append(rule)
        return page(request, rows)

    def _log(
        self, request: Request, repository: Repository, token: Token, body: Any, job_id: int
    ) -> Response:
        """Redirect to a signed address, which is valid without any credentials."""
        run = _run_of(repository, job_id)
        if run.log is None:
            raise Refused(410, "Server Error")
        secret = secrets.token_hex(8)
        self._signed_logs[secret] = run.log
        address = f"{self._shapes.origin}/signed-logs/{secret}"
        return Response(status_code=302, headers={"Location": address})

    async def _signed_log(self, request: Request, secret: str) -> Response:
        """Answer like the storage behind GitHub, which refuses credentials that it does not know
        (https://learn.microsoft.com/rest/api/storageservices/authorize-requests-to-azure-storage).
        """
        if "authorization" in request.headers:
            return PlainTextResponse("InvalidAuthenticationInfo", 401)
        return PlainTextResponse(self._signed_logs[secret])

    def _check_commit(self, repository: Repository, sha: str) -> None:
        found = git(repository.path, "cat-file", "-e", f"{sha}^{{commit}}", check=False)
        if found.returncode:
            raise Refused(422, f"No commit found for SHA: {sha}")

    # Shapes

    def _run(self, repository: Repository, run: CheckRun) -> Json:
        url = f"{self._shapes.api}/repos/{repository.full_name}/check-runs/{run.id}"
        web = f"{WEB}/{repository.full_name}/actions/runs/1/job/{run.id}"
        return {
            "id": run.id,
            "node_id": f"CR_{run.id}",
            "head_sha": run.sha,
            "name": run.name,
            "url": url,
            "html_url": web,
            "details_url": web,
            "external_id": "",
            "status": run.status,
            "conclusion": run.conclusion,
            "started_at": _STAMP,
            "completed_at": _STAMP if run.conclusion else None,
            "check_suite": {"id": 1},
            "app": self._app(run.app),
            "pull_requests": [],
            "output": {
                "title": run.title,
                "summary": run.summary,
                "text": None,
                "annotations_count": len(run.annotations),
                "annotations_url": f"{url}/annotations",
            },
        }

    def _app(self, slug: str) -> Json:
        return {
            "id": ACTIONS_ID if slug == ACTIONS else sum(slug.encode()),
            "slug": slug,
            "node_id": f"A_{slug}",
            "name": slug,
            "owner": self._shapes.user("github"),
            "description": None,
            "external_url": "https://example.com",
            "html_url": f"{WEB}/apps/{slug}",
            "created_at": _STAMP,
            "updated_at": _STAMP,
            "permissions": {},
            "events": [],
        }

    def _annotation(
        self, repository: Repository, run: CheckRun, annotation: CheckAnnotation
    ) -> Json:
        web = f"{WEB}/{repository.full_name}/blob/{run.sha}/{annotation.path}"
        return {
            "path": annotation.path,
            "blob_href": web,
            "start_line": annotation.line,
            "end_line": annotation.line,
            "start_column": None,
            "end_column": None,
            "annotation_level": annotation.level,
            "title": annotation.title,
            "message": annotation.message,
            "raw_details": None,
        }

    def _status(self, repository: Repository, status: CommitStatus) -> Json:
        url = f"{self._shapes.api}/repos/{repository.full_name}/statuses/{status.sha}"
        return {
            "id": status.id,
            "node_id": f"SC_{status.id}",
            "context": status.context,
            "state": status.state,
            "description": status.description,
            "target_url": None,
            "avatar_url": None,
            "url": url,
            "created_at": _STAMP,
            "updated_at": _STAMP,
        }

    def _commit(self, repository: Repository, sha: str) -> Json:
        url = f"{self._shapes.api}/repos/{repository.full_name}/commits/{sha}"
        web = f"{WEB}/{repository.full_name}/commit"
        shown = git(repository.path, "show", "--no-patch", "--format=%T %P", sha).stdout
        tree, *parents = shown.decode().split()
        person = {"name": "A Person", "email": "person@example.com", "date": _STAMP}
        return {
            "url": url,
            "sha": sha,
            "node_id": f"C_{sha}",
            "html_url": f"{web}/{sha}",
            "comments_url": f"{url}/comments",
            "author": self._shapes.user(repository.owner),
            "committer": self._shapes.user(repository.owner),
            "commit": {
                "url": url,
                "author": person,
                "committer": person,
                "message": "A commit",
                "comment_count": 0,
                "tree": {"sha": tree, "url": f"{url}/tree"},
            },
            "parents": [
                {"sha": parent, "url": url, "html_url": f"{web}/{parent}"} for parent in parents
            ],
        }


def _run_of(repository: Repository, run_id: int) -> CheckRun:
    for run in repository.check_runs:
        if run.id == run_id:
            return run
    raise Refused(404, "Not Found")
