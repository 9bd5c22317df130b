"""What people say on pull requests: reviews, comments on lines, and comments below them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from tests.stand_ins.github.answers import Refused, invalid, page
from tests.stand_ins.github.records import LineComment, Review, ReviewState
from tests.stand_ins.github.rest import Rest, Route
from tests.stand_ins.github.shapes import WEB, Json, Shapes
from tests.stand_ins.github.world import Comment, Issue, Pull, Repository, Token, World

MAX_BODY = 65_536


@dataclass(frozen=True)
class OnLine:
    """A comment of a review that is to be submitted."""

    path: str
    line: int | None
    """None for the whole file."""
    body: str
    start_line: int | None = None


class Reviews:
    """The routes of this area, and what tests do as people on the page."""

    def __init__(self, world: World, shapes: Shapes, rest: Rest):
        self._world = world
        self._shapes = shapes
        self._rest = rest

    def attach(self) -> None:
        """Add the routes. Whoever may read may also comment."""
        comment = r"/issues/comments/(?P<comment_id>\d+)"
        replies = r"/pulls/(?P<number>\d+)/comments/(?P<comment_id>\d+)/replies"
        routes: list[Route] = [
            ("POST", r"/issues/(?P<number>\d+)/comments", self._create_comment),
            ("PATCH", comment, self._edit_comment),
            ("GET", r"/pulls/(?P<number>\d+)/reviews", self._list_reviews),
            ("GET", r"/pulls/(?P<number>\d+)/comments", self._list_line_comments),
            ("POST", replies, self._create_reply),
            ("GET", r"/collaborators/(?P<login>[^/]+)/permission", self._permission),
        ]
        self._rest.add(routes, open_to_readers=True)

    # What people do on the page

    def submit(
        self,
        full_name: str,
        number: int,
        author: str | None,
        body: str = "",
        *,
        state: ReviewState = "COMMENTED",
        comments: Sequence[OnLine] = (),
    ) -> tuple[int, ...]:
        """Submit a review; return its id, followed by those of its comments on lines."""
        pull = self._world.get(full_name).pulls[number]
        review = Review(
            self._world.next_id(),
            author,
            body,
            state,
            None if state == "PENDING" else self._world.timestamp(),
            pull.head_sha,
        )
        pull.reviews.append(review)
        ids = [review.id]
        for new in comments:
            hunk = f"@@ -{new.line},1 +{new.line},1 @@\n+a line" if new.line else ""
            comment = self._line_comment(pull, review, new.body, path=new.path, diff_hunk=hunk)
            comment.line = new.line
            comment.start_line = new.start_line
            ids.append(comment.id)
        return tuple(ids)

    def reply_on_line(
        self, full_name: str, number: int, comment_id: int, author: str | None, body: str
    ) -> int:
        """Reply in the thread of a comment; return the reply's id."""
        pull = self._world.get(full_name).pulls[number]
        return self._reply(pull, _line_comment_of(pull, comment_id), author, body).id

    def resolve(self, full_name: str, number: int, comment_id: int) -> None:
        """Resolve the thread that a comment begins."""
        pull = self._world.get(full_name).pulls[number]
        _line_comment_of(pull, comment_id).is_resolved = True

    def outdate(self, full_name: str, number: int, comment_id: int) -> None:
        """Take the lines of a comment out of the diff, as a later push does."""
        pull = self._world.get(full_name).pulls[number]
        _line_comment_of(pull, comment_id).is_outdated = True

    def delete_line_comments(self, full_name: str, number: int) -> None:
        self._world.get(full_name).pulls[number].line_comments.clear()

    def line_comments(self, full_name: str, number: int) -> list[LineComment]:
        return list(self._world.get(full_name).pulls[number].line_comments)

    def comments(self, full_name: str, number: int) -> list[Comment]:
        """Return the comments below an issue or a pull request."""
        return list(self._world.get(full_name).issues[number].comments)

    def set_role(
        self, full_name: str, login: str, role: str, *, based_on: str | None = None
    ) -> None:
        """Give somebody a role; ``based_on`` is the role that an organization's own one extends."""
        repository = self._world.get(full_name)
        repository.roles[login] = role
        if based_on is not None:
            repository.custom_roles[role] = based_on

    def remove_account(self, login: str) -> None:
        self._world.missing_logins.add(login)

    # Routes

    def _create_comment(
        self, request: Request, repository: Repository, token: Token, body: Any, number: int
    ) -> Response:
        issue = self._rest.find_issue(repository, number)
        self._check_open(repository, issue, token)
        text = _checked_body(body, resource="IssueComment")
        now = self._world.timestamp()
        comment = Comment(self._world.next_id(), token.login, text, now, now)
        issue.comments.append(comment)
        return JSONResponse(self._shapes.comment(repository, issue, comment), 201)

    def _edit_comment(
        self, request: Request, repository: Repository, token: Token, body: Any, comment_id: int
    ) -> Response:
        for issue in repository.issues.values():
            for comment in issue.comments:
                if comment.id == comment_id:
                    if comment.author != token.login and not token.is_writers(repository):
                        raise Refused(403, "Must have admin rights to Repository.")
                    self._check_archived(repository)
                    comment.body = _checked_body(body, resource="IssueComment")
                    self._world.next_id()
                    comment.updated_at = self._world.timestamp()
                    return JSONResponse(self._shapes.comment(repository, issue, comment))
        raise Refused(404, "Not Found")

    def _list_reviews(
        self, request: Request, repository: Repository, token: Token, body: Any, number: int
    ) -> Response:
        """Return reviews in the order of their submission; pending ones only to their author."""
        pull = self._rest.find_pull(repository, number)
        rows: list[Json] = []
        for review in pull.reviews:
            if review.state != "PENDING" or review.author == token.login:
                rows.append(self.review_shape(repository, pull, review))
        return page(request, rows)

    def _list_line_comments(
        self, request: Request, repository: Repository, token: Token, body: Any, number: int
    ) -> Response:
        """Return comments on lines, oldest first. ``direction`` works only beside ``sort``."""
        pull = self._rest.find_pull(repository, number)
        pending = [review.id for review in pull.reviews if review.state == "PENDING"]
        comments = [each for each in pull.line_comments if each.review_id not in pending]
        query = request.query_params
        if query.get("sort") == "created" and query.get("direction") == "desc":
            comments.reverse()
        return page(request, [self.line_comment_shape(repository, pull, each) for each in comments])

    def _create_reply(
        self,
        request: Request,
        repository: Repository,
        token: Token,
        body: Any,
        number: int,
        comment_id: int,
    ) -> Response:
        """Reply to the first comment of a thread: GitHub supports no replies to replies."""
        pull = self._rest.find_pull(repository, number)
        self._check_open(repository, pull.issue, token)
        text = _checked_body(body, resource="PullRequestReviewComment")
        first = [each for each in pull.line_comments if each.id == comment_id]
        if not first or first[0].in_reply_to is not None:
            raise Refused(404, "Not Found")
        reply = self._reply(pull, first[0], token.login, text)
        return JSONResponse(self.line_comment_shape(repository, pull, reply), 201)

    def _permission(
        self, request: Request, repository: Repository, token: Token, body: Any, login: str
    ) -> Response:
        if login.endswith("[bot]") or login in self._world.missing_logins:
            raise Refused(404, f"{login} is not a user")
        role = self._role(repository, login)
        # The older field knows no roles between these.
        older = {"admin": "admin", "maintain": "write", "write": "write", "none": "none"}
        user = self._shapes.user(login) | {
            "role_name": role,
            "permissions": {
                "pull": role != "none",
                "triage": role in ("triage", "write", "maintain", "admin"),
                "push": role in ("write", "maintain", "admin"),
                "maintain": role in ("maintain", "admin"),
                "admin": role == "admin",
            },
        }
        permission = repository.custom_roles.get(role) or older.get(role, "read")
        return JSONResponse({"permission": permission, "role_name": role, "user": user})

    def _role(self, repository: Repository, login: str) -> str:
        if login in repository.roles:
            return repository.roles[login]
        if login == repository.owner:
            return "admin"
        if login in repository.collaborators:
            return "write"
        return "none" if repository.private else "read"

    def _check_open(self, repository: Repository, issue: Issue, token: Token) -> None:
        self._check_archived(repository)
        if issue.locked and not token.is_writers(repository):
            raise Refused(403, "Unable to create comment because issue is locked.")

    def _check_archived(self, repository: Repository) -> None:
        if repository.archived:
            raise Refused(403, "Repository was archived so is read-only.")

    # Data and shapes

    def _reply(self, pull: Pull, first: LineComment, author: str | None, body: str) -> LineComment:
        """Add a reply, which GitHub submits as a review of its own."""
        thread = first.in_reply_to or first.id
        review = Review(
            self._world.next_id(), author, "", "COMMENTED", self._world.timestamp(), pull.head_sha
        )
        pull.reviews.append(review)
        reply = self._line_comment(pull, review, body, path=first.path, diff_hunk=first.diff_hunk)
        reply.line = first.line
        reply.start_line = first.start_line
        reply.in_reply_to = thread
        return reply

    def _line_comment(
        self, pull: Pull, review: Review, body: str, *, path: str, diff_hunk: str
    ) -> LineComment:
        now = self._world.timestamp()
        comment = LineComment(
            id=self._world.next_id(),
            author=review.author,
            body=body,
            created_at=now,
            updated_at=now,
            review_id=review.id,
            path=path,
            line=None,
            start_line=None,
            diff_hunk=diff_hunk,
            commit_id=pull.head_sha,
        )
        pull.line_comments.append(comment)
        return comment

    def review_shape(self, repository: Repository, pull: Pull, review: Review) -> Json:
        web = f"{WEB}/{repository.full_name}/pull/{pull.number}"
        api = f"{self._shapes.api}/repos/{repository.full_name}/pulls/{pull.number}"
        html_url = f"{web}#pullrequestreview-{review.id}"
        shape: Json = {
            "id": review.id,
            "node_id": f"PRR_{review.id}",
            "user": self._shapes.user(review.author) if review.author else None,
            "body": review.body,
            "state": review.state,
            "html_url": html_url,
            "pull_request_url": api,
            "author_association": self._shapes.association(repository, review.author),
            "commit_id": review.commit_id,
            "_links": {"html": {"href": html_url}, "pull_request": {"href": api}},
        }
        if review.submitted_at is not None:
            shape["submitted_at"] = review.submitted_at
        return shape

    def line_comment_shape(self, repository: Repository, pull: Pull, comment: LineComment) -> Json:
        base = f"{self._shapes.api}/repos/{repository.full_name}/pulls"
        web = f"{WEB}/{repository.full_name}/pull/{pull.number}#discussion_r{comment.id}"
        first = _line_comment_of(pull, comment.in_reply_to or comment.id)
        shape: Json = {
            "id": comment.id,
            "node_id": f"PRRC_{comment.id}",
            "pull_request_review_id": comment.review_id,
            "url": f"{base}/comments/{comment.id}",
            "html_url": web,
            "pull_request_url": f"{base}/{pull.number}",
            "diff_hunk": comment.diff_hunk,
            "path": comment.path,
            "start_line": None if first.is_outdated else comment.start_line,
            "original_start_line": comment.start_line,
            "side": "RIGHT",
            "subject_type": "file" if comment.line is None else "line",
            "commit_id": comment.commit_id,
            "original_commit_id": comment.commit_id,
            "user": self._shapes.user(comment.author) if comment.author else None,
            "body": comment.body,
            "created_at": comment.created_at,
            "updated_at": comment.updated_at,
            "author_association": self._shapes.association(repository, comment.author),
            "_links": {
                "self": {"href": f"{base}/comments/{comment.id}"},
                "html": {"href": web},
                "pull_request": {"href": f"{base}/{pull.number}"},
            },
        }
        # Where there is no line, GitHub sends null, which its own description does not allow.
        if comment.line is not None:
            shape["original_line"] = comment.line
            shape["original_position"] = comment.line
        if comment.line is not None and not first.is_outdated:
            shape["line"] = comment.line
            shape["position"] = comment.line
        if comment.start_line is not None:
            shape["start_side"] = "RIGHT"
        if comment.in_reply_to is not None:
            shape["in_reply_to_id"] = comment.in_reply_to
        return shape


def _line_comment_of(pull: Pull, comment_id: int) -> LineComment:
    for comment in pull.line_comments:
        if comment.id == comment_id:
            return comment
    raise KeyError(f"pull request {pull.number} has no comment {comment_id} on a line")


def _checked_body(body: Any, *, resource: str) -> str:
    text = body.get("body") if isinstance(body, dict) else None
    if not isinstance(text, str):
        raise Refused(422, 'Invalid request.\n\n"body" wasn\'t supplied.')
    if not text.strip():
        raise invalid("body", "custom", resource=resource, message="body cannot be blank")
    if len(text) > MAX_BODY:
        message = f"body is too long (maximum is {MAX_BODY} characters)"
        raise invalid("body", "custom", resource=resource, message=message)
    return text
