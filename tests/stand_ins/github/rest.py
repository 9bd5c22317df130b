"""The REST routes that PyGithub 2.10 calls for our forge, with GitHub's documented errors."""

import re
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from tests.stand_ins.github.answers import Refused, invalid, page
from tests.stand_ins.github.shapes import Json, Shapes
from tests.stand_ins.github.world import Issue, Level, Pull, Repository, Token, World

#: The beginning of a route, and the permission that it needs
#: (https://docs.github.com/rest/authentication/permissions-required-for-fine-grained-personal-access-tokens).
_PERMISSIONS = (
    (r"/issues/(?P<number>\d+)/labels", "pull_requests"),
    (r"/commits/(?P<sha>[^/]+)/check-runs", "checks"),
    (r"/commits/(?P<sha>[^/]+)/status", "statuses"),
    ("/check-runs", "checks"),
    ("/branches", "contents"),
    ("/git", "contents"),
    ("/actions", "actions"),
    ("/issues", "issues"),
    ("/pulls", "pull_requests"),
    ("/forks", "administration"),
)
_REPOSITORY = r"/(?:repos/(?P<name>[^/]+/[^/]+)|repositories/(?P<id>\d+))"


#: Method, the path below the repository's (a regex whose groups are the handler's arguments), and
#: handler.
Route = tuple[str, str, Callable[..., Response]]


