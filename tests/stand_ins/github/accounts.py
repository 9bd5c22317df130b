"""Who a token is, and who people are: ``/user``, ``/users/LOGIN`` and GraphQL's ``viewer``."""

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from tests.stand_ins.github.answers import Refused
from tests.stand_ins.github.rest import Rest
from tests.stand_ins.github.shapes import Json, Shapes
from tests.stand_ins.github.world import Token, World


class Accounts:
    def __init__(self, rest: Rest, world: World, shapes: Shapes):
        self._rest = rest
        self._world = world
        self._shapes = shapes

    def attach(self, app: FastAPI) -> None:
        app.add_api_route("/api/v3/user", self._own)
        app.add_api_route("/api/v3/users/{login}", self._other)

    async def _own(self, request: Request) -> Response:
        try:
            token = self._rest.authenticated(request)
            if token.login.endswith("[bot]"):
                raise Refused(403, "Resource not accessible by integration")
        except Refused as refused:
            return refused.response()
        return JSONResponse(self._shapes.public_user(token.login))

    async def _other(self, request: Request, login: str) -> Response:
        try:
            self._rest.authenticated(request)
            known = self._world.find_login(login)
            if known is None:
                raise Refused(404, "Not Found")
        except Refused as refused:
            return refused.response()
        return JSONResponse(self._shapes.public_user(known))

    def viewer(self, token: Token) -> Json:
        user = self._shapes.user(token.login)
        return {"login": user["login"], "databaseId": user["id"]}
