"""How the stand-in answers: refusals in GitHub's form, and pages of rows."""

from fastapi import Request
from fastapi.responses import JSONResponse

from tests.stand_ins.github.shapes import Json

_DOCS = "https://docs.github.com/rest"


class Refused(Exception):
    def __init__(
        self,
        status: int,
        message: str,
        *,
        errors: list[Json] | list[str] | None = None,
        location: str | None = None,
    ):
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors
        self.location = location

    def response(self) -> JSONResponse:
        body: Json = {
            "message": self.message,
            "documentation_url": _DOCS,
            "status": str(self.status),
        }
        if self.errors is not None:
            body["errors"] = self.errors
        if self.location:
            return JSONResponse(
                {"message": self.message, "url": self.location}, 301, {"Location": self.location}
            )
        return JSONResponse(body, self.status)


def invalid(
    field: str, code: str = "invalid", *, resource: str = "PullRequest", message: str | None = None
) -> Refused:
    error = {"resource": resource, "field": field, "code": code} | (
        {"message": message} if message else {}
    )
    return Refused(422, "Validation Failed", errors=[error])


def page(
    request: Request, rows: list[Json], *, key: str | None = None, around: Json | None = None
) -> JSONResponse:
    """Return one page: 30 rows by default, at most 100, with other pages in the Link header.

    With ``key``, the rows are in an object that also has their count and the fields of ``around``.
    """
    query = request.query_params
    size = min(max(int(query.get("per_page", "30")), 1), 100)
    number = int(query.get("page", "1"))
    last = max(-(-len(rows) // size), 1)
    pages: dict[str, int] = {}
    if number > 1:
        pages["prev"] = number - 1
    if number < last:
        pages["next"] = number + 1
        pages["last"] = last
    if number > 1:
        pages["first"] = 1
    links: list[str] = []
    for relation, other in pages.items():
        links.append(f'<{request.url.include_query_params(page=other)}>; rel="{relation}"')
    headers = {"Link": ", ".join(links)} if links else None
    shown = rows[(number - 1) * size : number * size]
    if key is None:
        return JSONResponse(shown, headers=headers)
    answer = {"total_count": len(rows), key: shown, **(around or {})}
    return JSONResponse(answer, headers=headers)