class Rest:
    """One request at a time: handlers run on the server's loop and await only the body."""

    def __init__(self, world: World, shapes: Shapes):
        self._world = world
        self._shapes = shapes
        #: What a reader may do too: fork, and open or edit a pull request of its own.
        self._open = {self._fork, self._create_pull, self._edit_pull}
        self._routes: list[Route] = [
            ("GET", "", self._repository),
            ("GET", "/issues", self._list_issues),
            ("GET", r"/issues/(?P<number>\d+)", self._issue),
            ("GET", r"/issues/(?P<number>\d+)/comments", self._comments),
            ("POST", r"/issues/(?P<number>\d+)/labels", self._add_labels),
            ("POST", "/forks", self._fork),
            ("GET", "/pulls", self._list_pulls),
            ("POST", "/pulls", self._create_pull),
            ("GET", r"/pulls/(?P<number>\d+)", self._pull),
            ("PATCH", r"/pulls/(?P<number>\d+)", self._edit_pull),
            ("POST", r"/pulls/(?P<number>\d+)/requested_reviewers", self._request_reviewers),
        ]

    def add(self, routes: "list[Route]", *, open_to_readers: bool) -> None:
        """Add another area's routes. ``open_to_readers``: whoever reads may also write there."""
        self._routes += routes
        if open_to_readers:
            self._open |= {handler for _, _, handler in routes}

    def attach(self, app: FastAPI) -> None:
        app.add_api_route(
            "/api/v3/{path:path}", self._answer, methods=["GET", "POST", "PATCH", "PUT", "DELETE"]
        )

    async def _answer(self, request: Request) -> Response:
        path = "/" + request.path_params["path"]
        try:
            token = self.authenticated(request)
            if (request.method, path) == ("GET", "/rate_limit"):
                return JSONResponse(self._shapes.rate_limits())
            for method, tail, handler in self._routes:
                if request.method == method and (match := re.fullmatch(_REPOSITORY + tail, path)):
                    repository = self._visible(match["name"], match["id"], token, path)
                    arguments = _arguments(match)
                    self._check_permission(request.method, tail, repository, token, arguments)
                    if method != "GET" and handler not in self._open:
                        self._may_write(repository, token)
                    body = await request.json() if method != "GET" else None
                    response = handler(request, repository, token, body, *arguments)
                    if token.permissions is None:
                        response.headers["X-OAuth-Scopes"] = ", ".join(token.scopes)
                    return response
            raise Refused(404, "Not Found")
        except Refused as refused:
            return refused.response()

    def _check_permission(
        self,
        method: str,
        tail: str,
        repository: Repository,
        token: Token,
        arguments: "list[int | str]",
    ) -> None:
        """Refuse what the token's own limits forbid; 404 for a classic one without the scope."""
        level: Level = "read" if method == "GET" else "write"
        permission = next(
            (name for part, name in _PERMISSIONS if tail.startswith(part)), "metadata"
        )
        if permission == "metadata" or token.may(permission, level, repository):
            return
        # Of a pull request's comments, either permission is enough.
        is_comment_of_pull = "comments" in tail and _commented(repository, arguments[0]) is not None
        if is_comment_of_pull and token.may("pull_requests", level, repository):
            return
        if token.permissions is None:
            raise Refused(404, "Not Found")
        raise Refused(403, token.refusal)

    def authenticated(self, request: Request) -> Token:
        """Return the request's token.

        Stricter than GitHub, which lets anyone read public repositories: our forge always has one.
        """
        if not request.headers.get("user-agent"):
            raise Refused(
                403,
                "Request forbidden by administrative rules. Please make sure your request has a "
                "User-Agent header",
            )
        kind, _, secret = request.headers.get("authorization", "").partition(" ")
        if not secret:
            raise Refused(401, "Requires authentication")
        token = self._world.tokens.get(secret) if kind.lower() in ("token", "bearer") else None
        if token is None:
            raise Refused(401, "Bad credentials")
        return token

    def find_repository(self, name: str, token: Token) -> Repository | None:
        """Return the repository of that name if the token can see it. GraphQL follows no rename."""
        repository = self._world.named(name)
        return repository if self._world.visible(repository, token) else None

    def _visible(self, name: str | None, number: str | None, token: Token, path: str) -> Repository:
        moved = self._world.renamed.get(name.lower()) if name else None
        repository = (
            self._world.named(name) if name else self._world.repositories.get(int(number or 0))
        )
        if (
            repository is None
            and moved
            and self._world.visible(self._world.repositories[moved], token)
        ):
            rest = "/".join(path.split("/")[4:])
            location = f"{self._shapes.api}/repositories/{moved}" + (f"/{rest}" if rest else "")
            raise Refused(301, "Moved Permanently", location=location)
        if repository is None or not self._world.visible(repository, token):
            raise Refused(404, "Not Found")
        return repository

    def _may_write(self, repository: Repository, token: Token) -> None:
        if not token.is_writers(repository):
            raise Refused(403, "Must have write access to the repository.")
        if repository.archived:
            raise Refused(403, "Repository was archived so is read-only.")

    def find_issue(self, repository: Repository, number: int) -> Issue:
        if not repository.has_issues:
            raise Refused(410, "Issues has been disabled in this repository.")
        issue = repository.issues.get(number)
        if issue is None:
            raise Refused(404, "Not Found")
        if issue.deleted:
            raise Refused(410, "This issue was deleted")
        if issue.moved_to:
            place = (
                f"{self._shapes.api}/repositories/{issue.moved_to[0]}/issues/{issue.moved_to[1]}"
            )
            raise Refused(301, "Moved Permanently", location=place)
        return issue

    def find_pull(self, repository: Repository, number: int) -> Pull:
        if number not in repository.pulls:
            raise Refused(404, "Not Found")
        return repository.pulls[number]

    def _repository(
        self, request: Request, repository: Repository, token: Token, body: Any
    ) -> Response:
        return JSONResponse(self._shapes.repository(repository, token))

    def _list_issues(
        self, request: Request, repository: Repository, token: Token, body: Any
    ) -> Response:
        """Return open issues and pull requests, newest first; the only filter is ``state``."""
        state = request.query_params.get("state", "open")
        issues = [issue for issue in repository.issues.values() if state in ("all", issue.state)]
        newest_first = sorted(issues, key=lambda issue: issue.number, reverse=True)
        return page(
            request,
            [self._shapes.issue(repository, issue) for issue in newest_first],
        )

    def _issue(
        self, request: Request, repository: Repository, token: Token, body: Any, number: int
    ) -> Response:
        return JSONResponse(self._shapes.issue(repository, self.find_issue(repository, number)))

    def _comments(
        self, request: Request, repository: Repository, token: Token, body: Any, number: int
    ) -> Response:
        issue = self.find_issue(repository, number)
        return page(
            request,
            [self._shapes.comment(repository, issue, comment) for comment in issue.comments],
        )

    def _add_labels(
        self, request: Request, repository: Repository, token: Token, body: Any, number: int
    ) -> Response:
        issue = self.find_issue(repository, number)
        names = body.get("labels") if isinstance(body, dict) else body
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise Refused(422, "Invalid request.")
        if any(not 0 < len(name) <= 50 for name in names):
            raise invalid("name", resource="Label")
        issue.labels += [name for name in dict.fromkeys(names) if name not in issue.labels]
        return JSONResponse([self._shapes.label(repository, name) for name in issue.labels])

    def _fork(self, request: Request, repository: Repository, token: Token, body: Any) -> Response:
        if token.permissions is not None:
            raise Refused(403, token.refusal)
        if not repository.allow_forking or repository.owner == token.login:
            raise Refused(403, "The repository exists, but forking is disabled.")
        return JSONResponse(
            self._shapes.repository(self._world.fork(repository, token.login), token), 202
        )

    def _list_pulls(
        self, request: Request, repository: Repository, token: Token, body: Any
    ) -> Response:
        query = request.query_params
        state = query.get("state", "open")
        head = query.get("head", "")
        base = query.get("base")
        if state not in ("open", "closed", "all"):
            raise invalid("state")
        rows = [pull for pull in repository.pulls.values() if state in ("all", pull.issue.state)]
        # As on GitHub, a head in any other form is ignored, and the owner's case matters.
        if ":" in head:
            rows = [pull for pull in rows if f"{pull.source.owner}:{pull.head}" == head]
        if base:
            rows = [pull for pull in rows if pull.base == base]
        # Newest first unless asked: the default direction is descending for the default sort.
        rows.sort(key=lambda pull: pull.number, reverse=query.get("direction", "desc") == "desc")
        return page(
            request,
            [self._shapes.pull(repository, pull, token) for pull in rows],
        )

    def _create_pull(
        self, request: Request, repository: Repository, token: Token, body: Any
    ) -> Response:
        for name in ("title", "head", "base"):
            if not isinstance(body.get(name), str) or not body[name].strip():
                raise Refused(422, f'Invalid request.\n\n"{name}" wasn\'t supplied.')
        self._check_texts(body)
        owner, _, head = body["head"].rpartition(":")
        base = body["base"]
        source = self._source(repository, owner or repository.owner)
        if source is repository:
            self._may_write(repository, token)
        if repository.pull_requests_forbidden:
            raise Refused(
                403, "GitHub Actions is not permitted to create or approve pull requests."
            )
        base_sha = repository.sha(base)
        head_sha = source.sha(head) if source else None
        if source is None or head_sha is None:
            raise invalid("head")
        if source is not repository:
            repository.fetch_branch(source, head)
        if base_sha is None:
            raise invalid("base")
        if self._has_open_pull(repository, head, source, base):
            raise self._custom(f"A pull request already exists for {source.owner}:{head}.")
        if repository.commits_between(base_sha, head_sha) == 0:
            raise self._custom(f"No commits between {base} and {head}")
        if body.get("draft") and not repository.has_drafts:
            raise Refused(422, "Draft pull requests are not supported in this repository.")
        world = self._world
        number = max(repository.issues, default=0) + 1
        issue = Issue(
            world.next_id(),
            number,
            body["title"],
            body.get("body"),
            token.login,
            world.timestamp(),
            is_pull_request=True,
        )
        repository.issues[number] = issue
        pull = Pull(issue, head, base, bool(body.get("draft", False)), head_sha, base_sha, source)
        repository.pulls[number] = pull
        return JSONResponse(self._shapes.whole_pull(repository, pull, token), 201)

    def _source(self, repository: Repository, owner: str) -> Repository | None:
        """Return the repository or the fork of it that belongs to ``owner``."""
        forks = [fork for fork in self._world.repositories.values() if fork.parent is repository]
        for candidate in [repository, *forks]:
            if candidate.owner.lower() == owner.lower():
                return candidate
        return None

    def _has_open_pull(
        self, repository: Repository, head: str, source: Repository, base: str
    ) -> bool:
        for pull in repository.pulls.values():
            same_branches = pull.head == head and pull.source is source and pull.base == base
            if same_branches and pull.issue.state == "open":
                return True
        return False

    def _pull(
        self, request: Request, repository: Repository, token: Token, body: Any, number: int
    ) -> Response:
        return JSONResponse(
            self._shapes.whole_pull(repository, self.find_pull(repository, number), token)
        )

    def _edit_pull(
        self, request: Request, repository: Repository, token: Token, body: Any, number: int
    ) -> Response:
        pull = self.find_pull(repository, number)
        if pull.issue.author != token.login:
            self._may_write(repository, token)
        if body.get("state") not in (None, "open", "closed"):
            raise invalid("state")
        self._check_texts(body)
        pull.issue.title = body.get("title", pull.issue.title)
        pull.issue.body = body.get("body", pull.issue.body)
        pull.issue.state = body.get("state", pull.issue.state)
        return JSONResponse(self._shapes.whole_pull(repository, pull, token))

    def _request_reviewers(
        self, request: Request, repository: Repository, token: Token, body: Any, number: int
    ) -> Response:
        pull = self.find_pull(repository, number)
        names = body.get("reviewers", [])
        if pull.issue.author in names:
            raise Refused(422, "Review cannot be requested from pull request author.")
        if strangers := [name for name in names if name not in repository.collaborators]:
            raise Refused(
                422,
                "Reviews may only be requested from collaborators. One or more of the users or"
                f" teams you specified is not a collaborator of the {repository.full_name}"
                " repository.",
                errors=[f"Could not add requested reviewers: {strangers}"],
            )
        pull.reviewers += [name for name in dict.fromkeys(names) if name not in pull.reviewers]
        return JSONResponse(self._shapes.pull(repository, pull, token), 201)

    def _check_texts(self, body: Json) -> None:
        for name, limit in (("title", 256), ("body", 65_536)):
            if len(body.get(name) or "") > limit:
                text = f"{name} is too long (maximum is {limit} characters)"
                raise invalid(name, "custom", resource="Issue", message=text)

    def _custom(self, message: str) -> Refused:
        return Refused(
            422,
            "Validation Failed",
            errors=[{"resource": "PullRequest", "code": "custom", "message": message}],
        )


def _commented(repository: Repository, number: int | str) -> Pull | None:
    """Return the pull request with this number, or with a comment of this id below it."""
    for pull in repository.pulls.values():
        ids = [comment.id for comment in pull.issue.comments]
        if number == pull.number or number in ids:
            return pull
    return None


def _arguments(match: re.Match[str]) -> list[int | str]:
    """Return the values of a path's groups below the repository; those named ``..._id`` and
    ``number`` are numbers.
    """
    values: list[int | str] = []
    for name, value in match.groupdict().items():
        if name in ("name", "id"):
            continue
        is_number = name == "number" or name.endswith("_id")
        values.append(int(value) if is_number else value)
    return values
