"""The part of GitHub's GraphQL API that our forge asks, checked against its public schema.

https://docs.github.com/en/graphql/reference/objects#issue has the types. Unlike REST, an error has
the status 200.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from tests.stand_ins.github.accounts import Accounts
from tests.stand_ins.github.answers import Refused
from tests.stand_ins.github.rest import Rest
from tests.stand_ins.github.shapes import Json
from tests.stand_ins.github.world import Issue, Pull

_TOKEN = re.compile(r"\.\.\.|[A-Za-z_]\w*|\$\w+|\d+|[!{}()\[\]:,]")
_VIEWER = re.compile(r"\s*query\s*\{\s*viewer\s*\{\s*login\s+databaseId\s*\}\s*\}\s*")
_VARIABLES = "$owner: String!, $name: String!, $number: Int!"
_PAGED_VARIABLES = f"{_VARIABLES}, $before: String"
_PAGE_SIZE = 100
#: type -> field -> the type of its value (None for a scalar)
_SCHEMA: dict[str, dict[str, str | None]] = {
    "Query": {"repository": "Repository"},
    "Repository": {"issue": "Issue", "pullRequest": "PullRequest", "nameWithOwner": None},
    "PullRequest": {"number": None, "reviewThreads": "PullRequestReviewThreadConnection"},
    "PullRequestReviewThreadConnection": {
        "nodes": "PullRequestReviewThread",
        "pageInfo": "PageInfo",
        "totalCount": None,
    },
    "PageInfo": {"hasPreviousPage": None, "startCursor": None},
    "PullRequestReviewThread": {
        "isResolved": None,
        "isOutdated": None,
        "comments": "PullRequestReviewCommentConnection",
    },
    "PullRequestReviewCommentConnection": {"nodes": "PullRequestReviewComment"},
    "PullRequestReviewComment": {"fullDatabaseId": None},
    "Issue": {
        "number": None,
        "title": None,
        "body": None,
        "createdAt": None,
        "updatedAt": None,
        "lastEditedAt": None,
        "timelineItems": "IssueTimelineItemsConnection",
    },
    "IssueTimelineItemsConnection": {"nodes": "IssueTimelineItems", "totalCount": None},
    "IssueTimelineItems": {"RenamedTitleEvent": "RenamedTitleEvent"},
    "RenamedTitleEvent": {"createdAt": None},
}
_ARGUMENTS = {
    "repository": "owner:$owner,name:$name",
    "issue": "number:$number",
    "pullRequest": "number:$number",
    "reviewThreads": f"last:{_PAGE_SIZE},before:$before",
    "comments": "first:1",
    "timelineItems": "itemTypes:[RENAMED_TITLE_EVENT],last:1",
}


class _Invalid(Exception):
    pass


@dataclass
class _Field:
    name: str
    fields: "dict[str, _Field]" = field(default_factory=dict)


class GraphQl:
    def __init__(self, rest: Rest, accounts: Accounts):
        self._rest = rest
        self._accounts = accounts

    def attach(self, app: FastAPI) -> None:
        app.add_api_route("/api/graphql", self._answer, methods=["POST"])

    async def _answer(self, request: Request) -> Response:
        try:
            token = self._rest.authenticated(request)
        except Refused as refused:
            return refused.response()
        body = await request.json()
        if _VIEWER.fullmatch(body["query"]):
            return JSONResponse({"data": {"viewer": self._accounts.viewer(token)}})
        variables = body["variables"]
        try:
            query = _parse(body["query"])
            _check_types(variables)
        except _Invalid as error:
            return JSONResponse({"errors": [{"message": str(error)}]})
        name = f"{variables['owner']}/{variables['name']}"
        repository = self._rest.find_repository(name, token)
        if repository is None:
            return _not_found("repository", f"Could not resolve to a Repository with '{name}'.")
        asked = query.fields["repository"].fields
        values: Json = {"nameWithOwner": repository.full_name}
        if "issue" in asked:
            issue = repository.issues.get(variables["number"])
            if issue is None or issue.deleted or issue.is_pull_request:
                return _not_found("issue", "Could not resolve to an Issue with that number.")
            values["issue"] = _values(issue)
        if "pullRequest" in asked:
            pull = repository.pulls.get(variables["number"])
            if pull is None:
                message = "Could not resolve to a PullRequest with that number."
                return _not_found("pullRequest", message)
            values["pullRequest"] = _pull_values(pull, variables.get("before"))
        return JSONResponse({"data": _select({"repository": values}, query)})


def _pull_values(pull: Pull, before: str | None) -> Json:
    """Return the page of threads that ends before the cursor ``before``, or the last page."""
    threads: list[Json] = []
    for comment in pull.line_comments:
        if comment.in_reply_to is None:
            thread = {
                "isResolved": comment.is_resolved,
                "isOutdated": comment.is_outdated,
                "comments": {"nodes": [{"fullDatabaseId": str(comment.id)}]},
            }
            threads.append(thread)
    end = len(threads) if before is None else int(before)
    start = max(end - _PAGE_SIZE, 0)
    connection = {
        "nodes": threads[start:end],
        "pageInfo": {"hasPreviousPage": start > 0, "startCursor": str(start)},
        "totalCount": len(threads),
    }
    return {"number": pull.number, "reviewThreads": connection}


def _values(issue: Issue) -> Json:
    renamed = [{"createdAt": time} for time in issue.renamed_at]
    return {
        "number": issue.number,
        "title": issue.title,
        "body": issue.body or "",
        "createdAt": issue.created_at,
        "updatedAt": issue.created_at,
        "lastEditedAt": issue.edited_at,
        "timelineItems": {"nodes": renamed[-1:], "totalCount": len(renamed)},
    }


def _select(values: Json, query: _Field) -> Json:
    selected: Json = {}
    for name, inner in query.fields.items():
        value = values[name]
        if isinstance(value, dict):
            value = _select(value, inner)
        elif isinstance(value, list):
            value = [_select(each, inner) for each in value]
        selected[name] = value
    return selected


def _check_types(variables: Json) -> None:
    types = {"owner": str, "name": str, "number": int}
    given = {name: type(value) for name, value in variables.items() if name != "before"}
    if given != types or not isinstance(variables.get("before"), str | None):
        raise _Invalid("Variables of wrong types were provided")


def _not_found(name: str, message: str) -> Response:
    error = {"type": "NOT_FOUND", "path": [name], "message": message}
    return JSONResponse({"data": {name: None}, "errors": [error]})


def _parse(query: str) -> _Field:
    tokens = iter(_TOKEN.findall(query))
    known = [variables.replace(" ", "") for variables in (_VARIABLES, _PAGED_VARIABLES)]
    if next(tokens) != "query" or _arguments(tokens, next(tokens)) not in known:
        raise _Invalid(f"Expected one query with the variables {_VARIABLES}")
    root = _Field("query")
    if next(tokens) != "{":
        raise _Invalid("Expected LCURLY")
    _parse_fields(tokens, root, "Query")
    return root


def _parse_fields(tokens: Iterator[str], parent: _Field, type_name: str) -> None:
    """Read the fields of a type up to the closing brace."""
    known: Any = _SCHEMA[type_name]
    child: _Field | None = None
    for token in tokens:
        if token == "}":
            return
        if token == "(" and child is not None:
            if _arguments(tokens, token) != _ARGUMENTS.get(child.name):
                raise _Invalid(f"Field '{child.name}' doesn't accept these arguments")
        elif token == "{" and child is not None:
            inner = known[child.name]
            if inner is None:
                raise _Invalid(f"Field '{child.name}' is a scalar and has no fields")
            _parse_fields(tokens, child, inner)
        elif token == "...":
            if next(tokens) != "on" or next(tokens) not in known or next(tokens) != "{":
                raise _Invalid(f"Fragment can't be spread inside {type_name}")
            _parse_fields(tokens, parent, "RenamedTitleEvent")
        elif token not in known:
            raise _Invalid(f"Field '{token}' doesn't exist on type '{type_name}'")
        else:
            child = _Field(token)
            parent.fields[token] = child
    raise _Invalid("Expected RCURLY, actual: (none)")


def _arguments(tokens: Iterator[str], opening: str) -> str:
    """Read arguments up to the closing parenthesis, and return them without spaces."""
    if opening != "(":
        raise _Invalid(f"Expected LPAREN, actual: {opening}")
    text = ""
    for token in tokens:
        if token == ")":
            return text
        text += token
    raise _Invalid("Expected RPAREN, actual: (none)")
